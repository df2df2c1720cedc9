#include "stats/empirical_bernstein.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "stats/hedged.h"
#include "stats/monte_carlo.h"

namespace assay {
namespace {

using monte_carlo::bernoulli;
using monte_carlo::beta;
using monte_carlo::rejections_allowed;

TEST(EmpiricalBernstein, EqualsItsFormula) {
  constexpr double kAlpha = 0.1;
  Prng prng(1);
  EmpiricalBernstein sequence(kAlpha);
  EXPECT_EQ(sequence.interval().lower, 0);
  EXPECT_EQ(sequence.interval().upper, 1);
  double sum = 0, squares = 0, bets = 0, weighted = 0, variation = 0, mean = 0.5;
  for (int t = 1; t <= 400; ++t) {
    const double variance = (0.25 + squares) / t;
    const double bet =
        std::fmin(0.5, std::sqrt(2 * std::log(2 / kAlpha) / (t * std::log(1.0 + t) * variance)));
    const double x = prng.uniform();
    bets += bet;
    weighted += bet * x;
    variation += (x - mean) * (x - mean) * (-std::log(1 - bet) - bet);
    sum += x;
    mean = (0.5 + sum) / (t + 1);
    squares += (x - mean) * (x - mean);

    sequence.add(x);
    const double radius = (std::log(2 / kAlpha) + variation) / bets;
    const Interval ends = sequence.interval();
    ASSERT_NEAR(ends.lower, std::fmax(weighted / bets - radius, 0), 1e-12);
    ASSERT_NEAR(ends.upper, std::fmin(weighted / bets + radius, 1), 1e-12);
  }
  EXPECT_LT(sequence.interval().width(), 0.2);
}

TEST(EmpiricalBernstein, CoversTheMeanAtEveryLook) {
  constexpr int kRuns = 5000;
  struct Case {
    double alpha;
    monte_carlo::Distribution distribution;
    int looks;
  };
  for (const Case& c : {Case{0.05, bernoulli(0.5), 1000}, Case{0.001, bernoulli(0.5), 1000},
                        Case{0.05, bernoulli(0.02), 2000}, Case{0.05, beta(1, 1), 300},
                        Case{0.05, monte_carlo::two_point(0.9, 0.5, 0.1), 500}}) {
    int missed = 0;
    for (int run = 0; run < kRuns; ++run) {
      Prng prng(static_cast<uint64_t>(run) + 17);
      EmpiricalBernstein sequence(c.alpha);
      bool covered = true;
      for (int i = 0; i < c.looks && covered; ++i) {
        sequence.add(c.distribution.draw(prng));
        const Interval ends = sequence.interval();
        covered = ends.lower <= c.distribution.mean && c.distribution.mean <= ends.upper;
      }
      missed += covered ? 0 : 1;
    }
    EXPECT_LE(missed, rejections_allowed(kRuns, c.alpha)) << c.distribution.name << " " << c.alpha;
  }
}

TEST(EmpiricalBernstein, NarrowsWithTheVariance) {
  // A tenth of the spread gives a clearly narrower interval.
  Prng prng(2);
  EmpiricalBernstein wide(0.05);
  EmpiricalBernstein narrow(0.05);
  for (int i = 0; i < 5000; ++i) {
    const double u = prng.uniform();
    wide.add(u);
    narrow.add(0.45 + 0.1 * u);
  }
  EXPECT_LT(narrow.interval().width(), 0.25 * wide.interval().width());
}

}  // namespace
}  // namespace assay
