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
  uint64_t messages = 0;
  uint64_t bytes = 0;
};

Recording record(size_t n) {
  Recording out;
  out.genesis.name = "bench";
  std::vector<std::unique_ptr<Ed25519Keys>> keys;
  for (size_t i = 0; i < n; ++i) {
    keys.push_back(make_keys(i));
    out.genesis.validators.push_back({keys[i]->public_key(), keys[i]->vrf_public_key(), 1});
  }
  std::vector<std::unique_ptr<Core>> cores;
  std::deque<std::pair<size_t, Input>> queue;
  const auto carry_out = [&](size_t from, const Effects& effects) {
    for (const Effect& effect : effects) {
      const auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      for (size_t to = 0; to < n; ++to) {
        if (to == from || (send->to && *send->to != keys[to]->public_key())) continue;
        ++out.messages;
        out.bytes += send->bytes.size();
        queue.emplace_back(to, MessageReceived{keys[from]->public_key(), send->bytes});
      }
    }
  };
  for (size_t i = 0; i < n; ++i) {
    cores.push_back(
        std::make_unique<Core>(Settings{}, keys[i]->public_key(), *keys[i],
                               Restored{Chain::from_genesis(out.genesis).value(), {}, {}, {}, 0}));
    carry_out(i, cores[i]->start());
  }
  uint64_t number = 0;
  while (cores[0]->chain().height() < kHeights) {
    if (queue.empty()) {
      for (size_t i = 0; i < kTransactionsOfHeight; ++i) {
        Transaction transaction;
        transaction.body.resize(kTransactionBytes);
        store_le(transaction.body.data(), ++number);
        queue.emplace_back(number % n, TransactionSubmitted{std::move(transaction)});
      }
    }
    const auto [to, input] = std::move(queue.front());
    queue.pop_front();
    if (to == 0) out.inputs.push_back(input);
    carry_out(to, cores[to]->step(input));
  }
  return out;
}

enum class Known { kNothing, kOthers, kAll };

void steps(benchmark::State& state, Known known) {
  const auto n = static_cast<size_t>(state.range(0));
  static std::map<size_t, Recording> recordings;
  if (!recordings.contains(n)) recordings[n] = record(n);
  const Recording& recording = recordings[n];
  auto keys = make_keys(0);
  auto knowing = std::make_unique<KnowingKeys>(*keys);
  const PublicKey own = keys->public_key();
  uint64_t count = 0;
  const auto run = [&] {
    const Keys& used = known == Known::kAll ? static_cast<const Keys&>(*knowing) : *keys;
    Core core(Settings{}, own, used,
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
  state.counters["steps/height"] = static_cast<double>(recording.inputs.size()) / kHeights;
  state.counters["messages/height"] = static_cast<double>(recording.messages) / kHeights;
  state.counters["bytes/height"] = static_cast<double>(recording.bytes) / kHeights;
}

void bm_steps_verifying(benchmark::State& state) { steps(state, Known::kNothing); }
void bm_steps_verified_before(benchmark::State& state) { steps(state, Known::kOthers); }
void bm_steps_no_cryptography(benchmark::State& state) { steps(state, Known::kAll); }
BENCHMARK(bm_steps_verifying)->Arg(4)->Arg(7)->Arg(10)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_steps_verified_before)->Arg(4)->Arg(7)->Arg(10)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_steps_no_cryptography)->Arg(4)->Arg(7)->Arg(10)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace assay::bft
