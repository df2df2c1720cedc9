// Steps a second of the core of one of n validators: the inputs of a run with real signatures,
// given again to a fresh core.
//   verifying        everything is in the time
//   verified before  as when the node verifies in other threads, ahead: signing and proving are in
//   no cryptography  signatures and proofs of one's own are known before, too: the core alone
#include <benchmark/benchmark.h>

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "bft/core.h"
#include "bft/ed25519_keys.h"

namespace assay::bft {
namespace {

constexpr size_t kHeights = 50;
constexpr size_t kTransactionsOfHeight = 8;
constexpr size_t kTransactionBytes = 512;

std::unique_ptr<Ed25519Keys> make_keys(size_t number) {
  std::array<uint8_t, 32> seed{};
  store_le(seed.data(), static_cast<uint64_t>(number + 1));
  std::array<uint8_t, 32> vrf_seed = seed;
  vrf_seed[31] = 1;
  return std::make_unique<Ed25519Keys>(SigningKey::from_seed(seed), VrfKey::from_seed(vrf_seed),
                                       size_t{1} << 20);
}

// Knows its own signatures and proofs from before.
class KnowingKeys : public Keys {
 public:
  explicit KnowingKeys(const Keys& keys) : keys_(keys) {}
  Signature sign(ByteSpan message) const override {
    Signature& known = signatures_[Bytes(message.begin(), message.end())];
    if (known == Signature{}) known = keys_.sign(message);
    return known;
  }
  VrfProof vrf_prove(ByteSpan input) const override {
    VrfProof& known = proofs_[Bytes(input.begin(), input.end())];
    if (known == VrfProof{}) known = keys_.vrf_prove(input);
    return known;
  }
  bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) const override {
    return keys_.verify(key, message, signature);
  }
  std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteSpan input,
                                      const VrfProof& proof) const override {
    return keys_.vrf_verify(key, input, proof);
  }

 private:
  const Keys& keys_;
  mutable std::map<Bytes, Signature> signatures_;
  mutable std::map<Bytes, VrfProof> proofs_;
};

struct Recording {
  Genesis genesis;
  std::vector<Input> inputs;  // of validator 0
  size_t heights = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
};

// n validators whose messages arrive at once, in order.
class Recorder {
 public:
  explicit Recorder(size_t n) {
    out_.genesis.name = "bench";
    for (size_t i = 0; i < n; ++i) {
      keys_.push_back(make_keys(i));
      out_.genesis.validators.push_back({keys_[i]->public_key(), keys_[i]->vrf_public_key(), 1});
    }
    const Chain chain = Chain::from_genesis(out_.genesis).value();
    for (size_t i = 0; i < n; ++i) {
      cores_.push_back(std::make_unique<Core>(kSettings, keys_[i]->public_key(), *keys_[i],
                                              Restored{chain, {}, {}, {}, 0}));
      carry_out(i, cores_[i]->start());
    }
  }

  Recording heights() {
    uint64_t number = 0;
    while (out_.heights < kHeights) {
      for (size_t i = 0; i < kTransactionsOfHeight; ++i) {
        Transaction transaction;
        transaction.body.resize(kTransactionBytes);
        store_le(transaction.body.data(), ++number);
        queue_.emplace_back(number % cores_.size(), TransactionSubmitted{std::move(transaction)});
      }
      settle();
    }
    return out_;
  }

  // Nobody proposes in view 0, and everybody's time for it runs out.
  Recording view_change() {
    for (const auto& [to, timer] : view_timers_) queue_.emplace_back(to, TimerFired{timer});
    view_timers_.clear();
    settle();
    return out_;
  }

  // No timer but that of a view takes so long.
  static constexpr Settings kSettings{.view_timeout_ms = 1234};

 private:
  void settle() {
    while (!queue_.empty()) {
      const auto [to, input] = std::move(queue_.front());
      queue_.pop_front();
      if (to == 0) out_.inputs.push_back(input);
      carry_out(to, cores_[to]->step(input));
    }
    out_.heights = cores_[0]->chain().height();
  }

  void carry_out(size_t from, const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const auto* timer = std::get_if<SetTimer>(&effect)) {
        if (timer->delay_ms == kSettings.view_timeout_ms)
          view_timers_.emplace_back(from, timer->id);
      }
      const auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      for (size_t to = 0; to < cores_.size(); ++to) {
        if (to == from || (send->to && *send->to != keys_[to]->public_key())) continue;
        ++out_.messages;
        out_.bytes += send->bytes.size();
        queue_.emplace_back(to, MessageReceived{keys_[from]->public_key(), send->bytes});
      }
    }
  }

  Recording out_;
  std::vector<std::unique_ptr<Ed25519Keys>> keys_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::deque<std::pair<size_t, Input>> queue_;
  std::vector<std::pair<size_t, uint64_t>> view_timers_;
};

enum class Known { kNothing, kOthers, kAll };

void replay(benchmark::State& state, const Recording& recording, Known known) {
  auto keys = make_keys(0);
  auto knowing = std::make_unique<KnowingKeys>(*keys);
  const PublicKey own = keys->public_key();
  uint64_t count = 0;
  const auto run = [&] {
    const Keys& used = known == Known::kAll ? static_cast<const Keys&>(*knowing) : *keys;
    Core core(Recorder::kSettings, own, used,
              Restored{Chain::from_genesis(recording.genesis).value(), {}, {}, {}, 0});
    benchmark::DoNotOptimize(core.start());
    for (const Input& input : recording.inputs) benchmark::DoNotOptimize(core.step(input));
    count += recording.inputs.size();
  };
  if (known != Known::kNothing) run();
  count = 0;
  for (auto _ : state) {
    if (known == Known::kNothing) {
      state.PauseTiming();
      keys = make_keys(0);
      state.ResumeTiming();
    }
    run();
  }
  state.SetItemsProcessed(static_cast<int64_t>(count));
  const auto heights = static_cast<double>(recording.heights);
  state.counters["steps/height"] = static_cast<double>(recording.inputs.size()) / heights;
  state.counters["messages/height"] = static_cast<double>(recording.messages) / heights;
  state.counters["bytes/height"] = static_cast<double>(recording.bytes) / heights;
}

void steps(benchmark::State& state, Known known) {
  static std::map<int64_t, Recording> recordings;
  const auto [at, is_new] = recordings.try_emplace(state.range(0));
  if (is_new) at->second = Recorder(static_cast<size_t>(state.range(0))).heights();
  replay(state, at->second, known);
}

// One height, of which view 0 fails: each iteration is a change of view and a decision.
void view_changes(benchmark::State& state, Known known) {
  static std::map<int64_t, Recording> recordings;
  const auto [at, is_new] = recordings.try_emplace(state.range(0));
  if (is_new) at->second = Recorder(static_cast<size_t>(state.range(0))).view_change();
  replay(state, at->second, known);
}

void bm_steps_verifying(benchmark::State& state) { steps(state, Known::kNothing); }
void bm_steps_verified_before(benchmark::State& state) { steps(state, Known::kOthers); }
void bm_steps_no_cryptography(benchmark::State& state) { steps(state, Known::kAll); }
BENCHMARK(bm_steps_verifying)->Arg(4)->Arg(7)->Arg(10)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_steps_verified_before)->Arg(4)->Arg(7)->Arg(10)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_steps_no_cryptography)->Arg(4)->Arg(7)->Arg(10)->Unit(benchmark::kMillisecond);

void bm_view_change_verifying(benchmark::State& state) { view_changes(state, Known::kNothing); }
void bm_view_change_verified_before(benchmark::State& state) {
  view_changes(state, Known::kOthers);
}
BENCHMARK(bm_view_change_verifying)->Arg(4)->Arg(100)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_view_change_verified_before)->Arg(4)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace assay::bft
