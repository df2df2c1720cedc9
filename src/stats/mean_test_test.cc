#include "stats/mean_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "base/prng.h"
#include "stats/monte_carlo.h"

namespace assay {
namespace {

using monte_carlo::bernoulli;
using monte_carlo::beta;
using monte_carlo::constant;
using monte_carlo::Distribution;
using monte_carlo::gamma;
using monte_carlo::rejections_allowed;
using monte_carlo::two_point;

constexpr MeanTestOptions kDefault{.alpha = 0.01, .delta = 0.02};

TEST(Fixed, RoundsToNearestTiesToEven) {
  EXPECT_EQ(fixed_from_unit(0), 0u);
  EXPECT_EQ(fixed_from_unit(1), kFixedOne);
  EXPECT_EQ(fixed_from_unit(0.5), kFixedOne / 2);
  EXPECT_EQ(fixed_from_unit(0x1p-32), 1u);
  EXPECT_EQ(fixed_from_unit(0x1p-33), 0u);
  EXPECT_EQ(fixed_from_unit(3 * 0x1p-33), 2u);
  EXPECT_EQ(fixed_from_unit(5 * 0x1p-33), 2u);
  EXPECT_EQ(fixed_from_unit(0x1.00001p-33), 1u);
  EXPECT_EQ(fixed_from_unit(1 - 0x1p-53), kFixedOne);
  EXPECT_EQ(fixed_from_unit(-0.5), 0u);
  EXPECT_EQ(fixed_from_unit(-0.0), 0u);
  EXPECT_EQ(fixed_from_unit(7), kFixedOne);
  EXPECT_EQ(fixed_from_unit(std::numeric_limits<double>::infinity()), kFixedOne);
}

TEST(Fixed, EveryFixedNumberSurvivesTheRoundTrip) {
  Prng prng(1);
  for (int i = 0; i < 10000; ++i) {
    const Fixed x = prng.below(kFixedOne + 1);
    ASSERT_EQ(fixed_from_unit(fixed_to_unit(x)), x);
  }
  EXPECT_EQ(fixed_to_unit(kFixedOne), 1.0);
}

TEST(FixedDeathTest, NanIsAProgrammersError) {
  EXPECT_DEATH((void)fixed_from_unit(std::nan("")), "internal check failed");
}

TEST(MeanTestOptions, AreChecked) {
  EXPECT_TRUE(check_options(kDefault).ok());
  EXPECT_TRUE(check_options({.alpha = 0.5, .delta = 0.999}).ok());
  EXPECT_TRUE(check_options({.alpha = 0x1p-100, .delta = 0x1p-32}).ok());
  const double nan = std::nan("");
  for (const auto& [alpha, delta] : std::vector<std::pair<double, double>>{{0, .02},
                                                                           {-1, .02},
                                                                           {.51, .02},
                                                                           {nan, .02},
                                                                           {1e-31, .02},
                                                                           {.01, 0},
                                                                           {.01, 1},
                                                                           {.01, -1},
                                                                           {.01, 2},
                                                                           {.01, nan},
                                                                           {.01, 1e-10}}) {
    EXPECT_EQ(check_options({.alpha = alpha, .delta = delta}).code(), Code::kInvalidArgument)
        << alpha << " " << delta;
  }
}

TEST(MeanTest, StartsWithNothingKnown) {
  const MeanTest test(kDefault);
  EXPECT_EQ(test.count(), 0u);
  EXPECT_EQ(test.decision(), Decision::kUndecided);
  EXPECT_EQ(test.mean(), 0);
  EXPECT_EQ(test.lower(), 0);
  EXPECT_EQ(test.upper(), 1);
  EXPECT_EQ(test.log_e_same(), 0);
  EXPECT_EQ(test.log_e_different(), 0);
  EXPECT_EQ(test.more_needed(), same_samples_min(kDefault));
}

// How many samples until a decision; at most `limit`.
std::pair<uint64_t, Decision> run_until_decided(const Distribution& distances, uint64_t seed,
                                                uint64_t limit,
                                                const MeanTestOptions& options = kDefault) {
  Prng prng(seed);
  MeanTest test(options);
  while (test.count() < limit && test.decision() == Decision::kUndecided) {
    test.add(fixed_from_unit(distances.draw(prng)));
  }
  return {test.count(), test.decision()};
}

TEST(MeanTest, AllZeroDistancesAreSameAtTheStatedMinimum) {
  EXPECT_EQ(same_samples_min(kDefault), 265u);
  for (const double alpha : {0.5, 0.05, 0.01, 1e-6}) {
    for (const double delta : {0.5, 0.1, 0.02, 0.001}) {
      const MeanTestOptions options{.alpha = alpha, .delta = delta};
      const uint64_t n = same_samples_min(options);
      EXPECT_EQ(run_until_decided(constant(0), 1, 100000, options), std::pair(n, Decision::kSame));
      // Close to the limit of every method: ln(2/alpha) / -log(1 - delta).
      const double limit = std::log(2 / alpha) / -std::log1p(-delta);
      EXPECT_LE(static_cast<double>(n), 1.0 + limit + 0.05 / delta);
      EXPECT_GE(static_cast<double>(n), limit);
    }
  }
}

TEST(MeanTest, SamplesMinDoesNotOverflow) {
  const uint64_t n = same_samples_min({.alpha = 0x1p-100, .delta = 0x1p-32});
  EXPECT_NEAR(static_cast<double>(n), std::log(0x1p101) * 0x1p32, 1e10);
}

// ---- error rates ------------------------------------------------------------------------------

struct Errors {
  int same = 0;
  int different = 0;
  int same_strict = 0;  // at the level of 1 in 1000
  int different_strict = 0;
};

constexpr double kAlpha = 0.05;
constexpr double kAlphaStrict = 0.001;
constexpr int kRuns = 5000;

// Looks after every sample, and counts a run when it ever decided.
Errors count_decisions(const Distribution& distances, int samples) {
  const MeanTestOptions options{.alpha = kAlpha, .delta = 0.02};
  Errors errors;
  for (int run = 0; run < kRuns; ++run) {
    Prng prng(static_cast<uint64_t>(run) + 1000);
    MeanTest test(options);
    for (int i = 0; i < samples; ++i) test.add(fixed_from_unit(distances.draw(prng)));
    // log_e is the maximum over all looks; decision() is the first of the two to pass.
    const double bar = std::log(2 / kAlpha);
    const double bar_strict = std::log(2 / kAlphaStrict);
    errors.same += test.log_e_same() >= bar ? 1 : 0;
    errors.different += test.log_e_different() >= bar ? 1 : 0;
    errors.same_strict += test.log_e_same() >= bar_strict ? 1 : 0;
    errors.different_strict += test.log_e_different() >= bar_strict ? 1 : 0;
    const bool decided = test.log_e_same() >= bar || test.log_e_different() >= bar;
    EXPECT_EQ(test.decision() != Decision::kUndecided, decided);
  }
  return errors;
}

class MeanAtTheMargin : public ::testing::TestWithParam<std::tuple<Distribution, int>> {};

// At mean == delta exactly both nulls hold, and each is hardest to keep there (T3).
TEST_P(MeanAtTheMargin, BothErrorRatesHoldUnderPeeking) {
  const auto& [distances, samples] = GetParam();
  ASSERT_DOUBLE_EQ(distances.mean, 0.02);
  const Errors errors = count_decisions(distances, samples);
  const int allowed = rejections_allowed(kRuns, kAlpha / 2);
  const int allowed_strict = rejections_allowed(kRuns, kAlphaStrict / 2);
  RecordProperty("same", errors.same);
  RecordProperty("different", errors.different);
  RecordProperty("allowed", allowed);
  EXPECT_LE(errors.same, allowed);
  EXPECT_LE(errors.different, allowed);
  EXPECT_LE(errors.same_strict, allowed_strict);
  EXPECT_LE(errors.different_strict, allowed_strict);
}

INSTANTIATE_TEST_SUITE_P(Distributions, MeanAtTheMargin,
                         ::testing::Values(std::tuple(bernoulli(0.02), 10000),
                                           std::tuple(two_point(0.5, 0.04), 3000),
                                           std::tuple(two_point(0.5, 0.03, 0.01), 3000),
                                           std::tuple(two_point(0.04, 0.5), 10000),
                                           std::tuple(two_point(0.99, 0.02 / 0.99), 3000),
                                           std::tuple(gamma(1, 50), 2000),
                                           std::tuple(beta(2, 98), 1000)));

TEST(MeanTestErrors, ConstantAtTheMarginIsNeverDecided) {
  EXPECT_EQ(run_until_decided(constant(0.02), 1, 200000).second, Decision::kUndecided);
}

// The guarantee asks for the conditional mean only: the next distribution may depend on the past.
// This opponent plays Bernoulli while behind and the margin itself once some process has gained.
TEST(MeanTestErrors, HoldAgainstAnAdaptiveOpponent) {
  int same = 0;
  int different = 0;
  for (int run = 0; run < kRuns; ++run) {
    Prng prng(static_cast<uint64_t>(run) + 77);
    MeanTest test({.alpha = kAlpha, .delta = 0.02});
    double wealth = 0;  // of one plain bet that the opponent watches
    for (int i = 0; i < 1000; ++i) {
      const double jump = wealth > 1 ? 0.5 : (wealth < -1 ? 1 : 0.1);
      const double x = prng.uniform() < 0.02 / jump ? jump : 0;
      wealth += std::log1p(0.5 / 0.98 * (0.02 - x));
      test.add(fixed_from_unit(x));
    }
    same += test.decision() == Decision::kSame ? 1 : 0;
    different += test.decision() == Decision::kDifferent ? 1 : 0;
  }
  const int allowed = rejections_allowed(kRuns, kAlpha / 2);
  EXPECT_LE(same, allowed);
  EXPECT_LE(different, allowed);
}

TEST(MeanTestErrors, BetsThatAreClampedAtOneFail) {
  // Negative control, the rule of a peer: a product of max(e, 1) is no e-value. The simulation must
  // be able to show it: nearly every run under the null rejects.
  int rejected = 0;
  for (int run = 0; run < 200; ++run) {
    Prng prng(static_cast<uint64_t>(run) + 5);
    double log_clamped = 0;
    for (int i = 0; i < 10000; ++i) {
      const double x = prng.uniform() < 0.02 ? 1 : 0;
      log_clamped += std::max(std::log1p(0.5 / 0.98 * (0.02 - x)), 0.0);
    }
    rejected += log_clamped >= std::log(2 / kAlpha) ? 1 : 0;
  }
  EXPECT_GT(rejected, rejections_allowed(200, kAlpha / 2));
  EXPECT_EQ(rejected, 200);
}

// ---- power ------------------------------------------------------------------------------------

struct Power {
  Distribution distances;
  Decision decision;
  uint64_t median_max;
  uint64_t most_max;  // 95 % of the runs need at most this
};

TEST(MeanTestPower, DecidesAsFastAsPromised) {
  // Promised for the default test (alpha .01, delta .02); measured numbers in docs/adr/0004.
  const std::vector<Power> cases = {
      {constant(0), Decision::kSame, 265, 265},
      // Q8_0 of a small model: mean .0057, standard deviation .003.
      {gamma(4, 4 / 0.0057), Decision::kSame, 375, 400},
      {gamma(1, 1 / 0.0057), Decision::kSame, 380, 410},
      // Clearly different models.
      {beta(2, 2), Decision::kDifferent, 5, 8},
      {gamma(4, 4 / 0.1), Decision::kDifferent, 8, 15},
      {gamma(1, 1 / 0.1), Decision::kDifferent, 12, 30},
      // Mean .03, standard deviation .02.
      {gamma(2, 2 / 0.03), Decision::kDifferent, 60, 200},
      {gamma(4, 4 / 0.05), Decision::kDifferent, 15, 30},
  };
  for (const Power& c : cases) {
    std::vector<uint64_t> counts;
    for (uint64_t seed = 1; seed <= 500; ++seed) {
      const auto [count, decision] = run_until_decided(c.distances, seed, 512);
      counts.push_back(decision == c.decision ? count : 513);
    }
    std::sort(counts.begin(), counts.end());
    EXPECT_LE(counts[249], c.median_max) << c.distances.name;
    EXPECT_LE(counts[474], c.most_max) << c.distances.name;
  }
}

TEST(MeanTestPower, OneLargeDistanceDoesNotKillTheTest) {
  // The insurance of the mixture: a distance of exactly 1 takes everything from the largest bet.
  MeanTest test(kDefault);
  test.add(kFixedOne);
  while (test.decision() == Decision::kUndecided && test.count() < 5000) test.add(0);
  EXPECT_EQ(test.decision(), Decision::kSame);
  EXPECT_LT(test.count(), 1000u);
}

// ---- confidence sequence ----------------------------------------------------------------------

TEST(MeanTestBounds, NeverContradictTheDecisionAndOnlyShrink) {
  const std::vector<Distribution> many = {constant(0),      constant(0.021),  gamma(4, 700),
                                          gamma(2, 70),     bernoulli(0.02),  bernoulli(0.3),
                                          two_point(.1, 1), two_point(.5, 1), constant(1)};
  for (const Distribution& distances : many) {
    for (const double delta : {0.02, 0.3, 0.9}) {
      Prng prng(3);
      MeanTest test({.alpha = 0.05, .delta = delta});
      double lower = 0;
      double upper = 1;
      for (int i = 0; i < 400; ++i) {
        test.add(fixed_from_unit(distances.draw(prng)));
        ASSERT_GE(test.lower(), lower);
        ASSERT_LE(test.upper(), upper);
        lower = test.lower();
        upper = test.upper();
        ASSERT_LT(lower, upper);
        ASSERT_EQ(test.decision() == Decision::kSame, upper <= delta) << distances.name;
        ASSERT_EQ(test.decision() == Decision::kDifferent, lower >= delta) << distances.name;
      }
    }
  }
}

TEST(MeanTestBounds, StayConsistentWhenTheMeanMoves) {
  // Outside the assumptions, but the report must still make sense: first SAME, then far away.
  MeanTest test(kDefault);
  for (int i = 0; i < 300; ++i) test.add(0);
  EXPECT_EQ(test.decision(), Decision::kSame);
  for (int i = 0; i < 3000; ++i) test.add(kFixedOne / 2);
  EXPECT_EQ(test.decision(), Decision::kSame);
  EXPECT_LE(test.upper(), 0.02);
  EXPECT_LT(test.lower(), test.upper());
  EXPECT_GT(test.log_e_different(), std::log(200.0));
}

TEST(MeanTestBounds, DoNotDependOnWhenTheyAreAskedFor) {
  Prng prng(4);
  MeanTest eager(kDefault);
  MeanTest lazy(kDefault);
  const Distribution distances = gamma(4, 4 / 0.005);
  for (int i = 0; i < 600; ++i) {
    const Fixed x = fixed_from_unit(distances.draw(prng));
    eager.add(x);
    lazy.add(x);
    (void)eager.upper();
    if (i % 97 == 0) {
      ASSERT_EQ(eager.lower(), lazy.lower());
      ASSERT_EQ(eager.upper(), lazy.upper());
    }
  }
}

TEST(MeanTestBounds, CoverTheMeanUnderPeeking) {
  // Running intersection after 400 samples = every look was covered.
  for (const Distribution& distances : {gamma(1, 50), bernoulli(0.1), beta(2, 2)}) {
    constexpr int kCoverageRuns = 400;
    int missed = 0;
    for (int run = 0; run < kCoverageRuns; ++run) {
      Prng prng(static_cast<uint64_t>(run) + 900);
      MeanTest test({.alpha = kAlpha, .delta = 0.02});
      for (int i = 0; i < 400; ++i) test.add(fixed_from_unit(distances.draw(prng)));
      missed += distances.mean <= test.lower() || distances.mean >= test.upper() ? 1 : 0;
    }
    EXPECT_LE(missed, rejections_allowed(kCoverageRuns, kAlpha)) << distances.name;
  }
}

// ---- how many more ----------------------------------------------------------------------------

TEST(MeanTestMore, IsExactForConstantDistances) {
  // "Samples like the ones so far" is then literally what follows.
  for (const double x : {0.0, 0.005, 0.015, 0.03, 0.5}) {
    for (const uint64_t seen : {1u, 2u, 10u, 40u}) {
      MeanTest test(kDefault);
      for (uint64_t i = 0; i < seen; ++i) test.add(fixed_from_unit(x));
      if (test.decision() != Decision::kUndecided) continue;
      const uint64_t more = test.more_needed();
      ASSERT_GT(more, 0u);
      for (uint64_t i = 0; i + 1 < more; ++i) test.add(fixed_from_unit(x));
      EXPECT_EQ(test.decision(), Decision::kUndecided) << x;
      test.add(fixed_from_unit(x));
      EXPECT_NE(test.decision(), Decision::kUndecided) << x;
      EXPECT_EQ(test.more_needed(), 0u);
    }
  }
}

TEST(MeanTestMore, IsZeroAtTheMarginItself) {
  MeanTest test(kDefault);
  for (int i = 0; i < 100; ++i) test.add(fixed_from_unit(0.02));
  EXPECT_EQ(test.decision(), Decision::kUndecided);
  EXPECT_EQ(test.more_needed(), 0u);
}

// ---- determinism ------------------------------------------------------------------------------

TEST(MeanTestGolden, BitsDoNotMove) {
  struct Golden {
    uint64_t seed;
    int samples;
    double delta;
    Decision decision;
    double mean, lower, upper, log_e_same, log_e_different;
    uint64_t more;
  };
  const std::vector<Golden> goldens = {
      {1, 100, 0.02, Decision::kUndecided, 0x1.79bfa3ce147aep-7, 0x1.e9322d5843b4dp-8,
       0x1.02356d78def52p-4, 0x1.aa4a52bcff491p-1, 0x0p+0, 527},
      {2, 600, 0.02, Decision::kSame, 0x1.3caaeba666666p-7, 0x1.0abc6b55ad038p-7,
       0x1.2fc1854635387p-6, 0x1.8d9eb6b801d1fp+2, 0x0p+0, 0},
      {3, 400, 0.002, Decision::kDifferent, 0x1.42445718f5c29p-7, 0x1.0351f7dc1d36ap-7,
       0x1.7ad871360a364p-6, 0x0p+0, 0x1.12b017637c84fp+8, 0},
      {4, 300, 0.011, Decision::kUndecided, 0x1.3785d4b2c5f93p-7, 0x1.ed74457dd3d2ep-8,
       0x1.bfa00aca4e518p-6, 0x1.ce8b8280a523bp-2, 0x1.4fc042f97057ap-3, 3392},
  };
  for (const Golden& g : goldens) {
    Prng prng(g.seed);
    MeanTest test({.alpha = 0.01, .delta = g.delta});
    // u^3 / 25: mean .01, with a long tail; no logarithm is involved in making it.
    for (int i = 0; i < g.samples; ++i) {
      const double u = prng.uniform();
      test.add(fixed_from_unit(u * u * u / 25));
    }
    EXPECT_EQ(test.decision(), g.decision);
    EXPECT_EQ(test.mean(), g.mean);
    EXPECT_EQ(test.lower(), g.lower);
    EXPECT_EQ(test.upper(), g.upper);
    EXPECT_EQ(test.log_e_same(), g.log_e_same);
    EXPECT_EQ(test.log_e_different(), g.log_e_different);
    EXPECT_EQ(test.more_needed(), g.more);
  }
}

}  // namespace
}  // namespace assay
