// F6: SAME / DIFFERENT / UNDECIDED about the mean of a bounded distance (03-statistics),
// anytime-valid. Tested by simulation under peeking in mean_test_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay {

enum class Decision : uint8_t { kUndecided, kSame, kDifferent };
std::string_view decision_name(Decision decision);  // "UNDECIDED", "SAME", "DIFFERENT"

// A distance in [0, 1] as a fixed-point number with 32 fractional bits: what certificates carry, so
// that every machine recomputes the same verdict. 2^32 means exactly 1.
using Fixed = uint64_t;
inline constexpr Fixed kFixedOne = Fixed{1} << 32;
Fixed fixed_from_unit(
    double x);  // round to nearest, ties to even; clamped to [0, 1]; pre: not NaN (CHECK)
double fixed_to_unit(Fixed x);

struct MeanTestOptions {
  double alpha = 0.01;  // probability of a wrong SAME or DIFFERENT, whenever one stops
  double delta = 0.02;  // margin: SAME says the mean is below it
};
// Errors: INVALID_ARGUMENT unless 2^-100 <= alpha <= 0.5 and 2^-32 <= delta <= 1 - 2^-32 (the
// resolution of the samples).
Status check_options(const MeanTestOptions& options);

// Guarantee: P(ever SAME when mean >= delta) <= alpha/2 and P(ever DIFFERENT when mean <= delta) <=
//            alpha/2, for any stopping rule.
// Assumes:   samples in [0, 1] with the same conditional mean given the past (independent
//            challenges).
// Method:    two betting processes against every mean m (Waudby-Smith & Ramdas 2023), mixtures of
//            bets up to their limits (capital_mixture.h, docs/adr/0004-betting-for-same.md);
//            confidence sequence = { m : both below 2/alpha }.
// Exact:     decisions and bounds come from IEEE + - * / sqrt, log e-values from detmath: the same
//            bits on every machine, however often the queries are made.
// Cost:      add about 50 ns; lower() and upper() about 15 us for each sample since the last query.
// Threads:   none: lower() and upper() catch up lazily, so even const calls need one thread.
class MeanTest {
 public:
  // Pre: check_options(options).ok() (CHECK).
  explicit MeanTest(const MeanTestOptions& options);
  ~MeanTest();
  MeanTest(MeanTest&&) noexcept;
  MeanTest& operator=(MeanTest&&) noexcept;

  // Pre: distance <= kFixedOne (CHECK; who reads distances from outside checks them first).
  void add(Fixed distance);
  uint64_t count() const;
  // The first decision reached stays.
  Decision decision() const;
  double mean() const;  // of the samples; 0 before the first
  // Ends of the confidence sequence at level 1 - alpha (running intersection), within [0, 1]: every
  // mean <= lower() and every mean >= upper() is rejected. The ends are points of a grid through
  // delta, at most 1.1 % outside the exact ends, and they never contradict the decision:
  // SAME if and only if upper() <= delta, DIFFERENT if and only if lower() >= delta.
  double lower() const;
  double upper() const;
  // log of the e-value behind the decision: against "mean >= delta" and against "mean <= delta".
  // Maximum so far.
  double log_e_same() const;
  double log_e_different() const;
  // How many more samples like the ones seen so far would decide, or 0 when no number up to 10^7
  // would (mean too near delta) or the decision is there. Before the first sample:
  // same_samples_min().
  uint64_t more_needed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Smallest number of samples with which SAME can be certified at all: every distance zero.
// UINT64_MAX when that is beyond 2^62.
uint64_t same_samples_min(const MeanTestOptions& options);

}  // namespace assay
