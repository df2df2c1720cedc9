// A validator of an eventful run stopped at every write, in every way, one run each: what random
// crashes may miss, this cannot. Tested in crash_points_test.cc.
#pragma once

#include <optional>
#include <string>

#include "sim/world.h"

namespace assay::sim {

// Heights with everything in them that leaves something on a disk: changes of view, an epoch's end
// with a validator that joins, checkpoints, transactions.
Scenario eventful_scenario(size_t nodes);

struct CrashPointsResult {
  uint64_t writes = 0;  // of all validators, until the faults end
  uint64_t cases = 0;   // writes times ways
  Totals totals;
  std::optional<std::string> violation;  // and where
};

// Before the write is durable, within it, after it, and after the step that made it; with what was
// not synced lost or kept. stride: only each so many-th write.
constexpr size_t kCrashWays = 7;
CrashPointsResult crash_at_every_write(size_t nodes, uint64_t stride = 1);

}  // namespace assay::sim
