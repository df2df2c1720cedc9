#include "bft/ed25519_keys.h"

#include <utility>

#include "base/check.h"

namespace assay::bft {
namespace {

Digest digest_of(uint8_t kind, const PublicKey& key, ByteSpan message, ByteSpan proof) {
  Bytes bytes;
  bytes.reserve(1 + key.size() + proof.size() + message.size());
  bytes.push_back(kind);
  append_bytes(bytes, key);
  append_bytes(bytes, proof);  // of a fixed size for each kind
  append_bytes(bytes, message);
  return sha256(bytes);
}

}  // namespace

Ed25519Keys::Ed25519Keys(SigningKey signing, VrfKey vrf, size_t valid_max)
    : signing_(std::move(signing)), vrf_(std::move(vrf)), valid_max_(valid_max) {
  static const bool is_sound = ecvrf_self_test().ok();
  ASSAY_CHECK(is_sound);
}

// What this validator has made itself holds: it comes back in certificates, and is not verified.
Signature Ed25519Keys::sign(ByteSpan message) const {
  const Signature signature = signing_.sign(message);
  remember(digest_of(0, public_key(), message, signature), {});
  return signature;
}

VrfProof Ed25519Keys::vrf_prove(ByteSpan input) const {
  const VrfProof proof = vrf_.prove(input);
  const std::optional<VrfOutput> output = ecvrf_proof_to_hash(proof);
  ASSAY_CHECK(output.has_value());
  remember(digest_of(1, vrf_public_key(), input, proof), *output);
  return proof;
}

const VrfOutput* Ed25519Keys::find(const Digest& digest) const {
  if (const auto at = newer_.find(digest); at != newer_.end()) return &at->second;
  const auto at = older_.find(digest);
  if (at == older_.end()) return nullptr;
  const VrfOutput output = at->second;
  older_.erase(at);
  remember(digest, output);
  return &newer_.at(digest);
}

void Ed25519Keys::remember(const Digest& digest, const VrfOutput& output) const {
  if (newer_.size() >= valid_max_ / 2) {
    older_ = std::move(newer_);
    newer_.clear();
  }
  newer_.emplace(digest, output);
}

bool Ed25519Keys::verify(const PublicKey& key, ByteSpan message, const Signature& signature) const {
  const Digest digest = digest_of(0, key, message, signature);
  if (find(digest) != nullptr) {
    ++counts_.remembered;
    return true;
  }
  ++counts_.verified;
  if (!ed25519_verify(key, message, signature)) return false;
  remember(digest, {});
  return true;
}

std::optional<VrfOutput> Ed25519Keys::vrf_verify(const PublicKey& key, ByteSpan input,
                                                 const VrfProof& proof) const {
  const Digest digest = digest_of(1, key, input, proof);
  if (const VrfOutput* const output = find(digest)) {
    ++counts_.remembered;
    return *output;
  }
  ++counts_.verified;
  const std::optional<VrfOutput> output = ecvrf_verify(key, input, proof);
  if (output) remember(digest, *output);
  return output;
}

}  // namespace assay::bft
