// The predictable plug-in bets that F1 and F2 share (03-statistics, F1).
#pragma once

#include <cstdint>

namespace assay {

// lambda_t = sqrt(2 ln(2/alpha) / (t ln(1+t) s2_{t-1})), m_t = (1/2 + sum X)/(t+1),
// s2_t = (1/4 + sum (X_i - m_i)^2)/(t+1): each bet depends on earlier samples only.
// Source: Waudby-Smith & Ramdas 2023, section 3.2 and equation (26).
class PlugIn {
 public:
  // Pre: 0 < alpha < 1 (CHECK).
  explicit PlugIn(double alpha);

  double bet() const { return bet_; }    // lambda for the next sample, before any cap
  double mean() const { return mean_; }  // m so far; 1/2 before the first sample
  uint64_t count() const { return count_; }
  void add(double x);

 private:
  void make_bet();

  double log_two_over_alpha_;
  uint64_t count_ = 0;
  double sum_ = 0;
  double squares_ = 0;
  double mean_ = 0.5;
  double bet_ = 0;
};

}  // namespace assay
