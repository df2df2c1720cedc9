// Two things: what a MeanTest costs, and the study behind docs/adr/0004-betting-for-same.md: how
// many samples each way of betting needs at alpha .01, delta .02 (counters "median" and "p90" of
// 300 runs with fixed seeds, 5000 when undecided).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "stats/capital_mixture.h"
#include "stats/mean_test.h"
#include "stats/monte_carlo.h"
#include "stats/plug_in.h"

namespace assay {
namespace {

using monte_carlo::Distribution;

constexpr double kAlpha = 0.01;
constexpr double kDelta = 0.02;
constexpr int kRuns = 300;
constexpr int kSamplesMax = 5000;

// ---- cost -------------------------------------------------------------------------------------

// The default audit: 512 samples; with bounds, both ends are asked for after each.
void cost(benchmark::State& state, bool with_bounds) {
  for (auto _ : state) {
    MeanTest test({.alpha = kAlpha, .delta = kDelta});
    for (Fixed i = 0; i < 512; ++i) {
      test.add(fixed_from_unit(0.0285) / 2 + (i % 16) * (kFixedOne >> 12));
      if (with_bounds) benchmark::DoNotOptimize(test.lower() + test.upper());
    }
    benchmark::DoNotOptimize(test.decision());
  }
}
BENCHMARK_CAPTURE(cost, decisions_only, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cost, with_bounds, true)->Unit(benchmark::kMillisecond);

// ---- the study --------------------------------------------------------------------------------

// A betting process at the mean delta; share is of the largest bet, as in capital_mixture.h.
class Process {
 public:
  explicit Process(Side side) : side_(side) {}
  virtual ~Process() = default;
  virtual void add(double x) = 0;
  virtual double log_capital() const = 0;

 protected:
  double log_gain(double share, double x) const {
    const double ratio = side_ == Side::kMeanBelow ? (1 - x) / (1 - kDelta) : x / kDelta;
    return std::log(1 - share + share * ratio);
  }
  // How far x lies on the side that pays.
  double payoff(double x) const { return side_ == Side::kMeanBelow ? kDelta - x : x - kDelta; }
  double bet_limit() const { return side_ == Side::kMeanBelow ? 1 / (1 - kDelta) : 1 / kDelta; }
  Side side_;
};

class Mixture : public Process {
 public:
  Mixture(Side side, std::vector<Bet> bets)
      : Process(side), bets_(std::move(bets)), logs_(bets_.size(), 0.0) {}
  void add(double x) override {
    for (size_t j = 0; j < bets_.size(); ++j) logs_[j] += log_gain(bets_[j].share, x);
  }
  double log_capital() const override {
    double total = 0;
    for (size_t j = 0; j < bets_.size(); ++j) total += bets_[j].weight * std::exp(logs_[j]);
    return std::log(total);
  }

 private:
  std::vector<Bet> bets_;
  std::vector<double> logs_;
};

// Approximate growth-rate adaptive bets: gap / (variance + gap^2), with two made-up samples first.
class Agrapa : public Process {
 public:
  explicit Agrapa(Side side) : Process(side) {
    const bool below = side == Side::kMeanBelow;
    count_ = 2;
    sum_ = below ? 0 : 0.2;
    squares_ = below ? 2e-4 : 0.04;
    share_max_ = below ? 0.99 : 0.9;
  }
  void add(double x) override {
    const double mean = sum_ / count_;
    const double gap = payoff(mean);
    const double variance = std::max(squares_ / count_ - mean * mean, 1e-12);
    const double share = gap / (variance + gap * gap) / bet_limit();
    log_ += log_gain(std::clamp(share, 0.0, share_max_), x);
    count_ += 1;
    sum_ += x;
    squares_ += x * x;
  }
  double log_capital() const override { return log_; }

 private:
  double count_, sum_, squares_, share_max_;
  double log_ = 0;
};

// Follow the leader: each time the share that would have won most so far.
class Leader : public Process {
 public:
  explicit Leader(Side side) : Process(side) {
    if (side == Side::kMeanBelow) logs_.push_back({0.99, 0});
    for (const double share : {3. / 4, 1. / 2, 1. / 4, 1. / 8, 1. / 16, 1. / 32, 1. / 64}) {
      logs_.push_back({share, 0});
    }
  }
  void add(double x) override {
    size_t best = 0;
    for (size_t j = 1; j < logs_.size(); ++j) {
      if (logs_[j].second > logs_[best].second) best = j;
    }
    log_ += log_gain(logs_[best].first, x);
    for (auto& [share, log_capital] : logs_) log_capital += log_gain(share, x);
  }
  double log_capital() const override { return log_; }

 private:
  std::vector<std::pair<double, double>> logs_;
  double log_ = 0;
};

// Online Newton step, started at the limit (SAME) or halfway (DIFFERENT).
class NewtonStep : public Process {
 public:
  explicit NewtonStep(Side side)
      : Process(side), bet_((side == Side::kMeanBelow ? 0.99 : 0.5) * bet_limit()) {}
  void add(double x) override {
    const double gain = payoff(x);
    log_ += std::log(1 + bet_ * gain);
    const double slope = -gain / (1 + bet_ * gain);
    curvature_ += slope * slope;
    bet_ -= 2 / (2 - std::log(3.0)) * slope / curvature_;
    bet_ = std::clamp(bet_, 0.0, 0.99 * bet_limit());
  }
  double log_capital() const override { return log_; }

 private:
  double bet_;
  double curvature_ = 1;
  double log_ = 0;
};

// F1: the hedged capital's bets, capped at half the limit.
class Hedged : public Process {
 public:
  explicit Hedged(Side side) : Process(side), plug_in_(kAlpha) {}
  void add(double x) override {
    log_ += std::log1p(std::min(plug_in_.bet(), bet_limit() / 2) * payoff(x));
    plug_in_.add(x);
  }
  double log_capital() const override { return log_; }

 private:
  PlugIn plug_in_;
  double log_ = 0;
};

std::vector<Bet> ours(Side side) {
  const Bets& bets = bets_of(side);
  return {bets.begin(), bets.end()};
}

// Ours with another weight on the largest bet.
std::vector<Bet> reweighted(double weight) {
  std::vector<Bet> bets = ours(Side::kMeanBelow);
  for (size_t j = 1; j < bets.size(); ++j) bets[j].weight *= (1 - weight) / (1 - bets[0].weight);
  bets[0].weight = weight;
  return bets;
}

struct Strategy {
  const char* name;
  std::function<std::unique_ptr<Process>(Side)> make;
};

std::vector<Strategy> strategies() {
  const auto weighted = [](double weight) {
    return [weight](Side side) {
      return std::make_unique<Mixture>(side,
                                       side == Side::kMeanBelow ? reweighted(weight) : ours(side));
    };
  };
  return {
      {"ours", [](Side side) { return std::make_unique<Mixture>(side, ours(side)); }},
      {"mixture_half", weighted(0.5)},
      {"mixture_7_8", weighted(0.875)},
      {"largest_bet_only", weighted(1)},
      {"agrapa", [](Side side) { return std::make_unique<Agrapa>(side); }},
      {"leader", [](Side side) { return std::make_unique<Leader>(side); }},
      {"newton", [](Side side) { return std::make_unique<NewtonStep>(side); }},
      {"hedged", [](Side side) { return std::make_unique<Hedged>(side); }},
  };
}

void power(benchmark::State& state, const Strategy& strategy, Side side,
           const Distribution& distances) {
  const double bar = std::log(2 / kAlpha);
  std::vector<int> counts;
  for (auto _ : state) {
    counts.clear();
    for (uint64_t seed = 1; seed <= kRuns; ++seed) {
      Prng prng(seed);
      const auto process = strategy.make(side);
      int count = 0;
      while (count < kSamplesMax && process->log_capital() < bar) {
        process->add(distances.draw(prng));
        ++count;
      }
      counts.push_back(count);
    }
  }
  std::sort(counts.begin(), counts.end());
  state.counters["median"] = counts[kRuns / 2];
  state.counters["p90"] = counts[kRuns * 9 / 10];
}

struct Case {
  const char* name;
  Side side;
  Distribution distances;
};

const bool kRegistered = [] {
  using monte_carlo::bernoulli;
  using monte_carlo::constant;
  using monte_carlo::gamma;
  const Side same = Side::kMeanBelow;
  const Side different = Side::kMeanAbove;
  for (const Case& c : {Case{"same/zero", same, constant(0)},
                        Case{"same/mean_.0057_sd_.003", same, gamma(4, 4 / .0057)},
                        Case{"same/mean_.01_sd_.005", same, gamma(4, 4 / .01)},
                        Case{"same/mean_.01_sd_.01", same, gamma(1, 1 / .01)},
                        Case{"same/mean_.015_sd_.0075", same, gamma(4, 4 / .015)},
                        Case{"same/zero_or_1_p_.001", same, bernoulli(.001)},
                        Case{"same/zero_or_1_p_.005", same, bernoulli(.005)},
                        Case{"different/mean_.1_sd_.05", different, gamma(4, 4 / .1)},
                        Case{"different/mean_.1_sd_.1", different, gamma(1, 1 / .1)},
                        Case{"different/mean_.03_sd_.02", different, gamma(2, 2 / .03)},
                        Case{"different/mean_.03_sd_.03", different, gamma(1, 1 / .03)},
                        Case{"different/mean_.025_sd_.0125", different, gamma(4, 4 / .025)},
                        Case{"different/zero_or_1_p_.1", different, bernoulli(.1)},
                        Case{"different/zero_or_1_p_.04", different, bernoulli(.04)}}) {
    for (const Strategy& strategy : strategies()) {
      const bool below_only = std::string_view(strategy.name).starts_with("mixture") ||
                              std::string_view(strategy.name).starts_with("largest");
      if (c.side == different && below_only) continue;
      benchmark::RegisterBenchmark(
          (std::string("power/") + c.name + "/" + strategy.name).c_str(),
          [=](benchmark::State& state) { power(state, strategy, c.side, c.distances); })
          ->Iterations(1)
          ->Unit(benchmark::kMillisecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace assay
