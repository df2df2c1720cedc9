// Tails of the binomial distribution as logarithms, so that 2^-1000 is as good as 0.5. Tested in
// binomial_tail_test.cc against exact integers, other programs and simulation.
#pragma once

#include <cstdint>
#include <vector>

namespace assay {

// Exact:   the sum over all masses of the tail, no bound and no normal approximation; the same bits
//          on every machine (detmath). Relative error of the probability below 1e-12 for 1000
//          trials, 1e-10 for 10^5.
// Method:  log-factorials as compensated sums of logarithms give the mass at the border of the
//          tail; the other masses follow as products of ratios of neighbours, which fall from 1
//          because the tail that does not hold the mode is the one that is summed.
// Cost:    construction one logarithm a trial; a query a few standard deviations of multiplications
//          and divisions. Threads: const-safe.
class BinomialTail {
 public:
  explicit BinomialTail(uint32_t trials_max);

  // X ~ Bin(trials, p): log P[X >= k] and log P[X < k]; -inf for what cannot be.
  // Pre: trials <= trials_max, 0 <= p <= 1 (CHECK).
  double log_at_least(uint32_t trials, double p, uint32_t k) const;
  double log_below(uint32_t trials, double p, uint32_t k) const;

 private:
  // log P[X = k]. Pre: k <= trials, 0 < p < 1.
  double log_mass(uint32_t trials, double p, uint32_t k) const;
  // log P[X >= k] for k above the mode, log P[X <= k] for k up to it.
  double log_upper(uint32_t trials, double p, uint32_t k) const;
  double log_lower(uint32_t trials, double p, uint32_t k) const;

  std::vector<double> log_factorial_;
};

}  // namespace assay
