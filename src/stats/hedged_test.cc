#include "stats/hedged.h"

#include <gtest/gtest.h>

#include <cmath>

#include "stats/monte_carlo.h"

namespace assay {
namespace {

using monte_carlo::bernoulli;
using monte_carlo::beta;
using monte_carlo::Distribution;
using monte_carlo::rejections_allowed;

TEST(PlugIn, EqualsItsFormula) {
  Prng prng(1);
  PlugIn plug_in(0.05);
  std::vector<double> samples;
  for (int t = 1; t <= 50; ++t) {
    double variance = 0.25;
    double sum = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      sum += samples[i];
      const double mean = (0.5 + sum) / static_cast<double>(i + 2);
      variance += (samples[i] - mean) * (samples[i] - mean);
    }
    variance /= t;
    const double bet = std::sqrt(2 * std::log(2 / 0.05) / (t * std::log(1.0 + t) * variance));
    ASSERT_NEAR(plug_in.bet(), bet, 1e-12 * bet);
    ASSERT_NEAR(plug_in.mean(), (0.5 + sum) / t, 1e-12);
    samples.push_back(prng.uniform());
    plug_in.add(samples.back());
  }
}

TEST(HedgedSequence, StartsWithEverythingAndEndsAtTheCapital) {
  HedgedSequence sequence(0.05);
  EXPECT_EQ(sequence.interval().lower, 0);
  EXPECT_EQ(sequence.interval().upper, 1);
  Prng prng(2);
  std::vector<double> samples;
  for (int i = 0; i < 300; ++i) {
    samples.push_back(0.2 + 0.3 * prng.uniform());
    sequence.add(samples.back());
  }
  // The ends are where the capital of a test at that mean passes 1/alpha.
  const Interval ends = sequence.interval();
  const auto log_capital = [&](double m) {
    HedgedCapital capital(m, 0.05);
    for (const double x : samples) capital.add(x);
    return capital.log_capital();
  };
  const double bar = std::log(1 / 0.05);
  EXPECT_NEAR(log_capital(ends.lower), bar, 1e-6);
  EXPECT_NEAR(log_capital(ends.upper), bar, 1e-6);
  for (int k = 1; k < 200; ++k) {
    const double m = k / 200.0;
    ASSERT_EQ(log_capital(m) < bar, ends.lower < m && m < ends.upper) << m;
  }
}

TEST(HedgedSequence, ConstantSamplesAtTheEdges) {
  for (const double x : {0.0, 1.0}) {
    HedgedSequence sequence(0.05);
    for (int i = 0; i < 5000; ++i) sequence.add(x);
    const Interval ends = sequence.interval();
    EXPECT_LE(ends.lower, x);
    EXPECT_GE(ends.upper, x);
    EXPECT_LT(ends.width(), 0.002);
  }
}

// T2: mean width of the 95 % confidence sequence. The exact widths are larger than each of the
// twelve published ones by about .001, which is what a prototype gets that looks at the points
// k/1000 and takes the distance between the outermost two inside the set. How the prototype did it
// is inferred from that, not known; measured so, all twelve agree within 4 %.
TEST(HedgedSequence, ReproducesThePublishedWidths) {
  struct Row {
    Distribution distribution;
    double width[3];
  };
  constexpr int kTimes[] = {100, 1000, 10000};
  constexpr int kRuns = 60;
  for (const Row& row :
       {Row{bernoulli(0.5), {.313, .129, .0515}}, Row{bernoulli(0.1), {.172, .067, .0269}},
        Row{beta(1, 1), {.167, .063, .0245}}, Row{beta(10, 30), {.077, .013, .0037}}}) {
    double width[3] = {};
    for (uint64_t seed = 1; seed <= kRuns; ++seed) {
      Prng prng(seed);
      HedgedSequence sequence(0.05);
      for (size_t k = 0; k < 3; ++k) {
        while (sequence.count() < static_cast<uint64_t>(kTimes[k])) {
          sequence.add(row.distribution.draw(prng));
        }
        const Interval ends = sequence.interval();
        width[k] += (std::floor(ends.upper * 1000) - std::ceil(ends.lower * 1000)) / 1000 / kRuns;
      }
    }
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(width[k], row.width[k], 0.1 * row.width[k])
          << row.distribution.name << " at " << kTimes[k];
    }
  }
}

// T3: looks after every sample. The capital at the true mean must stay below 1/alpha.
TEST(HedgedCapital, HoldsItsLevelUnderPeeking) {
  constexpr int kRuns = 5000;
  for (const auto& [distribution, looks] :
       {std::pair(bernoulli(0.5), 1000), std::pair(bernoulli(0.02), 2000),
        std::pair(monte_carlo::two_point(0.9, 0.5, 0.1), 500), std::pair(beta(1, 1), 300)}) {
    int wrong = 0;
    int wrong_strict = 0;
    for (int run = 0; run < kRuns; ++run) {
      Prng prng(static_cast<uint64_t>(run) + 31);
      HedgedCapital capital(distribution.mean, 0.05);
      double largest = 0;
      for (int i = 0; i < looks; ++i) {
        capital.add(distribution.draw(prng));
        largest = std::fmax(largest, capital.log_capital());
      }
      wrong += largest >= std::log(1 / 0.05) ? 1 : 0;
      wrong_strict += largest >= std::log(1 / 0.001) ? 1 : 0;
    }
    EXPECT_LE(wrong, rejections_allowed(kRuns, 0.05)) << distribution.name;
    EXPECT_LE(wrong_strict, rejections_allowed(kRuns, 0.001)) << distribution.name;
  }
}

TEST(HedgedCapital, FindsAWrongMean) {
  Prng prng(3);
  HedgedCapital low(0.2, 0.05);
  HedgedCapital high(0.8, 0.05);
  for (int i = 0; i < 500; ++i) {
    const double x = prng.uniform();
    low.add(x);
    high.add(x);
  }
  EXPECT_GT(low.log_capital(), std::log(20.0));
  EXPECT_GT(high.log_capital(), std::log(20.0));
}

TEST(HedgedCapitalDeathTest, MeanMustBeInside) {
  EXPECT_DEATH(HedgedCapital(0, 0.05), "internal check failed");
  EXPECT_DEATH(HedgedCapital(0.5, 1), "internal check failed");
}

}  // namespace
}  // namespace assay
