#include "stats/capital_mixture.h"

#include <algorithm>

#include "base/check.h"
#include "base/detmath.h"

namespace assay {
namespace {

constexpr double kScale = 0x1p512;
constexpr double kLargestMax = 0x1p256;
constexpr double kLog2 = 0x1.62e42fefa39efp-1;

}  // namespace

const Bets& bets_of(Side side) {
  // SAME: nearly everything on the largest bet, which is the best one whenever distances are small
  // and even; the rest insures against rare large distances.
  static constexpr Bets kMeanBelowBets = {{{1.0, 61.0 / 64},
                                           {3.0 / 4, 1.0 / 128},
                                           {1.0 / 2, 1.0 / 128},
                                           {1.0 / 4, 1.0 / 128},
                                           {1.0 / 8, 1.0 / 128},
                                           {1.0 / 16, 1.0 / 128},
                                           {1.0 / 32, 1.0 / 256},
                                           {1.0 / 64, 1.0 / 256}}};
  // DIFFERENT: how far the mean lies above the margin is not known, so every octave has its bet.
  static constexpr Bets kMeanAboveBets = {{{3.0 / 4, 1.0 / 8},
                                           {1.0 / 2, 1.0 / 8},
                                           {1.0 / 4, 1.0 / 8},
                                           {1.0 / 8, 1.0 / 8},
                                           {1.0 / 16, 1.0 / 8},
                                           {1.0 / 32, 1.0 / 8},
                                           {1.0 / 64, 1.0 / 8},
                                           {1.0 / 128, 1.0 / 8}}};
  return side == Side::kMeanBelow ? kMeanBelowBets : kMeanAboveBets;
}

CapitalMixture::CapitalMixture(Side side, double m)
    : side_(side), inverse_(side == Side::kMeanBelow ? 1 / (1 - m) : 1 / m), product_{} {
  ASSAY_CHECK(m >= 0x1p-32 && m <= 1 - 0x1p-32);
  product_.fill(1.0);
}

void CapitalMixture::add(double x) {
  ASSAY_DCHECK(x >= 0 && x <= 1);
  const Bets& bets = bets_of(side_);
  const double gain = side_ == Side::kMeanBelow ? 1 - x : x;
  for (size_t j = 0; j < kBetCount; ++j) {
    product_[j] *= (1 - bets[j].share) + bets[j].share * inverse_ * gain;
  }
  rescale();
  const Scaled now{sum(), exponent_};
  if (now > best_) best_ = now;
}

void CapitalMixture::rescale() {
  // The smallest bet never loses more than half at once, so the largest product is never 0.
  const double largest = *std::max_element(product_.begin(), product_.end());
  if (largest > kLargestMax) {
    for (double& p : product_) p *= 1 / kScale;
    ++exponent_;
  } else if (largest < 1 / kLargestMax) {
    for (double& p : product_) p *= kScale;
    --exponent_;
  }
  for (double& p : product_) {
    if (p < kBetDropped) p = 0;
  }
}

double CapitalMixture::sum() const {
  const Bets& bets = bets_of(side_);
  double total = 0;
  for (size_t j = 0; j < kBetCount; ++j) total += bets[j].weight * product_[j];
  return total;
}

bool CapitalMixture::reaches(double threshold) const {
  const Scaled bar{threshold, 0};
  return !(bar > Scaled{sum(), exponent_});
}

double CapitalMixture::log_capital() const { return Scaled{sum(), exponent_}.logarithm(); }

double CapitalMixture::log_capital_max() const { return best_.logarithm(); }

double CapitalMixture::log_capital_extrapolated(double factor) const {
  const Bets& bets = bets_of(side_);
  std::array<double, kBetCount> log_terms{};
  for (size_t j = 0; j < kBetCount; ++j) {
    // A dropped bet gives log 0 = -inf, which drops out of the sum below.
    log_terms[j] = det_log(bets[j].weight) + factor * Scaled{product_[j], exponent_}.logarithm();
  }
  const double largest = *std::max_element(log_terms.begin(), log_terms.end());
  double total = 0;
  for (const double term : log_terms) total += det_exp(term - largest);
  return largest + det_log(total);
}

bool CapitalMixture::Scaled::operator>(const Scaled& other) const {
  if (exponent == other.exponent) return sum > other.sum;
  // More than one step apart the exponents decide alone: sums span less than one and a half steps.
  if (exponent == other.exponent + 1) return sum > other.sum * (1 / kScale);
  if (exponent + 1 == other.exponent) return sum * (1 / kScale) > other.sum;
  return exponent > other.exponent;
}

double CapitalMixture::Scaled::logarithm() const {
  return det_log(sum) + static_cast<double>(exponent) * (512 * kLog2);
}

}  // namespace assay
