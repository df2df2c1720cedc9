#include "base/detmath.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// Source: the classical argument reductions (W. J. Cody, W. Waite, "Software Manual for the
// Elementary Functions", 1980) followed by Taylor series, whose coefficients need no table: the
// reduced arguments are small enough that a minimax polynomial would save only a term or two.
// std::fma and std::sqrt are correctly rounded by IEEE 754 and therefore no libm in the sense of
// the profile.

namespace assay {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// ln 2 = kLn2Hi + kLn2Lo; kLn2Hi has 40 significant bits, so that k * kLn2Hi is exact for every
// exponent k.
constexpr double kLn2Hi = 0x1.62e42fefa2000p-1;
constexpr double kLn2Lo = 0x1.9ef35793c7673p-41;
constexpr double kLog2E = 0x1.71547652b82fep+0;
// Adding and subtracting this rounds |x| < 2^51 to the nearest integer, ties to even.
constexpr double kRound = 0x1.8p+52;

// An unevaluated sum; |lo| <= ulp(hi) / 2.
struct Pair {
  double hi;
  double lo;
};

// a + b exactly (Knuth).
Pair two_sum(double a, double b) {
  const double s = a + b;
  const double t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}

// 2^e for -1022 <= e <= 1023.
double power_of_two(int64_t e) {
  return std::bit_cast<double>(static_cast<uint64_t>(e + 1023) << 52);
}

// exp(x + tail) for a finite |x| < 800 and a tail below ulp(x).
double exp_pair(double x, double tail) {
  const double n = (x * kLog2E + kRound) - kRound;
  const double hi = std::fma(-n, kLn2Hi, x);
  const Pair r = two_sum(hi, std::fma(-n, kLn2Lo, tail));
  // e^r = 1 + r + r^2 (1/2 + r/6 + ...): 14 terms leave 2^-60 at |r| = ln 2 / 2.
  double q = 1.0 / 87178291200.0;
  q = std::fma(q, r.hi, 1.0 / 6227020800.0);
  q = std::fma(q, r.hi, 1.0 / 479001600.0);
  q = std::fma(q, r.hi, 1.0 / 39916800.0);
  q = std::fma(q, r.hi, 1.0 / 3628800.0);
  q = std::fma(q, r.hi, 1.0 / 362880.0);
  q = std::fma(q, r.hi, 1.0 / 40320.0);
  q = std::fma(q, r.hi, 1.0 / 5040.0);
  q = std::fma(q, r.hi, 1.0 / 720.0);
  q = std::fma(q, r.hi, 1.0 / 120.0);
  q = std::fma(q, r.hi, 1.0 / 24.0);
  q = std::fma(q, r.hi, 1.0 / 6.0);
  q = std::fma(q, r.hi, 0.5);
  // The derivative of e^r carries r.lo: e^(hi + lo) ~ e^hi + lo (1 + hi).
  const double small = std::fma(r.hi * r.hi, q, std::fma(r.lo, r.hi, r.lo));
  const double p = 1.0 + (r.hi + small);
  // Two factors, so that neither overflows nor is subnormal; only the last product can round.
  const auto e = static_cast<int64_t>(n);
  const int64_t half = e / 2;
  return p * power_of_two(half) * power_of_two(e - half);
}

// log(x) for a positive, finite x, relative error about 2^-60 away from x = 1.
Pair log_pair(double x) {
  int64_t k = 0;
  if (x < 0x1p-1022) {  // subnormal
    x *= 0x1p+54;
    k = -54;
  }
  uint64_t bits = std::bit_cast<uint64_t>(x);
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)): the constant moves sqrt(1/2) to a power of two.
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdULL;
  constexpr uint64_t kOne = 0x3ff0000000000000ULL;
  const uint64_t moved = bits + (kOne - kSqrtHalf);
  k += static_cast<int64_t>(moved >> 52) - 1023;
  bits = (moved & 0x000fffffffffffffULL) + kSqrtHalf;
  const double f = std::bit_cast<double>(bits) - 1.0;  // exact
  // log(1 + f) = 2 atanh(s) = 2 s + s^3 (2/3 + 2/5 s^2 + ...), s = f / (2 + f), |s| < 0.1716.
  const Pair d = two_sum(2.0, f);
  const double s = f / d.hi;
  const double s_lo = std::fma(-s, d.lo, std::fma(-s, d.hi, f)) / d.hi;
  const double z = s * s;
  double q = 2.0 / 25.0;
  q = std::fma(q, z, 2.0 / 23.0);
  q = std::fma(q, z, 2.0 / 21.0);
  q = std::fma(q, z, 2.0 / 19.0);
  q = std::fma(q, z, 2.0 / 17.0);
  q = std::fma(q, z, 2.0 / 15.0);
  q = std::fma(q, z, 2.0 / 13.0);
  q = std::fma(q, z, 2.0 / 11.0);
  q = std::fma(q, z, 2.0 / 9.0);
  q = std::fma(q, z, 2.0 / 7.0);
  q = std::fma(q, z, 2.0 / 5.0);
  q = std::fma(q, z, 2.0 / 3.0);
  const double small = std::fma(s * z, q, 2.0 * s_lo);
  const auto e = static_cast<double>(k);
  const Pair sum = two_sum(e * kLn2Hi, 2.0 * s);
  return two_sum(sum.hi, sum.lo + std::fma(e, kLn2Lo, small));
}

// x - n pi/2 = r.hi + r.lo with |r| <= pi/4 (a hair more) and the quadrant n mod 4. |x| <= 2^30.
struct Reduced {
  Pair r;
  unsigned quadrant;
};
Reduced reduce_half_pi(double x) {
  constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
  constexpr double kHalfPi1 = 0x1.921fb54442d18p+0;
  constexpr double kHalfPi2 = 0x1.1a62633145c07p-54;
  const double n = (x * kTwoOverPi + kRound) - kRound;
  const double p = n * kHalfPi1;
  const double p_lo = std::fma(n, kHalfPi1, -p);
  // x - p is exact: both are multiples of ulp(p) and the difference is small. n < 2^30, so the
  // rounding of n * kHalfPi2 and the part of pi/2 left out stay below 2^-75.
  const Pair a = two_sum(x - p, -p_lo);
  const Pair b = two_sum(a.hi, -(n * kHalfPi2));
  const Pair r = two_sum(b.hi, b.lo + a.lo);
  return {r, static_cast<unsigned>(static_cast<int64_t>(n)) & 3U};
}

// Taylor series on |r| <= pi/4, 2^-60 left out.
double sin_reduced(Pair r) {
  const double z = r.hi * r.hi;
  double q = 1.0 / 355687428096000.0;
  q = std::fma(q, z, -1.0 / 1307674368000.0);
  q = std::fma(q, z, 1.0 / 6227020800.0);
  q = std::fma(q, z, -1.0 / 39916800.0);
  q = std::fma(q, z, 1.0 / 362880.0);
  q = std::fma(q, z, -1.0 / 5040.0);
  q = std::fma(q, z, 1.0 / 120.0);
  q = std::fma(q, z, -1.0 / 6.0);
  const double cos_r = std::fma(-0.5, z, 1.0);
  return r.hi + std::fma(r.hi * z, q, r.lo * cos_r);
}
double cos_reduced(Pair r) {
  const double z = r.hi * r.hi;
  double q = -1.0 / 6402373705728000.0;
  q = std::fma(q, z, 1.0 / 20922789888000.0);
  q = std::fma(q, z, -1.0 / 87178291200.0);
  q = std::fma(q, z, 1.0 / 479001600.0);
  q = std::fma(q, z, -1.0 / 3628800.0);
  q = std::fma(q, z, 1.0 / 40320.0);
  q = std::fma(q, z, -1.0 / 720.0);
  q = std::fma(q, z, 1.0 / 24.0);
  const double half = 0.5 * z;
  const double w = 1.0 - half;
  return w + (((1.0 - w) - half) + std::fma(z * z, q, -(r.hi * r.lo)));
}

double sin_quadrant(Pair r, unsigned quadrant) {
  const double value = (quadrant & 1U) != 0 ? cos_reduced(r) : sin_reduced(r);
  return (quadrant & 2U) != 0 ? -value : value;
}

}  // namespace

double det_exp(double x) {
  if (x != x) return kNan;
  if (x > 709.782712893384) return kInf;
  if (x < -745.1332191019412) return 0.0;
  return exp_pair(x, 0.0);
}

double det_log(double x) {
  if (x != x || x < 0.0) return kNan;
  if (x == 0.0) return -kInf;
  if (x == kInf) return kInf;
  const Pair p = log_pair(x);
  return p.hi + p.lo;
}

double det_log1p(double x) {
  if (x != x || x < -1.0) return kNan;
  if (x == -1.0) return -kInf;
  if (x == kInf) return kInf;
  if (x == 0.0) return x;
  // log(u + c) = log(u) + c / u for the rounding error c of u = 1 + x.
  const Pair u = two_sum(1.0, x);
  const Pair p = log_pair(u.hi);
  const double c = u.lo / u.hi;
  const Pair s = two_sum(p.hi, c);
  return s.hi + (s.lo + p.lo);
}

double det_pow(double x, double y) {
  if (!(x > 0.0) || x == kInf || y != y || y == kInf || y == -kInf) return kNan;
  const Pair l = log_pair(x);
  const double hi = y * l.hi;
  if (hi > 720.0) return kInf;
  if (hi < -750.0) return 0.0;
  return exp_pair(hi, std::fma(y, l.hi, -hi) + y * l.lo);
}

double det_sin(double x) {
  if (!(x >= -0x1p30 && x <= 0x1p30)) return kNan;
  const Reduced reduced = reduce_half_pi(x);
  return sin_quadrant(reduced.r, reduced.quadrant);
}

double det_cos(double x) {
  if (!(x >= -0x1p30 && x <= 0x1p30)) return kNan;
  const Reduced reduced = reduce_half_pi(x);
  return sin_quadrant(reduced.r, reduced.quadrant + 1U);
}

}  // namespace assay
