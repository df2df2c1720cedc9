#include "stats/hedged.h"

#include <algorithm>

#include "base/check.h"
#include "base/detmath.h"

namespace assay {
namespace {

// The capped bets. m = 0 and m = 1 are the limits: no cap where 1/0 would stand.
double bet_plus(double bet, double m) { return m > 0 ? std::min(bet, 1 / (2 * m)) : bet; }
double bet_minus(double bet, double m) { return m < 1 ? std::min(bet, 1 / (2 * (1 - m))) : bet; }

// A product of many positive factors with an exponent of its own, so that thousands of factors
// neither overflow nor need a logarithm each.
class LongProduct {
 public:
  void multiply(double factor) {
    value_ *= factor;
    if (value_ > kHalfStep) {
      value_ *= 1 / kStep;
      ++exponent_;
    } else if (value_ < 1 / kHalfStep) {
      value_ *= kStep;
      --exponent_;
    }
  }
  // Pre: 1 <= bar <= kHalfStep: with any exponent but 0 the value no longer matters.
  bool reaches(double bar) const { return exponent_ > 0 || (exponent_ == 0 && value_ >= bar); }

 private:
  // Values stay within 2^-256 .. 2^256, whatever the exponent.
  static constexpr double kHalfStep = 0x1p256;
  static constexpr double kStep = 0x1p512;
  double value_ = 1;
  int64_t exponent_ = 0;
};

}  // namespace

HedgedCapital::HedgedCapital(double m, double alpha) : plug_in_(alpha), m_(m) {
  ASSAY_CHECK(m > 0 && m < 1);
}

void HedgedCapital::add(double x) {
  const double bet = plug_in_.bet();
  log_plus_ += det_log1p(bet_plus(bet, m_) * (x - m_));
  log_minus_ += det_log1p(-bet_minus(bet, m_) * (x - m_));
  plug_in_.add(x);
}

double HedgedCapital::log_capital() const { return std::max(log_plus_, log_minus_) + det_log(0.5); }

HedgedSequence::HedgedSequence(double alpha) : plug_in_(alpha), threshold_(2 / alpha) {}

void HedgedSequence::add(double x) {
  samples_.push_back({.x = x, .bet = plug_in_.bet()});
  plug_in_.add(x);
}

bool HedgedSequence::rejects_from_below(double m) const {
  LongProduct capital;
  for (const Sample& s : samples_) capital.multiply(1 + bet_plus(s.bet, m) * (s.x - m));
  return capital.reaches(threshold_);
}

bool HedgedSequence::rejects_from_above(double m) const {
  LongProduct capital;
  for (const Sample& s : samples_) capital.multiply(1 - bet_minus(s.bet, m) * (s.x - m));
  return capital.reaches(threshold_);
}

Interval HedgedSequence::interval() const {
  constexpr int kHalvings = 40;
  Interval ends;
  if (rejects_from_below(0)) {
    double rejected = 0;
    double open = 1;  // K+(1) never exceeds 1
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = (rejected + open) / 2;
      (rejects_from_below(middle) ? rejected : open) = middle;
    }
    ends.lower = rejected;
  }
  if (rejects_from_above(1)) {
    double rejected = 1;
    double open = 0;
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = (rejected + open) / 2;
      (rejects_from_above(middle) ? rejected : open) = middle;
    }
    ends.upper = rejected;
  }
  return ends;
}

}  // namespace assay
