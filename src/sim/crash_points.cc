#include "sim/crash_points.h"

namespace assay::sim {
namespace {

struct Way {
  const char* name;
  CrashAtWrite::When when;
  size_t loses;
  Disk::Tail tail;
};
constexpr size_t kAll = ~size_t{0};
constexpr Way kWays[kCrashWays] = {
    {"before the write, with all that was not synced lost", CrashAtWrite::kNotDurable, kAll,
     Disk::Tail::kLost},
    {"before the write, with all before it kept", CrashAtWrite::kNotDurable, 1, Disk::Tail::kLost},
    {"within the write, torn", CrashAtWrite::kNotDurable, 1, Disk::Tail::kTorn},
    {"within the write, a byte wrong", CrashAtWrite::kNotDurable, 1, Disk::Tail::kFlipped},
    {"after the write", CrashAtWrite::kDurable, 0, Disk::Tail::kLost},
    {"after the step, nothing synced", CrashAtWrite::kWithEffects, kAll, Disk::Tail::kLost},
    {"after the step, all synced", CrashAtWrite::kWithEffects, 0, Disk::Tail::kLost},
};

}  // namespace

Scenario eventful_scenario(size_t nodes) {
  Scenario scenario = make_scenario(1, {.nodes = nodes, .keep = std::vector<size_t>{}});
  scenario.seed = nodes;
  scenario.byzantine = 0;
  scenario.spares = 1;
  scenario.sampling.reset();
  scenario.heights = 12;
  scenario.window_ms = 100000;
  scenario.epoch_blocks = 3;
  scenario.is_disk_slow = true;
  scenario.prunes = false;
  scenario.transactions = 60;
  scenario.settings.checkpoint_blocks = 2;
  scenario.settings.recent_blocks = 4;
  constexpr uint64_t kASpareJoins = uint64_t{2} << 4;
  scenario.actions = {{Fault::kSetChange, 0, 1, 0, kASpareJoins},
                      {Fault::kIsolateLeader, 0, 10, 250, 0},
                      {Fault::kIsolateLeader, 0, 450, 250, 0}};
  return scenario;
}

CrashPointsResult crash_at_every_write(size_t nodes, uint64_t stride) {
  CrashPointsResult result;
  // The validators and the one that joins.
  for (size_t target = 0; target <= nodes; ++target) {
    for (uint64_t write = 1;; write += stride) {
      const uint64_t crashes = result.totals.crashes;
      for (const Way& way : kWays) {
        Scenario scenario = eventful_scenario(nodes);
        Action action = {Fault::kCrashAtPersist, target, 0, 5 + 13 * write % 90, 0};
        action.crash = CrashAtWrite{.write = write,
                                    .when = way.when,
                                    .loses = way.loses,
                                    .tail = way.tail,
                                    .salt = write * 0x9E3779B97F4A7C15u};
        scenario.actions.push_back(action);
        World world(scenario);
        if (const auto violation = world.run()) {
          result.violation = "validator " + std::to_string(target) + ", write " +
                             std::to_string(write) + ", " + way.name + ": " + violation->invariant +
                             ": " + violation->detail;
          return result;
        }
        if (world.totals().crashes == 0) break;  // it does not write as often
        result.totals.add(world.totals());
        ++result.cases;
      }
      if (result.totals.crashes == crashes) break;
      ++result.writes;
    }
  }
  return result;
}

}  // namespace assay::sim
