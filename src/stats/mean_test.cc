#include "stats/mean_test.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/check.h"
#include "base/detmath.h"
#include "stats/capital_mixture.h"
#include "stats/mean_bounds.h"

namespace assay {
namespace {

constexpr double kAlphaMin = 0x1p-100;
constexpr double kAlphaMax = 0.5;
constexpr double kDeltaMin = 0x1p-32;
constexpr uint64_t kMoreMax = 10'000'000;
constexpr uint64_t kSamplesMax = uint64_t{1} << 62;

// Smallest n in [1, limit] for which reached(n), or 0. Pre: reached is monotone.
template <typename Predicate>
uint64_t smallest(uint64_t limit, const Predicate& reached) {
  if (!reached(limit)) return 0;
  uint64_t no = 0;
  uint64_t yes = limit;
  while (yes - no > 1) {
    const uint64_t middle = no + (yes - no) / 2;
    (reached(middle) ? yes : no) = middle;
  }
  return yes;
}

}  // namespace

std::string_view decision_name(Decision decision) {
  switch (decision) {
    case Decision::kUndecided:
      return "UNDECIDED";
    case Decision::kSame:
      return "SAME";
    case Decision::kDifferent:
      return "DIFFERENT";
  }
  ASSAY_CHECK(false);
  return "";
}

Fixed fixed_from_unit(double x) {
  ASSAY_CHECK(!std::isnan(x));
  const double scaled = std::clamp(x, 0.0, 1.0) * 0x1p32;  // exact, at most 2^32
  const Fixed down = static_cast<Fixed>(scaled);
  const double rest = scaled - static_cast<double>(down);  // exact
  const bool up = rest > 0.5 || (rest == 0.5 && down % 2 != 0);
  return down + (up ? 1 : 0);
}

double fixed_to_unit(Fixed x) { return static_cast<double>(x) * 0x1p-32; }

Status check_options(const MeanTestOptions& options) {
  // Written so that NaN fails.
  if (!(options.alpha >= kAlphaMin && options.alpha <= kAlphaMax)) {
    return invalid_argument("alpha is " + std::to_string(options.alpha) +
                            "; it must be above 0 (at least 2^-100) and at most 0.5");
  }
  if (!(options.delta >= kDeltaMin && options.delta <= 1 - kDeltaMin)) {
    return invalid_argument("delta is " + std::to_string(options.delta) +
                            "; it must lie between 0 and 1, at least 2^-32 from either");
  }
  return ok_status();
}

struct MeanTest::State {
  explicit State(const MeanTestOptions& o)
      : options(o),
        threshold(2 / o.alpha),
        below(Side::kMeanBelow, o.delta),
        above(Side::kMeanAbove, o.delta) {}

  const MeanBounds& caught_up() {
    if (!bounds) bounds.emplace(options.delta, threshold);
    for (const Fixed distance : waiting) {
      ++bounded;
      auto delta = MeanBounds::Delta::kUndecided;
      if (decision != Decision::kUndecided && bounded >= decided_at) {
        delta = decision == Decision::kSame ? MeanBounds::Delta::kMeanBelow
                                            : MeanBounds::Delta::kMeanAbove;
      }
      bounds->add(fixed_to_unit(distance), delta);
    }
    waiting.clear();
    return *bounds;
  }

  MeanTestOptions options;
  double threshold;
  CapitalMixture below;  // both at delta: these decide
  CapitalMixture above;
  Decision decision = Decision::kUndecided;
  uint64_t decided_at = 0;
  uint64_t count = 0;
  uint64_t sum = 0;  // room for 2^32 samples

  // The grid costs a thousand times what a decision costs, and most callers ask for bounds only now
  // and then: samples wait here until somebody does.
  std::vector<Fixed> waiting;
  uint64_t bounded = 0;
  std::optional<MeanBounds> bounds;
};

MeanTest::MeanTest(const MeanTestOptions& options) {
  ASSAY_CHECK(check_options(options).ok());
  state_ = std::make_unique<State>(options);
}
MeanTest::~MeanTest() = default;
MeanTest::MeanTest(MeanTest&&) noexcept = default;
MeanTest& MeanTest::operator=(MeanTest&&) noexcept = default;

void MeanTest::add(Fixed distance) {
  ASSAY_CHECK(distance <= kFixedOne);
  State& s = *state_;
  const double x = fixed_to_unit(distance);
  ++s.count;
  s.sum += distance;
  s.waiting.push_back(distance);
  s.below.add(x);
  s.above.add(x);
  if (s.decision != Decision::kUndecided) return;
  // A sample cannot raise both capitals, so they cannot pass the threshold together.
  if (s.below.reaches(s.threshold)) {
    s.decision = Decision::kSame;
  } else if (s.above.reaches(s.threshold)) {
    s.decision = Decision::kDifferent;
  }
  if (s.decision != Decision::kUndecided) s.decided_at = s.count;
}

uint64_t MeanTest::count() const { return state_->count; }

Decision MeanTest::decision() const { return state_->decision; }

double MeanTest::mean() const {
  if (state_->count == 0) return 0;
  return static_cast<double>(state_->sum) * 0x1p-32 / static_cast<double>(state_->count);
}

double MeanTest::lower() const { return state_->caught_up().lower(); }

double MeanTest::upper() const { return state_->caught_up().upper(); }

double MeanTest::log_e_same() const { return state_->below.log_capital_max(); }

double MeanTest::log_e_different() const { return state_->above.log_capital_max(); }

uint64_t MeanTest::more_needed() const {
  const State& s = *state_;
  if (s.decision != Decision::kUndecided) return 0;
  if (s.count == 0) return same_samples_min(s.options);
  const double bar = det_log(s.threshold);
  const auto n = static_cast<double>(s.count);
  // As a function of the number of repeats, log sum exp of lines is convex, and it lies below the
  // bar at zero repeats: it passes the bar once at most.
  const auto more_on = [&](const CapitalMixture& process) {
    return smallest(kMoreMax, [&](uint64_t more) {
      return process.log_capital_extrapolated((n + static_cast<double>(more)) / n) >= bar;
    });
  };
  const uint64_t same = more_on(s.below);
  const uint64_t different = more_on(s.above);
  if (same == 0 || different == 0) return std::max(same, different);
  return std::min(same, different);
}

uint64_t same_samples_min(const MeanTestOptions& options) {
  ASSAY_CHECK(check_options(options).ok());
  const Bets& bets = bets_of(Side::kMeanBelow);
  const double odds = options.delta / (1 - options.delta);
  const double threshold = 2 / options.alpha;
  // All distances zero: bet j multiplies its capital by 1 + c_j delta / (1 - delta) each time. The
  // sum can overflow to infinity, which is above the threshold as well.
  const uint64_t n = smallest(kSamplesMax, [&](uint64_t samples) {
    double capital = 0;
    for (const Bet& bet : bets) {
      capital += bet.weight * det_exp(static_cast<double>(samples) * det_log1p(bet.share * odds));
    }
    return capital >= threshold;
  });
  return n == 0 ? UINT64_MAX : n;
}

}  // namespace assay
