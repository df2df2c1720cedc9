// F1: the hedged capital process and its confidence sequence (03-statistics). Tested in
// hedged_test.cc against the published widths (T2) and by simulation under peeking (T3).
#pragma once

#include <cstdint>
#include <vector>

#include "stats/interval.h"
#include "stats/plug_in.h"

namespace assay {

// K+(m) = prod(1 + lambda+ (X_i - m)), K-(m) = prod(1 - lambda- (X_i - m)) with
// lambda+ = min(lambda, 1/(2m)), lambda- = min(lambda, 1/(2(1-m))), at one mean m.
// Guarantee: P(log_capital() ever >= log(1/alpha)) <= alpha when every conditional mean given the
//            past is m.
// Assumes:   samples in [0, 1].
// Source:    Waudby-Smith & Ramdas 2023, theorem 3 with theta = 1/2.
class HedgedCapital {
 public:
  // Pre: 0 < m < 1, 0 < alpha < 1 (CHECK). alpha sets the bets; any level may be read off.
  HedgedCapital(double m, double alpha);
  void add(double x);
  double log_capital() const;  // log(max(K+, K-) / 2)

 private:
  PlugIn plug_in_;
  double m_;
  double log_plus_ = 0;
  double log_minus_ = 0;
};

// { m : max(K+(m), K-(m)) / 2 < 1/alpha } after each sample. K+ falls and K- rises with m, so the
// set is an interval, and its ends are found by bisection.
// Guarantee: P(the constant conditional mean is ever outside interval()) <= alpha.
// Cost:      add O(1) and 16 bytes; interval() 64 n flop or so.
// Threads:   const-safe.
class HedgedSequence {
 public:
  explicit HedgedSequence(double alpha);
  void add(double x);
  uint64_t count() const { return samples_.size(); }
  // Ends exact to 2^-40, rounded outwards; not the running intersection. When the samples reject
  // every mean (they contradict a constant mean), lower > upper.
  Interval interval() const;

 private:
  struct Sample {
    double x;
    double bet;
  };
  bool rejects_from_below(double m) const;  // K+(m) >= 2/alpha
  bool rejects_from_above(double m) const;  // K-(m) >= 2/alpha

  PlugIn plug_in_;
  double threshold_;
  std::vector<Sample> samples_;
};

}  // namespace assay
