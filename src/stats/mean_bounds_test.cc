#include "stats/mean_bounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/prng.h"

namespace assay {
namespace {

constexpr double kDelta = 0.02;
constexpr double kThreshold = 200;

TEST(MeanBounds, GridGoesThroughDeltaInEvenSteps) {
  for (const double delta : {0x1p-32, 0.02, 0.5, 0.97, 1 - 0x1p-32}) {
    const MeanBounds bounds(delta, kThreshold);
    const std::vector<double>& grid = bounds.grid();
    EXPECT_EQ(std::count(grid.begin(), grid.end(), delta), 1);
    EXPECT_TRUE(std::is_sorted(grid.begin(), grid.end()));
    EXPECT_LT(grid.back(), 1);
    EXPECT_GE(grid.back(), 0.98);
    EXPECT_NEAR(grid.front(), delta / 1024, delta * 1e-12);
    for (size_t k = 1; k < grid.size(); ++k) {
      ASSERT_NEAR(grid[k] / grid[k - 1], std::exp2(1.0 / 64), 1e-12);
    }
  }
}

// The slow, obvious way: one mixture for every grid point and side, latched by hand.
class NaiveBounds {
 public:
  explicit NaiveBounds(const std::vector<double>& grid) {
    for (const double m : grid)
      points_.push_back({m, {Side::kMeanBelow, m}, {Side::kMeanAbove, m}});
  }
  void add(double x) {
    for (Point& p : points_) {
      p.below.add(x);
      p.above.add(x);
      if (p.below.reaches(kThreshold)) upper_ = std::min(upper_, p.m);
      if (p.above.reaches(kThreshold)) lower_ = std::max(lower_, p.m);
      if (p.m == kDelta && delta_ == MeanBounds::Delta::kUndecided) {
        if (p.below.reaches(kThreshold)) delta_ = MeanBounds::Delta::kMeanBelow;
        if (p.above.reaches(kThreshold)) delta_ = MeanBounds::Delta::kMeanAbove;
      }
    }
  }
  double lower() const { return lower_; }
  double upper() const { return upper_; }
  MeanBounds::Delta delta() const { return delta_; }

 private:
  struct Point {
    double m;
    CapitalMixture below;
    CapitalMixture above;
  };
  std::vector<Point> points_;
  double lower_ = 0;
  double upper_ = 1;
  MeanBounds::Delta delta_ = MeanBounds::Delta::kUndecided;
};

TEST(MeanBounds, EqualsOneMixtureForEveryPoint) {
  struct Case {
    double p;     // of the large value
    double high;  // scale of the large value
    double low;   // scale otherwise
  };
  for (const Case& c : {Case{0, 0, 0.01}, Case{0.02, 1, 0}, Case{0.5, 1, 0.1}, Case{1, 0.06, 0},
                        Case{0.1, 1, 0.01}, Case{0, 0, 0}, Case{1, 1, 0}}) {
    MeanBounds bounds(kDelta, kThreshold);
    NaiveBounds naive(bounds.grid());
    Prng prng(12);
    for (int i = 0; i < 300; ++i) {
      const double scale = prng.uniform() < c.p ? c.high : c.low;
      const double x = scale * prng.uniform();
      naive.add(x);
      bounds.add(x, naive.delta());
      ASSERT_EQ(bounds.lower(), naive.lower()) << "after " << i + 1;
      ASSERT_EQ(bounds.upper(), naive.upper()) << "after " << i + 1;
    }
  }
}

TEST(MeanBounds, DeltaGoesWithTheDecisionWhateverTheGridSays) {
  // The caller's word on delta wins even where the grid alone would see it otherwise.
  MeanBounds undecided(kDelta, kThreshold);
  for (int i = 0; i < 2000; ++i) undecided.add(0, MeanBounds::Delta::kUndecided);
  EXPECT_GT(undecided.upper(), kDelta);
  undecided.add(0, MeanBounds::Delta::kMeanBelow);
  EXPECT_LT(undecided.upper(), kDelta);

  MeanBounds above(kDelta, kThreshold);
  above.add(0.5, MeanBounds::Delta::kMeanAbove);
  EXPECT_EQ(above.lower(), kDelta);
}

TEST(MeanBounds, EndsNeverCross) {
  // Samples that contradict a constant mean would reject everything.
  MeanBounds bounds(kDelta, kThreshold);
  NaiveBounds naive(bounds.grid());
  for (int i = 0; i < 3000; ++i) {
    const double x = i < 1000 ? 0.3 : 0.6;
    naive.add(x);
    bounds.add(x, naive.delta());
    ASSERT_LT(bounds.lower(), bounds.upper());
  }
  EXPECT_GE(naive.lower(), naive.upper());  // the stress is real
}

}  // namespace
}  // namespace assay
