#include "sim/small_world.h"

#include <gtest/gtest.h>

namespace assay::sim {
namespace {

SmallWorldResult explore_all(SmallWorldOptions options, bft::View byzantine_and_one) {
  if (byzantine_and_one > 0) options.byzantine = byzantine_and_one - 1;
  const SmallWorldResult result = explore(options);
  EXPECT_FALSE(result.violation.has_value()) << *result.violation;
  EXPECT_TRUE(result.is_complete);
  return result;
}

// Every pattern at all of a single view of a single height.
TEST(SmallWorld, OneViewIsExploredWithoutABoundOnDeviations) {
  for (const bft::View byzantine : {0U, 1U, 2U}) {
    const auto result = explore_all({.heights = 1, .views = 1, .deviations_max = 1000}, byzantine);
    EXPECT_GT(result.states, 1000U);
    EXPECT_GT(result.decided, 500U);
  }
}

// More in `probft-sim --small-world 5`.
TEST(SmallWorld, TwoHeightsOfThreeViewsHoldWithThreeDeviations) {
  for (const bft::View byzantine : {0U, 1U, 2U, 3U}) {
    const auto result = explore_all({.heights = 2, .views = 3, .deviations_max = 3}, byzantine);
    EXPECT_GT(result.states, 2000U);
    EXPECT_GT(result.decided, 1500U);
    // Every further deviation adds states.
    const auto fewer = explore_all({.heights = 2, .views = 3, .deviations_max = 2}, byzantine);
    EXPECT_LT(fewer.states, result.states);
  }
}

TEST(SmallWorld, WithoutDeviationsThereIsOnePath) {
  const auto result = explore_all({.heights = 2, .views = 3, .deviations_max = 0}, 0);
  EXPECT_LT(result.states, 20U);
  EXPECT_GT(result.decided, 0U);
}

}  // namespace
}  // namespace assay::sim
