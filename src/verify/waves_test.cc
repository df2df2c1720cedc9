#include "verify/waves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Waves, StatedSequence) {
  EXPECT_THAT(wave_ends(0), IsEmpty());
  EXPECT_THAT(wave_ends(1), ElementsAre(1));
  EXPECT_THAT(wave_ends(64), ElementsAre(64));
  EXPECT_THAT(wave_ends(65), ElementsAre(64, 65));
  EXPECT_THAT(wave_ends(320), ElementsAre(64, 320));
  EXPECT_THAT(wave_ends(512), ElementsAre(64, 320, 512));
  EXPECT_THAT(wave_ends(640), ElementsAre(64, 320, 640));
  EXPECT_THAT(wave_ends(641), ElementsAre(64, 320, 640, 641));
  EXPECT_THAT(wave_ends(10000), ElementsAre(64, 320, 640, 1280, 2560, 5120, 10000));
}

TEST(Waves, StrictlyIncreasingAndEndsAtTheBudget) {
  for (uint64_t challenges = 1; challenges < 6000; ++challenges) {
    const std::vector<uint64_t> ends = wave_ends(challenges);
    ASSERT_EQ(ends.back(), challenges);
    for (size_t i = 1; i < ends.size(); ++i) ASSERT_LT(ends[i - 1], ends[i]) << challenges;
  }
}

TEST(Waves, NoOverflowAtTheLargestBudget) {
  const std::vector<uint64_t> ends = wave_ends(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(ends.back(), std::numeric_limits<uint64_t>::max());
  EXPECT_LT(ends.size(), 64u);
}

}  // namespace
}  // namespace assay
