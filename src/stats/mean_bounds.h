// The confidence sequence of F6: the betting process of capital_mixture.h run at every point of a
// grid of means. Tested in mean_bounds_test.cc against one CapitalMixture per point.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "stats/capital_mixture.h"

namespace assay {

// Geometric grid through delta: delta 2^(k/64) for k >= -640, below 1.
inline constexpr int kGridPointsPerOctave = 64;
inline constexpr int kGridOctavesBelow = 10;

// Rejects means from the outside inwards. Because the capital is monotone in the mean, a rejected
// point takes everything beyond it along; because what is rejected stays so, this is the running
// intersection.
// Guarantee: P(the true mean is ever rejected) <= 2 / threshold when the samples' conditional mean
//            is constant. Exactness: an end is the outermost grid point that was rejected, so it
//            lies outside the exact end by at most one grid step (1.1 %).
class MeanBounds {
 public:
  // Pre: as CapitalMixture for m = delta (CHECK).
  MeanBounds(double delta, double threshold);

  // What the caller knows about delta itself. It decides with its own CapitalMixture; the grid
  // follows, so that the two can never contradict each other: undecided keeps
  // lower() < delta < upper(), below gives upper() <= delta, above gives lower() >= delta.
  enum class Delta { kUndecided, kMeanBelow, kMeanAbove };

  // Pre: x in [0, 1]. Cost: at most 16 flop a grid point, about 1000 points; fewer as the interval
  // shrinks.
  void add(double x, Delta delta);

  // Every mean >= upper() and every mean <= lower() is rejected; 1 and 0 at the start.
  double lower() const { return rejected_low_ == 0 ? 0.0 : grid_[rejected_low_ - 1]; }
  double upper() const { return rejected_high_ == 0 ? 1.0 : grid_[grid_.size() - rejected_high_]; }
  const std::vector<double>& grid() const { return grid_; }

 private:
  // Products of one side at the grid points: product[j][k] for bet j and mean grid_[k].
  struct Process {
    std::vector<double> inverse;
    std::array<std::vector<double>, kBetCount> product;
  };
  static void multiply(Process& process, Side side, double gain, size_t first, size_t last);
  static double capital(const Process& process, Side side, size_t point);

  std::vector<double> grid_;  // ascending
  size_t delta_at_;           // grid_[delta_at_] == delta
  double threshold_;
  Process below_;             // evidence that the mean lies below the point: makes upper()
  Process above_;             // evidence that it lies above: makes lower()
  size_t rejected_low_ = 0;   // points from the low end
  size_t rejected_high_ = 0;  // points from the high end
};

}  // namespace assay
