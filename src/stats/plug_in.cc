#include "stats/plug_in.h"

#include <cmath>

#include "base/check.h"
#include "base/detmath.h"

namespace assay {

PlugIn::PlugIn(double alpha) : log_two_over_alpha_(0) {
  ASSAY_CHECK(alpha > 0 && alpha < 1);
  log_two_over_alpha_ = det_log(2 / alpha);
  make_bet();
}

void PlugIn::add(double x) {
  ++count_;
  sum_ += x;
  const double next = static_cast<double>(count_ + 1);
  mean_ = (0.5 + sum_) / next;
  squares_ += (x - mean_) * (x - mean_);
  make_bet();
}

void PlugIn::make_bet() {
  const double t = static_cast<double>(count_ + 1);
  const double variance = (0.25 + squares_) / t;  // s2_{t-1}
  bet_ = std::sqrt(2 * log_two_over_alpha_ / (t * det_log1p(t) * variance));
}

}  // namespace assay
