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

// ---- What users of such systems complain about, each with its bound. That memory stays bounded is
// looked at after every step (Checker::stepped).

// The sizes that 3f + 1 does not name, too.
constexpr size_t kSizes[] = {4, 5, 6, 7, 8, 9, 10, 13};

// A height takes 20 ms of waiting for transactions, five rounds on links of 1 to 10 ms, and what is
// said again after 40 ms.
constexpr uint64_t kCalmHeightMs = 100;

TEST(World, OfEverySizeFMayBeSilentAndAQuorumIsNeeded) {
  for (const size_t nodes : kSizes) {
    const size_t faults_max = (nodes - 1) / 3;
    Scenario scenario = calm(nodes, 20);
    scenario.epoch_blocks = 1000;
    scenario.byzantine = faults_max;
    for (size_t i = 0; i < faults_max; ++i) {
      scenario.actions.push_back({Fault::kSilence, i, 0, 0, 0});
    }
    const Totals totals = run(scenario);
    EXPECT_GE(totals.heights, 20U) << nodes;
    // Each height in which silent ones lead costs their views, 100 ms and doubling.
    EXPECT_LT(totals.ms, 20 * (kCalmHeightMs + 400 * faults_max)) << nodes;
    // With one less than a quorum nothing is decided. When it is back, all go on.
    const size_t quorum = (nodes + faults_max) / 2 + 1;
    scenario.byzantine = 0;
    scenario.actions.clear();
    scenario.window_ms = 3000;
    for (size_t i = 0; i <= nodes - quorum; ++i) {
      scenario.actions.push_back({Fault::kCrash, i, 1, 3000, 0});
    }
    const Totals stopped = run(scenario);
    EXPECT_LE(stopped.heights, 5U) << nodes;
    EXPECT_GT(stopped.heal_ms_max, 0U) << nodes;
    EXPECT_LT(stopped.heal_ms_max, 6000U) << nodes;
  }
}

TEST(World, AllRestartTogetherAgainAndAgain) {
  for (const size_t nodes : kSizes) {
    Scenario scenario = calm(nodes, 40);
    scenario.is_disk_slow = true;
    for (uint64_t i = 0; i < 20; ++i) {
      scenario.actions.push_back({Fault::kRestartAll, 0, 37 * i, 20, i * 0x9E3779B97F4A7C15u});
    }
    const Totals totals = run(scenario);
    EXPECT_GE(totals.crashes, 15 * nodes) << nodes;
    EXPECT_GE(totals.heights, 39U) << nodes;
    EXPECT_LT(totals.ms, 20 * 37 + 40 * 2 * kCalmHeightMs) << nodes;
  }
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
  for (const size_t nodes : kSizes) {
    Scenario scenario = calm(nodes, 60);
    scenario.actions = {{Fault::kSlowNode, 2, 0, 100000, 120}};
    const Totals totals = run(scenario);
    EXPECT_GE(totals.heights, 60U) << nodes;
    // What it leads fails at first: it takes longer than a view does.
    EXPECT_LT(totals.ms, 60 * (kCalmHeightMs + 400 / nodes)) << nodes;
  }
}

TEST(World, AFullMempoolRefusesAndTheChainGoesOn) {
  for (const size_t nodes : kSizes) {
    Scenario scenario = calm(nodes, 30);
    scenario.settings.mempool.bytes_max = 4096;
    for (uint64_t i = 0; i < 20; ++i) {
      scenario.actions.push_back({Fault::kTransactionFlood, i % nodes, 20 * i, 0, 0});
    }
    const Totals totals = run(scenario);
    EXPECT_GT(totals.transactions_refused, 500U) << nodes;
    EXPECT_GE(totals.heights, 30U) << nodes;
    EXPECT_LT(totals.ms, 30 * kCalmHeightMs) << nodes;
  }
}

TEST(World, ThousandsOfVotesAndAStormOfEvidenceChangeNothing) {
  for (const size_t nodes : kSizes) {
    Scenario scenario = calm(nodes, 60);
    scenario.epoch_blocks = 1000;
    scenario.byzantine = 1;
    for (const Fault fault :
         {Fault::kVoteFlood, Fault::kEvidenceStorm, Fault::kForgedEvidence, Fault::kViewJump}) {
      scenario.actions.push_back({fault, 0, 0, 0, 0});
    }
    const Totals totals = run(scenario);
    EXPECT_GE(totals.heights, 60U) << nodes;
    EXPECT_LT(totals.ms, 60 * (kCalmHeightMs + 400 / nodes)) << nodes;
    // Fifty times the same vote, and thirty for what is to come, each time.
    EXPECT_GT(80 * totals.faults[static_cast<size_t>(Fault::kVoteFlood)], 2000U) << nodes;
    EXPECT_GT(totals.messages_dropped, 500U) << nodes;
    // One culprit, one epoch: everybody else finds it out once.
    EXPECT_LE(totals.evidence, nodes - 1) << nodes;
    EXPECT_GT(totals.evidence, 0U) << nodes;
  }
}

}  // namespace
}  // namespace assay::sim
