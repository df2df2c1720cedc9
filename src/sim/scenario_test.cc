#include "sim/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace assay::sim {
namespace {

std::string text_of(const Scenario& scenario) {
  std::string out = std::to_string(scenario.nodes) + " " + std::to_string(scenario.byzantine);
  for (const Action& action : scenario.actions) out += "\n" + to_text(action);
  return out;
}

TEST(Scenario, ASeedIsOneSchedule) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = text_of(make_scenario(seed, {}));
    EXPECT_EQ(text, text_of(make_scenario(seed, {})));
    seen.insert(text);
  }
  EXPECT_GT(seen.size(), 190U);
}

TEST(Scenario, AtMostFAreByzantineOrLoseWhatTheyMustNot) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const Scenario scenario = make_scenario(seed, {});
    std::set<size_t> losers;
    for (const Action& action : scenario.actions) {
      ASSERT_LT(action.target, scenario.identities());
      if (is_attack(action.fault)) {
        EXPECT_TRUE(scenario.is_byzantine(action.target));
      } else if (action.fault == Fault::kOldImage || action.fault == Fault::kSignStateLost) {
        EXPECT_FALSE(scenario.is_byzantine(action.target));
        losers.insert(action.target);
      }
    }
    EXPECT_LE(scenario.byzantine + losers.size(), (scenario.nodes - 1) / 3) << seed;
  }
}

TEST(Scenario, EverySizeAndEveryKindOfFaultIsDrawn) {
  std::set<size_t> nodes;
  std::set<Fault> faults;
  size_t sampled = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const Scenario scenario = make_scenario(seed, {});
    nodes.insert(scenario.nodes);
    for (const Action& action : scenario.actions) faults.insert(action.fault);
    if (scenario.sampling) ++sampled;
  }
  EXPECT_EQ(nodes, (std::set<size_t>{4, 5, 6, 7, 8, 9, 10, 13}));
  EXPECT_EQ(faults.size(), kFaultKinds);
  EXPECT_GT(sampled, 200U);
}

TEST(Scenario, KeepPicksFromTheSameList) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Scenario whole = make_scenario(seed, {.nodes = 7});
    if (whole.actions.size() < 3) continue;
    const Scenario picked =
        make_scenario(seed, {.nodes = 7, .keep = std::vector<size_t>{0, 2, 1000}});
    ASSERT_EQ(picked.actions.size(), 2U);
    EXPECT_EQ(to_text(picked.actions[0]), to_text(whole.actions[0]));
    EXPECT_EQ(to_text(picked.actions[1]), to_text(whole.actions[2]));
    EXPECT_EQ(picked.byzantine, whole.byzantine);
  }
}

TEST(Scenario, BeyondFaultsThereIsOneMore) {
  for (const size_t nodes : {4U, 7U, 10U}) {
    const Scenario scenario = make_scenario(3, {.nodes = nodes, .beyond = true});
    EXPECT_EQ(scenario.byzantine, (nodes - 1) / 3 + 1);
    EXPECT_FALSE(scenario.is_live);
  }
}

TEST(Scenario, ArgumentsSayWhatIsFixed) {
  EXPECT_EQ(to_arguments(7, {}), "--seed 7");
  EXPECT_EQ(
      to_arguments(7, {.nodes = 4, .heights = 5, .twins = true, .keep = std::vector<size_t>{0, 3}}),
      "--seed 7 --nodes 4 --heights 5 --twins --keep 0,3");
  EXPECT_EQ(to_arguments(7, {.beyond = true, .keep = std::vector<size_t>{}}),
            "--seed 7 --beyond --keep none");
}

}  // namespace
}  // namespace assay::sim
