// The betting process of F6 at one mean m: a fixed mixture of constant bets (03-statistics;
// docs/adr/0004-betting-for-same.md says why these). Tested in capital_mixture_test.cc.
//
//   evidence for "mean < m":  K = sum_j w_j prod_i (1 - c_j + c_j (1 - X_i) / (1 - m))
//   evidence for "mean > m":  K = sum_j w_j prod_i (1 - c_j + c_j X_i / m)
//
// which is 1 -/+ lambda (X_i - m) with lambda = c_j / (1 - m) or c_j / m: c is the share of the
// largest bet allowed. K is monotone in m, so the means it rejects form an interval.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace assay {

enum class Side : uint8_t { kMeanBelow, kMeanAbove };  // what a large capital is evidence for

inline constexpr size_t kBetCount = 8;
struct Bet {
  double share;   // c in (0, 1], of the largest bet that keeps the capital non-negative
  double weight;  // of the mixture; exact binary fractions that add up to 1
};
using Bets = std::array<Bet, kBetCount>;
const Bets& bets_of(Side side);

// A product below this is set to 0. Giving capital away is always valid, and it keeps subnormal
// numbers, which are slow and depend on the processor's mode, out of the arithmetic.
inline constexpr double kBetDropped = 0x1p-900;

// Guarantee: P(capital ever >= 1/a) <= a when every conditional mean given the past is >= m
//            (kMeanBelow) or <= m (kMeanAbove); Ville's inequality.
// Assumes:   samples in [0, 1].
// Exact:     IEEE + * / and powers of two only: the same bits on every machine.
// Cost:      16 flop a sample. Threads: const-safe.
class CapitalMixture {
 public:
  // Pre: 2^-32 <= m <= 1 - 2^-32 (CHECK): the resolution of the samples.
  CapitalMixture(Side side, double m);

  // Pre: x in [0, 1] (DCHECK).
  void add(double x);
  // Capital now >= threshold, decided without a logarithm. Pre: threshold <= 2^200.
  bool reaches(double threshold) const;
  double log_capital() const;
  // The largest log_capital() so far; 0 at the start.
  double log_capital_max() const;
  // What log_capital() would be after `factor` times as many samples like those so far.
  double log_capital_extrapolated(double factor) const;

 private:
  // sum * 2^(512 * exponent); sum keeps within 2^-264 .. 2^288.
  struct Scaled {
    double sum;
    int64_t exponent;
    bool operator>(const Scaled& other) const;
    double logarithm() const;
  };
  double sum() const;
  void rescale();

  Side side_;
  double inverse_;                         // 1 / (1 - m) or 1 / m
  std::array<double, kBetCount> product_;  // of each bet, times 2^(-512 * exponent_)
  int64_t exponent_ = 0;
  Scaled best_{1.0, 0};
};

}  // namespace assay
