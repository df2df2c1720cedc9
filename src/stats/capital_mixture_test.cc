#include "stats/capital_mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/prng.h"

namespace assay {
namespace {

constexpr Side kSides[] = {Side::kMeanBelow, Side::kMeanAbove};

// The definition, term by term in log space and in long double.
long double naive_log_capital(Side side, double m, const std::vector<double>& samples) {
  std::vector<long double> logs;
  long double largest = -INFINITY;
  for (const Bet& bet : bets_of(side)) {
    const long double lambda = side == Side::kMeanBelow ? -bet.share / (1.0L - m)
                                                        : bet.share / static_cast<long double>(m);
    long double log_product = std::log(static_cast<long double>(bet.weight));
    for (const double x : samples) {
      log_product += std::log(std::max(1 + lambda * (static_cast<long double>(x) - m), 0.0L));
    }
    logs.push_back(log_product);
    largest = std::max(largest, log_product);
  }
  long double total = 0;
  for (const long double log_product : logs) total += std::exp(log_product - largest);
  return largest + std::log(total);
}

CapitalMixture after(Side side, double m, const std::vector<double>& samples) {
  CapitalMixture mixture(side, m);
  for (const double x : samples) mixture.add(x);
  return mixture;
}

std::vector<double> draw(uint64_t seed, size_t count, double scale) {
  Prng prng(seed);
  std::vector<double> samples(count);
  for (double& x : samples) x = prng.uniform() * scale;
  return samples;
}

TEST(CapitalMixture, BetsAreWithinTheirLimitsAndWeightsAddUpToOne) {
  for (const Side side : kSides) {
    double total = 0;
    for (const Bet& bet : bets_of(side)) {
      EXPECT_GT(bet.share, 0);
      EXPECT_LE(bet.share, 1);
      EXPECT_GT(bet.weight, 0);
      total += bet.weight;
    }
    EXPECT_EQ(total, 1.0);
  }
}

TEST(CapitalMixture, EqualsTheDefinition) {
  for (const Side side : kSides) {
    for (const double m : {0x1p-32, 0.001, 0.02, 0.5, 0.98, 1 - 0x1p-32}) {
      for (const double scale : {0.0, 0.01, 0.04, 0.9, 1.0}) {
        const std::vector<double> samples = draw(7, 300, scale);
        const double log_capital = after(side, m, samples).log_capital();
        const auto expected = static_cast<double>(naive_log_capital(side, m, samples));
        // m next to 1 or 0 takes one digit of every factor with it.
        ASSERT_NEAR(log_capital, expected, 1e-10 * (1 + std::abs(expected)))
            << "m = " << m << ", scale " << scale;
      }
    }
  }
}

TEST(CapitalMixture, OneStepIsAFairGameAtTheMeanItself) {
  // E[K_1] = 1 for every distribution with mean m: two points low and high suffice.
  for (const Side side : kSides) {
    for (const double m : {0.02, 0.3, 0.9}) {
      for (const auto& [low, high] :
           {std::pair(0.0, 1.0), std::pair(0.0, 0.95), std::pair(0.01, 1.0)}) {
        const double p = (m - low) / (high - low);
        const double mean = (1 - p) * std::exp(after(side, m, {low}).log_capital()) +
                            p * std::exp(after(side, m, {high}).log_capital());
        EXPECT_NEAR(mean, 1, 1e-12);
      }
    }
  }
}

TEST(CapitalMixture, IsMonotoneInTheMean) {
  // What makes the confidence set an interval.
  const std::vector<double> samples = draw(8, 200, 0.3);
  for (const Side side : kSides) {
    double previous = 0;
    for (int k = 1; k < 100; ++k) {
      const double log_capital = after(side, k / 100.0, samples).log_capital();
      if (k > 1) {
        const double rise = log_capital - previous;
        ASSERT_GT(side == Side::kMeanBelow ? rise : -rise, 0) << k;
      }
      previous = log_capital;
    }
  }
}

TEST(CapitalMixture, ReachesAgreesWithTheLogarithm) {
  for (const Side side : kSides) {
    for (const double scale : {0.0, 0.03, 0.05, 1.0}) {
      CapitalMixture mixture(side, 0.02);
      for (const double x : draw(9, 3000, scale)) {
        mixture.add(x);
        const double log_capital = mixture.log_capital();
        for (const double log2_bar : {-20.0, -1.0, 1.0, 7.6, 100.0, 200.0}) {
          const double distance = log_capital - log2_bar * std::log(2.0);
          if (std::abs(distance) < 1e-9) continue;
          ASSERT_EQ(mixture.reaches(std::exp2(log2_bar)), distance > 0) << log_capital;
        }
      }
    }
  }
}

TEST(CapitalMixture, LongRunsNeitherOverflowNorVanish) {
  for (const Side side : kSides) {
    for (const double x : {0.0, 1.0, 0.5}) {
      CapitalMixture mixture(side, 0.02);
      for (int i = 0; i < 100000; ++i) mixture.add(x);
      // The best single bet leads, up to its weight.
      double best = -INFINITY;
      for (const Bet& bet : bets_of(side)) {
        const double ratio = side == Side::kMeanBelow ? (1 - x) / 0.98 : x / 0.02;
        best = std::max(
            best, 100000 * std::log(1 - bet.share + bet.share * ratio) + std::log(bet.weight));
      }
      EXPECT_NEAR(mixture.log_capital(), best, 1e-9 * std::abs(best) + 3) << x;
    }
  }
}

TEST(CapitalMixture, MaximumIsTheLargestSoFar) {
  for (const Side side : kSides) {
    Prng prng(10);
    CapitalMixture mixture(side, 0.3);
    double largest = 0;
    for (int i = 0; i < 20000; ++i) {
      // Long stretches far below and far above m: the capital crosses many powers of two.
      const bool high = (i / 1500) % 2 == 0;
      mixture.add(high ? prng.uniform() : 0.1 * prng.uniform());
      largest = std::max(largest, mixture.log_capital());
      ASSERT_EQ(mixture.log_capital_max(), largest);
    }
  }
}

TEST(CapitalMixture, ExtrapolationRepeatsThePast) {
  const std::vector<double> samples = draw(11, 50, 0.05);
  for (const Side side : kSides) {
    CapitalMixture mixture = after(side, 0.02, samples);
    const double once = mixture.log_capital_extrapolated(1);
    const double thrice = mixture.log_capital_extrapolated(3);
    EXPECT_NEAR(once, mixture.log_capital(), 1e-10);
    for (int repeat = 0; repeat < 2; ++repeat) {
      for (const double x : samples) mixture.add(x);
    }
    EXPECT_NEAR(thrice, mixture.log_capital(), 1e-10);
  }
}

TEST(CapitalMixtureDeathTest, MeanAtTheEdgeIsRefused) {
  EXPECT_DEATH(CapitalMixture(Side::kMeanBelow, 0), "internal check failed");
  EXPECT_DEATH(CapitalMixture(Side::kMeanAbove, 1), "internal check failed");
}

}  // namespace
}  // namespace assay
