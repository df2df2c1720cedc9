// Against long double (64 bits of significand on x86-64): the errors that detmath.h states.
#include "base/detmath.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/prng.h"

namespace assay {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
static_assert(std::numeric_limits<long double>::digits >= 64,
              "these tests need a long double wider than double");

// Distance in units of the last place of the exact value.
double ulps(double got, long double exact) {
  int exponent = 0;
  std::frexp(static_cast<double>(exact), &exponent);
  return static_cast<double>(fabsl(static_cast<long double>(got) - exact) /
                             ldexpl(1.0L, exponent - 53));
}

double uniform(Prng& prng, double lo, double hi) { return lo + (hi - lo) * prng.uniform(); }
// Uniform over the bit patterns of positive normal numbers.
double any_positive(Prng& prng) {
  return std::bit_cast<double>((prng.next() % 0x7fe0000000000000ULL) + 0x0010000000000000ULL);
}

TEST(DetMath, ExpIsWithinOneUlp) {
  Prng prng(1);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? uniform(prng, -708.0, 709.7) : uniform(prng, -1.0, 1.0);
    worst = std::max(worst, ulps(det_exp(x), expl(x)));
  }
  EXPECT_LT(worst, 1.0);
}

TEST(DetMath, ExpAtItsEnds) {
  EXPECT_EQ(det_exp(0.0), 1.0);
  EXPECT_EQ(det_exp(-0.0), 1.0);
  EXPECT_EQ(det_exp(-kInf), 0.0);
  EXPECT_EQ(det_exp(kInf), kInf);
  EXPECT_EQ(det_exp(709.79), kInf);
  EXPECT_LT(det_exp(709.78), kInf);
  EXPECT_EQ(det_exp(-746.0), 0.0);
  EXPECT_TRUE(std::isnan(det_exp(kNan)));
  // Subnormal results are gradual.
  EXPECT_NEAR(det_exp(-740.0), static_cast<double>(expl(-740.0L)), 0x1p-1074);
}

TEST(DetMath, LogIsWithinOneUlp) {
  Prng prng(2);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? any_positive(prng) : uniform(prng, 0.5, 2.0);
    worst = std::max(worst, ulps(det_log(x), logl(x)));
  }
  EXPECT_LT(worst, 1.0);
}

TEST(DetMath, LogAtItsEnds) {
  EXPECT_EQ(det_log(1.0), 0.0);
  EXPECT_EQ(det_log(0.0), -kInf);
  EXPECT_EQ(det_log(-0.0), -kInf);
  EXPECT_EQ(det_log(kInf), kInf);
  EXPECT_TRUE(std::isnan(det_log(-1.0)));
  EXPECT_TRUE(std::isnan(det_log(kNan)));
  EXPECT_LT(ulps(det_log(0x1p-1074), logl(0x1p-1074L)), 1.0);
}

TEST(DetMath, Log1pIsWithinTwoUlp) {
  Prng prng(3);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double scale = std::ldexp(1.0, -static_cast<int>(prng.below(80)));
    const double x = i % 4 == 0 ? any_positive(prng) : uniform(prng, -1.0, 1.0) * scale;
    if (x == 0.0 || x <= -1.0) continue;
    worst = std::max(worst, ulps(det_log1p(x), log1pl(x)));
  }
  EXPECT_LT(worst, 2.0);
  EXPECT_EQ(det_log1p(-1.0), -kInf);
  EXPECT_TRUE(std::isnan(det_log1p(-1.5)));
  EXPECT_EQ(det_log1p(kInf), kInf);
  EXPECT_TRUE(std::signbit(det_log1p(-0.0)));
}

TEST(DetMath, PowIsWithinItsRelativeError) {
  Prng prng(4);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? any_positive(prng) : uniform(prng, 0.5, 1e6);
    const double limit = 700.0 / (std::fabs(std::log(x)) + 1e-3);
    const double y = uniform(prng, -1.0, 1.0) * std::min(limit, 100.0);
    const long double exact = powl(x, y);
    worst = std::max(worst, static_cast<double>(fabsl(det_pow(x, y) / exact - 1.0L)));
  }
  EXPECT_LT(worst, 0x1p-45);
  EXPECT_EQ(det_pow(2.0, 10.0), 1024.0);
  EXPECT_EQ(det_pow(10.0, 400.0), kInf);
  EXPECT_EQ(det_pow(10.0, -400.0), 0.0);
  EXPECT_TRUE(std::isnan(det_pow(-1.0, 2.0)));
}

TEST(DetMath, SinAndCosAreWithinTheirAbsoluteError) {
  Prng prng(5);
  double worst = 0;
  for (int i = 0; i < 300000; ++i) {
    const double range = std::ldexp(1.0, static_cast<int>(prng.below(31)));
    const double x = uniform(prng, -range, range);
    worst = std::max(worst, static_cast<double>(fabsl(det_sin(x) - sinl(x))));
    worst = std::max(worst, static_cast<double>(fabsl(det_cos(x) - cosl(x))));
  }
  EXPECT_LT(worst, 0x1p-50);
  EXPECT_EQ(det_sin(0.0), 0.0);
  EXPECT_EQ(det_cos(0.0), 1.0);
  // Near a multiple of pi / 2, where the reduction cancels: 11 and 355 are close to 7 pi / 2, 113
  // pi.
  for (const double x : {11.0, 355.0, 0x1.921fb54442d18p+0, 0x1.921fb54442d18p+20, 0x1p30}) {
    EXPECT_NEAR(det_sin(x), static_cast<double>(sinl(x)), 0x1p-50) << x;
    EXPECT_NEAR(det_cos(x), static_cast<double>(cosl(x)), 0x1p-50) << x;
  }
  EXPECT_TRUE(std::isnan(det_sin(0x1p31)));
  EXPECT_TRUE(std::isnan(det_cos(kInf)));
}

// The bits of a fixed sample: the same on every machine, compiler and version.
TEST(DetMath, GoldenBits) {
  Prng prng(6);
  uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&](double value) {
    hash = (hash ^ std::bit_cast<uint64_t>(value)) * 0x100000001b3ULL;
  };
  for (int i = 0; i < 10000; ++i) {
    mix(det_exp(uniform(prng, -745.0, 709.0)));
    mix(det_log(any_positive(prng)));
    mix(det_log1p(uniform(prng, -1.0, 4.0)));
    const double base = uniform(prng, 0.0, 1e6);
    mix(det_pow(base, uniform(prng, -40.0, 40.0)));
    mix(det_sin(uniform(prng, -0x1p30, 0x1p30)));
    mix(det_cos(uniform(prng, -100.0, 100.0)));
  }
  EXPECT_EQ(hash, 12537374453567219631ULL);
}

}  // namespace
}  // namespace assay
