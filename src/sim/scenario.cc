#include "sim/scenario.h"

#include <algorithm>

#include "base/check.h"
#include "base/prng.h"

namespace assay::sim {
namespace {

// clang-format off
constexpr std::array<std::string_view, kFaultKinds> kNames = {
    "loss", "duplicate", "delay-spikes", "partition", "isolate-leader", "isolate-decider",
    "lose-commits", "clock-skew", "pause", "slow-node", "crash", "crash-at-persist",
    "restart-all", "old-image", "sign-state-lost", "set-change", "transaction-flood",
    "bad-transaction", "clock-jump", "silence", "withhold", "equivocate", "double-vote", "amnesia",
    "forged-prepared", "lying-leader", "replay", "garbage", "forged-votes", "out-of-sample",
    "delay", "forged-evidence", "evidence-storm", "vote-flood", "forged-blocks", "view-jump",
    "twins"};
// clang-format on

// A stream of its own for every use, so that leaving one fault out does not change the others.
Prng stream(uint64_t seed, uint64_t use) { return Prng(seed * 0x9E3779B97F4A7C15u + use); }

uint64_t draw_between(Prng& prng, uint64_t low, uint64_t high) {
  return low + prng.below(high - low + 1);
}
bool draw_chance(Prng& prng, uint64_t percent) { return prng.below(100) < percent; }

size_t draw_nodes(Prng& prng) {
  constexpr std::array<size_t, 16> kNodes = {4, 4, 4, 4, 4, 4, 4, 7, 7, 7, 10, 13, 5, 6, 8, 9};
  return kNodes[prng.below(kNodes.size())];
}

void draw_settings(Prng& prng, Scenario& scenario) {
  bft::Settings& settings = scenario.settings;
  settings.view_timeout_ms = 100;
  settings.view_timeout_max_ms = 1600;
  settings.resend_ms = 40;
  settings.block_interval_ms = 20;
  constexpr std::array<uint64_t, 4> kEpochs = {2, 3, 4, 1000};
  scenario.epoch_blocks = kEpochs[prng.below(kEpochs.size())];
  constexpr std::array<uint64_t, 4> kCheckpoints = {1, 2, 3, 1000};
  settings.checkpoint_blocks = kCheckpoints[prng.below(kCheckpoints.size())];
  constexpr std::array<size_t, 3> kRecent = {1, 2, 16};
  settings.recent_blocks = kRecent[prng.below(kRecent.size())];
  scenario.prunes = draw_chance(prng, 30);
  settings.mempool.bytes_max = 8192;
  settings.mempool.sender_bytes_max = 4096;
  settings.mempool.remembered_max = 64;
}

class Draw {
 public:
  Draw(uint64_t seed, Scenario& scenario) : seed_(seed), scenario_(&scenario) {}

  // Which identities lose what a validator must not lose: with the Byzantine ones at most f.
  void surroundings() {
    Prng prng = stream(seed_, 2);
    if (draw_chance(prng, 7)) return;  // nothing at all
    const uint64_t percent = draw_between(prng, 5, 40);
    for (size_t kind = 0; kind <= static_cast<size_t>(Fault::kClockJump); ++kind) {
      const auto fault = static_cast<Fault>(kind);
      const bool is_drawn = draw_chance(prng, percent);
      if (is_drawn) draw_fault(fault);
    }
  }

  // One decides, is cut off, and a leader who knows better asks the others to start anew: what a
  // view change is for. Chance alone brings it about too seldom.
  void divide() {
    Prng prng = stream(seed_, 5);
    add({Fault::kLoseCommits, 0, 0, scenario_->window_ms, draw_between(prng, 600, 950)});
    for (int i = 0; i < 3; ++i) {
      add({Fault::kIsolateDecider, 0, prng.below(scenario_->window_ms),
           draw_between(prng, 400, 1200), prng.next()});
    }
    for (size_t i = 0; i < scenario_->byzantine; ++i) {
      add({Fault::kLyingLeader, i, 0, 0, prng.next()});
    }
  }

  void attacks() {
    Prng prng = stream(seed_, 3);
    constexpr auto kFirst = static_cast<uint64_t>(Fault::kSilence);
    constexpr auto kLast = static_cast<uint64_t>(Fault::kViewJump);
    for (size_t identity = 0; identity < scenario_->byzantine; ++identity) {
      const size_t attacks = draw_between(prng, 1, 4);
      for (size_t i = 0; i < attacks; ++i) {
        auto fault = static_cast<Fault>(draw_between(prng, kFirst, kLast));
        // Equivocation is what breaks a protocol: it is drawn more often.
        if (i == 0 && draw_chance(prng, 30)) fault = Fault::kEquivocate;
        const bool at_start = draw_chance(prng, 70);
        add({fault, identity, at_start ? 0 : prng.below(scenario_->window_ms), 0, prng.next()});
      }
    }
  }

  void twins() {
    Prng prng = stream(seed_, 4);
    for (size_t i = 0; i < scenario_->byzantine; ++i) add({Fault::kTwins, i, 0, 0, 0});
    const size_t rounds = draw_between(prng, 1, 6);
    const uint64_t step = scenario_->window_ms / rounds;
    for (size_t i = 0; i < rounds; ++i) {
      add({Fault::kPartition, 0, i * step, draw_between(prng, step / 2, step), prng.next()});
    }
  }

 private:
  void add(const Action& action) { scenario_->actions.push_back(action); }

  size_t some_correct(Prng& prng) const {
    return scenario_->byzantine + prng.below(scenario_->identities() - scenario_->byzantine);
  }

  void draw_fault(Fault fault) {
    Prng prng = stream(seed_, 16 + static_cast<uint64_t>(fault));
    const size_t faults_max = (scenario_->nodes - 1) / 3;
    size_t times = draw_between(prng, 1, 3);
    if (fault == Fault::kOldImage || fault == Fault::kSignStateLost) {
      // They are as good as faulty for a while; the victims are the last validators, one each.
      if (scenario_->byzantine + lost_ >= faults_max) return;
      if (scenario_->sampling) return;
      times = 1;
    }
    if (fault == Fault::kSetChange && (scenario_->sampling || scenario_->epoch_blocks > 10)) return;
    if (fault == Fault::kSetChange) times = 1;
    for (size_t i = 0; i < times; ++i) {
      Action action = {fault, some_correct(prng), prng.below(scenario_->window_ms),
                       draw_between(prng, 10, scenario_->window_ms), prng.next()};
      shape(prng, action);
      add(action);
    }
  }

  // The amount, in the kind's own unit.
  void shape(Prng& prng, Action& action) {
    switch (action.fault) {
      case Fault::kLoss:
        action.amount = draw_between(prng, 10, 400);
        break;
      case Fault::kLoseCommits:
        action.amount = draw_between(prng, 100, 900);
        break;
      case Fault::kDuplicate:
      case Fault::kDelaySpikes:
        action.amount = draw_between(prng, 10, 300);
        break;
      case Fault::kSetChange:
        // Early, and with heights enough to come to the epoch.
        action.at_ms %= 60;
        scenario_->heights += 4;
        // Who lags behind a change needs the blocks that lead over it.
        scenario_->prunes = false;
        break;
      case Fault::kClockSkew:
        action.at_ms = 0;
        action.amount = draw_between(prng, 500, 1500);
        break;
      case Fault::kSlowNode:
        action.amount = draw_between(prng, 20, 150);
        break;
      case Fault::kClockJump:
        action.amount %= 1000;
        break;
      case Fault::kCrash:
      case Fault::kCrashAtPersist:
      case Fault::kRestartAll:
        scenario_->is_disk_slow = true;
        action.for_ms = draw_between(prng, 1, 300);
        break;
      case Fault::kOldImage:
      case Fault::kSignStateLost:
        action.target = scenario_->nodes - 1 - lost_++;
        action.for_ms = draw_between(prng, 1, 300);
        scenario_->is_disk_slow = true;
        break;
      default:
        break;
    }
  }

  uint64_t seed_;
  Scenario* scenario_;
  size_t lost_ = 0;
};

}  // namespace

std::string_view fault_name(Fault fault) { return kNames[static_cast<size_t>(fault)]; }

std::string to_text(const Action& action) {
  return std::string(fault_name(action.fault)) + " target " + std::to_string(action.target) +
         " at " + std::to_string(action.at_ms) + " ms for " + std::to_string(action.for_ms) +
         " ms, amount " + std::to_string(action.amount);
}

Scenario make_scenario(uint64_t seed, const ScenarioOptions& options) {
  Prng prng = stream(seed, 1);
  Scenario scenario;
  scenario.seed = seed;
  scenario.nodes = draw_nodes(prng);
  if (options.nodes) scenario.nodes = *options.nodes;
  const size_t faults_max = (scenario.nodes - 1) / 3;
  const uint64_t faults_dice = prng.next();
  const uint64_t faults_share = prng.next();
  scenario.byzantine =
      faults_dice % 100 < 60 ? faults_max : static_cast<size_t>(faults_share % (faults_max + 1));
  scenario.heights = draw_between(prng, 5, 8);
  scenario.window_ms = draw_between(prng, 200, 1200);
  scenario.transactions = prng.below(12);
  draw_settings(prng, scenario);
  if (draw_chance(prng, 20)) {
    // A deterministic quorum out of samples that are larger: decisions may fail to come in a view,
    // but two of them intersect in a correct validator for certain.
    const auto nodes = static_cast<uint32_t>(scenario.nodes);
    const auto quorum = static_cast<uint32_t>((scenario.nodes + faults_max) / 2 + 1);
    const uint32_t sample = draw_chance(prng, 50) ? nodes : std::max(quorum, nodes - 1);
    scenario.sampling = bft::Sampling{sample, quorum};
  }
  const bool is_twins = draw_chance(prng, 10) || options.twins;
  scenario.spares = draw_chance(prng, 25) ? 1 : 0;
  const bool may_miss = scenario.sampling && scenario.sampling->sample < scenario.nodes;
  scenario.is_beyond_faults = options.beyond;
  if (options.beyond) scenario.byzantine = faults_max + 1;
  if (options.twins) scenario.byzantine = std::max(scenario.byzantine, faults_max);
  scenario.is_live = !options.beyond && !(may_miss && scenario.byzantine > 0);
  Draw draw(seed, scenario);
  const bool is_divided = draw_chance(prng, 8);
  if (!options.twins) draw.surroundings();
  if (!options.twins && is_divided) draw.divide();
  if (is_twins) {
    draw.twins();
  } else {
    draw.attacks();
  }
  if (options.heights) scenario.heights = std::max<bft::Height>(*options.heights, 3);
  if (options.keep) {
    std::vector<Action> kept;
    for (const size_t place : *options.keep) {
      if (place < scenario.actions.size()) kept.push_back(scenario.actions[place]);
    }
    scenario.actions = std::move(kept);
  }
  return scenario;
}

std::string to_arguments(uint64_t seed, const ScenarioOptions& options) {
  std::string out = "--seed " + std::to_string(seed);
  if (options.nodes) out += " --nodes " + std::to_string(*options.nodes);
  if (options.heights) out += " --heights " + std::to_string(*options.heights);
  if (options.twins) out += " --twins";
  if (options.beyond) out += " --beyond";
  if (options.keep) {
    out += " --keep ";
    for (const size_t place : *options.keep) {
      if (out.back() != ' ') out += ',';
      out += std::to_string(place);
    }
    if (options.keep->empty()) out += "none";
  }
  return out;
}

}  // namespace assay::sim
