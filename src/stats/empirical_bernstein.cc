#include "stats/empirical_bernstein.h"

#include <algorithm>

#include "base/detmath.h"

namespace assay {
namespace {

constexpr double kBetMax = 0.5;

double psi(double bet) { return -det_log1p(-bet) - bet; }

}  // namespace

EmpiricalBernstein::EmpiricalBernstein(double alpha)
    : plug_in_(alpha), log_two_over_alpha_(det_log(2 / alpha)) {}

void EmpiricalBernstein::add(double x) {
  const double bet = std::min(plug_in_.bet(), kBetMax);
  const double error = x - plug_in_.mean();
  bets_ += bet;
  weighted_ += bet * x;
  variation_ += error * error * psi(bet);
  plug_in_.add(x);
}

Interval EmpiricalBernstein::interval() const {
  if (count() == 0) return {};
  const double centre = weighted_ / bets_;
  const double radius = (log_two_over_alpha_ + variation_) / bets_;
  return {.lower = std::clamp(centre - radius, 0.0, 1.0),
          .upper = std::clamp(centre + radius, 0.0, 1.0)};
}

}  // namespace assay
