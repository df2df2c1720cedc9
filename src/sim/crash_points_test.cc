#include "sim/crash_points.h"

#include <gtest/gtest.h>

namespace assay::sim {
namespace {

// All writes of seven: `make crash-points`.
TEST(CrashPoints, ACrashAtEveryWriteBreaksNothing) {
  for (const auto& [nodes, stride] : {std::pair(4U, 1U), std::pair(7U, 4U)}) {
    const CrashPointsResult result = crash_at_every_write(nodes, stride);
    EXPECT_FALSE(result.violation.has_value()) << *result.violation;
    EXPECT_GE(result.writes, 45 * nodes / stride);
    EXPECT_EQ(result.cases, result.writes * kCrashWays);
    EXPECT_EQ(result.totals.crashes, result.cases);
    EXPECT_GE(result.totals.view_changes, result.cases);
    // A crash may keep the change of validators out of its epoch's blocks.
    EXPECT_GE(result.totals.set_changes, result.cases * 99 / 100);
  }
}

}  // namespace
}  // namespace assay::sim
