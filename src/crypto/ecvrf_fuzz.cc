// Any bytes as key, proof and alpha: an answer without a crash. And a proof that was made here,
// with the input's bytes laid over it: it verifies when nothing changed, and what still verifies
// has the same output.
#include <algorithm>

#include "crypto/ecvrf.h"

namespace {

using assay::ByteSpan;

void check_any(const assay::PublicKey& key, ByteSpan alpha, const assay::VrfProof& proof) {
  const auto beta = assay::ecvrf_verify(key, alpha, proof);
  if (!beta) return;
  ASSAY_CHECK(assay::ecvrf_validate_key(key));
  ASSAY_CHECK(assay::ecvrf_proof_to_hash(proof) == beta);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 112) return 0;
  const ByteSpan input(bytes, size);
  assay::PublicKey key;
  assay::VrfProof proof;
  std::ranges::copy(input.first(32), key.begin());
  std::ranges::copy(input.subspan(32, 80), proof.begin());
  const ByteSpan alpha = input.subspan(112);
  check_any(key, alpha, proof);

  static const assay::VrfKey own = assay::VrfKey::from_seed(std::array<uint8_t, 32>{1});
  const assay::VrfProof good = own.prove(alpha);
  assay::VrfProof changed = good;
  for (size_t i = 0; i < changed.size(); ++i) changed[i] ^= proof[i];
  const auto beta = assay::ecvrf_verify(own.public_key(), alpha, changed);
  if (changed == good) ASSAY_CHECK(beta.has_value());
  if (beta) ASSAY_CHECK(beta == assay::ecvrf_proof_to_hash(good));
  return 0;
}
