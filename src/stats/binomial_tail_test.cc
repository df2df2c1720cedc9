#include "stats/binomial_tail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/prng.h"

namespace assay {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

// C(n, k), exactly, for n <= 31.
uint64_t choose(uint64_t n, uint64_t k) {
  uint64_t out = 1;
  for (uint64_t i = 1; i <= k; ++i) out = out * (n - k + i) / i;
  return out;
}

uint64_t power(uint64_t base, uint64_t exponent) {
  uint64_t out = 1;
  while (exponent-- > 0) out *= base;
  return out;
}

// log(weight / total), for weights that integers hold exactly.
double log_share(uint64_t weight, uint64_t total) {
  if (weight == 0) return kNever;
  return static_cast<double>(
      std::log(static_cast<long double>(weight) / static_cast<long double>(total)));
}

// Of log-probabilities, as a relative error of the probability. Equal infinities are equal.
void expect_close(double actual, double expected, double tolerance) {
  if (std::isinf(expected)) {
    EXPECT_EQ(actual, expected);
  } else {
    EXPECT_NEAR(actual, expected, tolerance);
  }
}

TEST(BinomialTail, EqualsExactIntegersForEverySmallCase) {
  const BinomialTail tail(31);
  for (uint32_t n = 0; n <= 31; ++n) {
    for (uint32_t quarters = 0; quarters <= 4; ++quarters) {
      const double p = quarters / 4.0;
      const uint64_t total = power(4, n);
      uint64_t below = 0;
      for (uint32_t k = 0; k <= n + 2; ++k) {
        SCOPED_TRACE(testing::Message() << n << " trials, p " << p << ", k " << k);
        expect_close(tail.log_below(n, p, k), log_share(below, total), 2e-14);
        expect_close(tail.log_at_least(n, p, k), log_share(total - below, total), 2e-14);
        if (k <= n) below += choose(n, k) * power(quarters, k) * power(4 - quarters, n - k);
      }
    }
  }
}

// By Python's integers and decimal module, 60 digits.
TEST(BinomialTail, MatchesExactRationalsForManyTrials) {
  struct Case {
    uint32_t trials;
    double p;
    uint32_t k;
    double at_least;
    double below;
  };
  constexpr Case kCases[] = {
      {100, 1.0 / 4, 60, -29.650810047348520899, -1.3268346743588262173e-13},
      {100, 1.0 / 2, 51, -0.77608240804113239492, -0.61656654752241602495},
      {1000, 3.0 / 8, 450, -14.122780175519422187, -7.3545255377210854835e-7},
      {1000, 3.0 / 8, 300, -2.7504619591603421903e-7, -15.106326905761644580},
      {1000, 1.0 / 2, 900, -371.11642118493179596, 0},
      {10000, 1.0 / 16, 900, -60.411507357593173616, -5.8025075089017654052e-27},
  };
  const BinomialTail tail(10000);
  for (const Case& one : kCases) {
    const double tolerance = one.trials > 1000 ? 1e-11 : 1e-12;
    EXPECT_NEAR(tail.log_at_least(one.trials, one.p, one.k), one.at_least, tolerance);
    EXPECT_NEAR(tail.log_below(one.trials, one.p, one.k), one.below, tolerance);
    // Tails near 1: their small logarithm keeps its digits.
    const double small = std::max(one.at_least, one.below);
    const double got = std::max(tail.log_at_least(one.trials, one.p, one.k),
                                tail.log_below(one.trials, one.p, one.k));
    if (small < 0) {
      EXPECT_NEAR(got / small, 1, 1e-11);
    }
  }
}

TEST(BinomialTail, MirrorImagesAndComplementsAgree) {
  const BinomialTail tail(1000);
  for (const double p : {1.0 / 64, 0.25, 0.5, 0.75, 63.0 / 64}) {
    for (uint32_t k = 0; k <= 1001; k += 7) {
      EXPECT_NEAR(std::exp(tail.log_at_least(1000, p, k)) + std::exp(tail.log_below(1000, p, k)), 1,
                  1e-12);
      // At least k successes are fewer than 1001 - k failures.
      if (k <= 1000) {
        expect_close(tail.log_at_least(1000, p, k), tail.log_below(1000, 1 - p, 1001 - k), 3e-12);
      }
    }
  }
}

TEST(BinomialTail, FallsWithTheThresholdAndRisesWithTheProbability) {
  const BinomialTail tail(400);
  for (uint32_t s = 1; s < 400; s += 3) {
    for (uint32_t k = 0; k < 400; ++k) {
      EXPECT_GE(tail.log_at_least(400, s / 400.0, k), tail.log_at_least(400, s / 400.0, k + 1));
    }
    for (uint32_t k = 1; k <= 400; k += 11) {
      EXPECT_LE(tail.log_at_least(400, s / 400.0, k), tail.log_at_least(400, (s + 1) / 400.0, k));
    }
  }
}

// Fixed seeds; five standard deviations.
TEST(BinomialTail, IsWhatSimulationSees) {
  const BinomialTail tail(1000);
  Prng prng(20240617);
  for (const uint32_t n : {100U, 1000U}) {
    constexpr double kP = 0.3;
    constexpr size_t kRuns = 20000;
    std::vector<uint32_t> counts(kRuns);
    for (uint32_t& count : counts) {
      for (uint32_t i = 0; i < n; ++i) count += prng.uniform() < kP ? 1U : 0U;
    }
    const double deviation = std::sqrt(n * kP * (1 - kP));
    for (const double away : {-2.5, -1.0, 0.0, 1.0, 2.5}) {
      const auto k = static_cast<uint32_t>(n * kP + away * deviation);
      const double expected = std::exp(tail.log_at_least(n, kP, k));
      const double seen =
          static_cast<double>(std::ranges::count_if(counts, [&](uint32_t c) { return c >= k; })) /
          kRuns;
      EXPECT_NEAR(seen, expected, 5 * std::sqrt(expected * (1 - expected) / kRuns))
          << n << ' ' << k;
    }
  }
}

}  // namespace
}  // namespace assay
