#include "base/clock.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(Clock, NeverGoesBack) {
  double last = monotonic_clock().seconds();
  for (int i = 0; i < 1000; ++i) {
    const double now = monotonic_clock().seconds();
    EXPECT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace assay
