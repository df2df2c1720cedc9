#include "stats/binomial_tail.h"

#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/detmath.h"

namespace assay {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kAlways = 0;
// A term below this share of the sum, and all that follow, do not change it: they fall, and there
// are fewer than 2^20 of them.
constexpr double kShareMin = 0x1p-80;

// log(1 - exp(x)), for x <= 0 away from 0.
double log_complement(double x) { return det_log1p(-det_exp(x)); }

// The mode of Bin(trials, p) lies below k.
bool is_above_mode(uint32_t trials, double p, uint32_t k) {
  return static_cast<double>(k) > (static_cast<double>(trials) + 1) * p;
}

}  // namespace

BinomialTail::BinomialTail(uint32_t trials_max) {
  log_factorial_.reserve(size_t{trials_max} + 1);
  log_factorial_.push_back(0);
  double sum = 0;
  double lost = 0;  // what rounding took from the sum (Kahan)
  for (uint32_t n = 1; n <= trials_max; ++n) {
    const double term = det_log(n) - lost;
    const double next = sum + term;
    lost = (next - sum) - term;
    sum = next;
    log_factorial_.push_back(sum);
  }
}

double BinomialTail::log_mass(uint32_t trials, double p, uint32_t k) const {
  const double choose = log_factorial_[trials] - log_factorial_[k] - log_factorial_[trials - k];
  return choose + static_cast<double>(k) * det_log(p) +
         static_cast<double>(trials - k) * det_log1p(-p);
}

double BinomialTail::log_upper(uint32_t trials, double p, uint32_t k) const {
  const double odds = p / (1 - p);
  double term = 1;
  double sum = 1;
  for (uint32_t i = k; i < trials && term > sum * kShareMin; ++i) {
    term *= static_cast<double>(trials - i) / (static_cast<double>(i) + 1) * odds;
    sum += term;
  }
  return log_mass(trials, p, k) + det_log(sum);
}

double BinomialTail::log_lower(uint32_t trials, double p, uint32_t k) const {
  const double odds = (1 - p) / p;
  double term = 1;
  double sum = 1;
  for (uint32_t i = k; i > 0 && term > sum * kShareMin; --i) {
    term *= static_cast<double>(i) / (static_cast<double>(trials - i) + 1) * odds;
    sum += term;
  }
  return log_mass(trials, p, k) + det_log(sum);
}

double BinomialTail::log_at_least(uint32_t trials, double p, uint32_t k) const {
  ASSAY_CHECK(trials < log_factorial_.size() && p >= 0 && p <= 1);
  if (k == 0) return kAlways;
  if (k > trials || p == 0) return kNever;
  if (p == 1) return kAlways;
  return is_above_mode(trials, p, k) ? log_upper(trials, p, k)
                                     : log_complement(log_lower(trials, p, k - 1));
}

double BinomialTail::log_below(uint32_t trials, double p, uint32_t k) const {
  ASSAY_CHECK(trials < log_factorial_.size() && p >= 0 && p <= 1);
  if (k == 0) return kNever;
  if (k > trials || p == 0) return kAlways;
  if (p == 1) return kNever;
  return is_above_mode(trials, p, k) ? log_complement(log_upper(trials, p, k))
                                     : log_lower(trials, p, k - 1);
}

}  // namespace assay
