#include "stats/mean_bounds.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace assay {
namespace {

// 2^(1/64) by six square roots, which IEEE defines to the last bit.
double grid_ratio() {
  static_assert(kGridPointsPerOctave == 64);
  double ratio = 2;
  for (int i = 0; i < 6; ++i) ratio = std::sqrt(ratio);
  return ratio;
}

}  // namespace

MeanBounds::MeanBounds(double delta, double threshold) : delta_at_(0), threshold_(threshold) {
  ASSAY_CHECK(delta >= 0x1p-32 && delta <= 1 - 0x1p-32);
  const double ratio = grid_ratio();
  double point = delta;
  for (int k = 0; k < kGridPointsPerOctave * kGridOctavesBelow; ++k) {
    point /= ratio;
    grid_.push_back(point);
  }
  std::reverse(grid_.begin(), grid_.end());
  delta_at_ = grid_.size();
  for (point = delta; point < 1 - 0x1p-32; point *= ratio) grid_.push_back(point);
  if (delta == 1 - 0x1p-32) grid_.push_back(delta);

  for (const double m : grid_) {
    below_.inverse.push_back(1 / (1 - m));
    above_.inverse.push_back(1 / m);
  }
  for (size_t j = 0; j < kBetCount; ++j) {
    below_.product[j].assign(grid_.size(), 1.0);
    above_.product[j].assign(grid_.size(), 1.0);
  }
}

void MeanBounds::multiply(Process& process, Side side, double gain, size_t first, size_t last) {
  const Bets& bets = bets_of(side);
  const double* inverse = process.inverse.data();
  for (size_t j = 0; j < kBetCount; ++j) {
    const double kept = 1 - bets[j].share;
    const double share = bets[j].share;
    double* product = process.product[j].data();
    for (size_t k = first; k < last; ++k) {
      const double p = product[k] * (kept + share * inverse[k] * gain);
      product[k] = p < kBetDropped ? 0.0 : p;
    }
  }
}

double MeanBounds::capital(const Process& process, Side side, size_t point) {
  const Bets& bets = bets_of(side);
  double total = 0;
  for (size_t j = 0; j < kBetCount; ++j) total += bets[j].weight * process.product[j][point];
  return total;
}

void MeanBounds::add(double x, Delta delta) {
  // Only points that are still in the interval can change anything. They have less capital than
  // the threshold, so that no product overflows.
  const size_t first = rejected_low_;
  const size_t last = grid_.size() - rejected_high_;
  multiply(below_, Side::kMeanBelow, 1 - x, first, last);
  multiply(above_, Side::kMeanAbove, x, first, last);

  // The ends may move up to the side of delta that the decision leaves open, and delta itself goes
  // with the decision.
  size_t low_end = delta_at_;       // points below this index may be rejected from below
  size_t high_end = delta_at_ + 1;  // points from this index on may be rejected from above
  if (delta == Delta::kMeanBelow) {
    rejected_high_ = std::max(rejected_high_, grid_.size() - delta_at_);
    high_end = 0;
  } else if (delta == Delta::kMeanAbove) {
    rejected_low_ = std::max(rejected_low_, delta_at_ + 1);
    low_end = grid_.size();
  }
  while (grid_.size() - rejected_high_ > std::max(high_end, rejected_low_) &&
         capital(below_, Side::kMeanBelow, grid_.size() - rejected_high_ - 1) >= threshold_) {
    ++rejected_high_;
  }
  while (rejected_low_ < std::min(low_end, grid_.size() - rejected_high_) &&
         capital(above_, Side::kMeanAbove, rejected_low_) >= threshold_) {
    ++rejected_low_;
  }
}

}  // namespace assay
