// Schedules of every size, with every kind of fault; the same, chosen by hand, for what users of
// such systems complain about; and a crash at every write. `make sim` runs more.
#include "sim/world.h"

#include <gtest/gtest.h>

#include "sim/minimise.h"

namespace assay::sim {
namespace {

// Runs it and expects every invariant to hold.
Totals run(const Scenario& scenario) {
  World world(scenario);
  const auto violation = world.run();
  EXPECT_FALSE(violation.has_value())
      << violation->invariant << ": " << violation->detail << " (seed " << scenario.seed << ")";
  return world.totals();
}

Totals run_seeds(uint64_t seed, uint64_t schedules, const ScenarioOptions& options) {
  Totals totals;
  for (uint64_t i = 0; i < schedules; ++i) {
    const auto failure = run_schedule(seed + i, options, &totals);
    if (!failure) continue;
    ADD_FAILURE() << failure->violation.invariant << ": " << failure->violation.detail
                  << "\n  probft-sim " << to_arguments(seed + i, options);
    break;
  }
  return totals;
}

Scenario calm(size_t nodes, bft::Height heights) {
  Scenario scenario = make_scenario(1, {.nodes = nodes, .keep = std::vector<size_t>{}});
  scenario.byzantine = 0;
  scenario.spares = 0;
  scenario.sampling.reset();
  scenario.is_live = true;
  scenario.heights = heights;
  scenario.window_ms = 100000;
  scenario.transactions = 50;
  return scenario;
}

TEST(World, TheSameScenarioIsTheSameRun) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    std::string traces[2];
    uint64_t steps[2];
    for (int i = 0; i < 2; ++i) {
      World world(make_scenario(seed, {}));
      world.set_trace([&](const std::string& line) { traces[i] += line + "\n"; });
      EXPECT_FALSE(world.run().has_value());
      steps[i] = world.totals().steps;
    }
    EXPECT_EQ(traces[0], traces[1]);
    EXPECT_EQ(steps[0], steps[1]);
    EXPECT_GT(traces[0].size(), 1000U);
  }
}

TEST(World, InvariantsHoldForEverySizeAndEveryFaultHappens) {
  Totals totals = run_seeds(1, 900, {});
  for (const size_t nodes : {4U, 5U, 6U, 7U, 8U, 9U, 10U, 13U}) {
    totals.add(run_seeds(100000 * nodes, 40, {.nodes = nodes}));
  }
  for (size_t i = 0; i < kFaultKinds; ++i) {
    EXPECT_GT(totals.faults[i], 0U) << fault_name(static_cast<Fault>(i));
  }
  EXPECT_GT(totals.view_changes, 1000U);
  EXPECT_GT(totals.crashes, 500U);
  EXPECT_GT(totals.checkpoints, 10U);
  EXPECT_GT(totals.evidence, 100U);
  EXPECT_GT(totals.set_changes, 5U);
  EXPECT_GT(totals.messages_dropped, 1000U);
}

TEST(World, TwinsForkNothing) {
  const Totals totals = run_seeds(1, 200, {.twins = true});
  EXPECT_GT(totals.evidence, 50U);
  EXPECT_EQ(totals.forks, 0U);
}

TEST(World, BeyondFaultsAForkConvictsMoreThanF) {
  Totals totals = run_seeds(1, 200, {.beyond = true});
  totals.add(run_seeds(1, 200, {.twins = true, .beyond = true}));
  EXPECT_GT(totals.forks, 10U);
}

// Each validator stops at each of its first writes: before it is durable, after it, and with the
// messages that need not wait for it sent; what was not synced is kept, lost, torn or damaged.
TEST(World, ACrashAtEveryWriteBreaksNothing) {
  Totals totals;
  constexpr uint64_t kWrites = 24;
  for (size_t target = 0; target < 4; ++target) {
    for (uint64_t write = 0; write < kWrites; ++write) {
      for (uint64_t what = 0; what < 9; ++what) {
        Scenario scenario = calm(4, 9);
        scenario.seed = 31 * write + target;
        scenario.is_disk_slow = true;
        // See World::begin and World::crash for the parts of the amount.
        const uint64_t crash = what % 3 + 3 * (write + 256 * (what / 3));
        scenario.actions = {{Fault::kCrashAtPersist, target, 0, 30, write + kWrites * crash}};
        totals.add(run(scenario));
      }
    }
  }
  EXPECT_EQ(totals.crashes, 4 * kWrites * 9);
}

TEST(World, AllRestartTogetherAgainAndAgain) {
  Scenario scenario = calm(4, 40);
  scenario.is_disk_slow = true;
  for (uint64_t i = 0; i < 20; ++i) {
    scenario.actions.push_back({Fault::kRestartAll, 0, 37 * i, 20, i * 0x9E3779B97F4A7C15u});
  }
  EXPECT_GE(run(scenario).crashes, 60U);
}

TEST(World, ALaggardCatchesUpByBlocksAndByCheckpoints) {
  for (const bool prunes : {false, true}) {
    Scenario scenario = calm(4, 300);
    scenario.settings.checkpoint_blocks = 20;
    scenario.settings.recent_blocks = 4;
    scenario.prunes = prunes;
    scenario.actions = {{Fault::kCrash, 3, 100, 50000, 0}};
    const Totals totals = run(scenario);
    EXPECT_GE(totals.heights, 300U);
    EXPECT_LT(totals.heal_ms_max, 5000U);
    EXPECT_TRUE(!prunes || totals.checkpoints > 0);
  }
}

TEST(World, OneSlowValidatorDoesNotStopTheOthers) {
  Scenario scenario = calm(7, 60);
  scenario.actions = {{Fault::kSlowNode, 2, 0, 100000, 120}};
  EXPECT_GE(run(scenario).heights, 57U);
}

TEST(World, AFullMempoolAndFloodsOfVotesAndEvidenceLeaveItLive) {
  Scenario scenario = calm(4, 30);
  scenario.byzantine = 1;
  for (uint64_t i = 0; i < 10; ++i) {
    scenario.actions.push_back({Fault::kTransactionFlood, 1 + i % 3, 20 * i, 0, 0});
  }
  scenario.actions.push_back({Fault::kVoteFlood, 0, 0, 0, 0});
  scenario.actions.push_back({Fault::kEvidenceStorm, 0, 0, 0, 0});
  const Totals totals = run(scenario);
  EXPECT_GE(totals.heights, 30U);
  EXPECT_GT(totals.messages_dropped, 500U);
  EXPECT_GT(totals.faults[static_cast<size_t>(Fault::kVoteFlood)], 10U);
}

}  // namespace
}  // namespace assay::sim
