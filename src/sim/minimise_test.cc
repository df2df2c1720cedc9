#include "sim/minimise.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::sim {
namespace {

bool keeps(const ScenarioOptions& options, size_t place) {
  if (!options.keep) return true;
  return std::find(options.keep->begin(), options.keep->end(), place) != options.keep->end();
}

// A seed with enough actions to leave some out.
uint64_t busy_seed() {
  for (uint64_t seed = 1;; ++seed) {
    if (make_scenario(seed, {.nodes = 5}).actions.size() >= 12) return seed;
  }
}

TEST(Minimise, KeepsWhatIsNeededAndNothingElse) {
  const uint64_t seed = busy_seed();
  // Takes the actions 3 and 10 together, and at least 5 validators.
  const auto run = [](uint64_t s, const ScenarioOptions& options) -> std::optional<Failure> {
    const Scenario scenario = make_scenario(s, options);
    if (scenario.nodes < 5 || !keeps(options, 3) || !keeps(options, 10)) return std::nullopt;
    return Failure{s, options, {"agreement", "", 0, 0}};
  };
  const Failure least = minimise({seed, {.nodes = 9}, {"agreement", "", 0, 0}}, run);
  EXPECT_EQ(least.options.nodes, 5U);
  EXPECT_EQ(least.options.heights, 3U);
  ASSERT_TRUE(least.options.keep.has_value());
  EXPECT_EQ(*least.options.keep, (std::vector<size_t>{3, 10}));
}

TEST(Minimise, AnotherInvariantIsAnotherFailure) {
  const uint64_t seed = busy_seed();
  const auto run = [](uint64_t s, const ScenarioOptions& options) -> std::optional<Failure> {
    return Failure{s, options, {keeps(options, 2) ? "agreement" : "liveness", "", 0, 0}};
  };
  const Failure least = minimise({seed, {.nodes = 5}, {"agreement", "", 0, 0}}, run);
  EXPECT_EQ(*least.options.keep, std::vector<size_t>{2});
}

}  // namespace
}  // namespace assay::sim
