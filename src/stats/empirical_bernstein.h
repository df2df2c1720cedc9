// F2: the predictable plug-in empirical Bernstein confidence sequence (03-statistics): closed form,
// O(1) a sample, wider than F1. Tested in empirical_bernstein_test.cc.
#pragma once

#include <cstdint>

#include "stats/interval.h"
#include "stats/plug_in.h"

namespace assay {

// centre sum(lambda_i X_i) / sum(lambda_i), radius (ln(2/alpha) + sum (X_i - m_{i-1})^2
// psi(lambda_i)) / sum(lambda_i), psi(l) = -ln(1-l) - l, lambda as in F1 capped at 1/2.
// Guarantee: P(the constant conditional mean is ever outside interval()) <= alpha.
// Assumes:   samples in [0, 1].
// Cost:      O(1). Threads: const-safe.
// Source:    Waudby-Smith & Ramdas 2023, theorem 2.
class EmpiricalBernstein {
 public:
  // Pre: 0 < alpha < 1 (CHECK).
  explicit EmpiricalBernstein(double alpha);
  void add(double x);
  uint64_t count() const { return plug_in_.count(); }
  // Clamped to [0, 1]; not the running intersection.
  Interval interval() const;

 private:
  PlugIn plug_in_;
  double log_two_over_alpha_;
  double bets_ = 0;       // sum lambda_i
  double weighted_ = 0;   // sum lambda_i X_i
  double variation_ = 0;  // sum (X_i - m_{i-1})^2 psi(lambda_i)
};

}  // namespace assay
