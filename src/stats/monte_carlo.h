// For tests only: seeded distributions on [0, 1] and the slack that a simulated error rate gets.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/detmath.h"
#include "base/prng.h"

namespace assay::monte_carlo {

struct Distribution {
  std::string name;
  double mean;
  std::function<double(Prng&)> draw;
};

inline Distribution constant(double value) {
  return {"constant " + std::to_string(value), value, [value](Prng&) { return value; }};
}

// `high` with probability p, else `low`.
inline Distribution two_point(double p, double high, double low = 0) {
  return {std::to_string(low) + " or, p = " + std::to_string(p) + ", " + std::to_string(high),
          low + p * (high - low), [=](Prng& prng) { return prng.uniform() < p ? high : low; }};
}
inline Distribution bernoulli(double p) { return two_point(p, 1); }

// Sum of `shape` exponentials.
inline double gamma_draw(Prng& prng, int shape) {
  double sum = 0;
  for (int i = 0; i < shape; ++i) sum -= det_log(1 - prng.uniform());
  return sum;
}
inline Distribution beta(int a, int b) {
  return {"Beta(" + std::to_string(a) + ", " + std::to_string(b) + ")",
          static_cast<double>(a) / (a + b), [=](Prng& prng) {
            const double x = gamma_draw(prng, a);
            return x / (x + gamma_draw(prng, b));
          }};
}
// Gamma(a) / b, cut at 1: mean about a / b, standard deviation sqrt(a) / b; for small means.
inline Distribution gamma(int a, double b) {
  return {"Gamma(" + std::to_string(a) + ") / " + std::to_string(b), a / b,
          [=](Prng& prng) { return std::fmin(gamma_draw(prng, a) / b, 1.0); }};
}

// The most rejections that `runs` runs may show when each rejects with probability p at most: the
// mean and four standard deviations of the binomial. A correct method exceeds it with probability
// below 10^-3 for the small p here (the seeds are fixed, so a test passes always or never).
inline int rejections_allowed(int runs, double p) {
  return static_cast<int>(runs * p + 4 * std::sqrt(runs * p * (1 - p)) + 1);
}

}  // namespace assay::monte_carlo
