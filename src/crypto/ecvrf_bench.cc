#include <benchmark/benchmark.h>

#include "crypto/ecvrf.h"

namespace assay {
namespace {

struct Sample {
  VrfKey key = VrfKey::from_seed(std::array<uint8_t, 32>{1});
  Bytes alpha = Bytes(100);
};

// Another alpha each time: how many candidates the curve refuses depends on it.
void advance(Bytes& alpha) { store_le(alpha.data(), load_le<uint64_t>(alpha.data()) + 1); }

void prove(benchmark::State& state) {
  Sample sample;
  for (auto _ : state) {
    advance(sample.alpha);
    benchmark::DoNotOptimize(sample.key.prove(sample.alpha));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(prove);

void verify(benchmark::State& state) {
  Sample sample;
  const PublicKey key = sample.key.public_key();
  std::vector<std::pair<Bytes, VrfProof>> proofs;
  for (int i = 0; i < 64; ++i) {
    advance(sample.alpha);
    proofs.emplace_back(sample.alpha, sample.key.prove(sample.alpha));
  }
  size_t at = 0;
  for (auto _ : state) {
    const auto& [alpha, proof] = proofs[at++ % proofs.size()];
    ASSAY_CHECK(ecvrf_verify(key, alpha, proof).has_value());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(verify);

}  // namespace
}  // namespace assay
