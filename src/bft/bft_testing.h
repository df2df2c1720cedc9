// For tests of this folder: real keys, sets of validators, and a cluster whose messages arrive in
// order, at once, unless the test says otherwise.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "bft/core.h"

namespace assay::bft {

// Ed25519 signatures; instead of a VRF a signature over the input, which is as unique for a test.
class TestKeys : public Keys {
 public:
  explicit TestKeys(uint8_t number) : key_(SigningKey::from_seed(seed(number))) {}

  PublicKey public_key() const { return key_.public_key(); }
  Signature sign(ByteSpan message) const override { return key_.sign(message); }
  bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) const override {
    return ed25519_verify(key, message, signature);
  }
  VrfProof vrf_prove(ByteSpan input) const override {
    const Signature signature = key_.sign(input);
    VrfProof proof{};
    std::copy(signature.begin(), signature.end(), proof.begin());
    return proof;
  }
  std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteSpan input,
                                      const VrfProof& proof) const override {
    Signature signature;
    std::copy_n(proof.begin(), signature.size(), signature.begin());
    if (!ed25519_verify(key, input, signature)) return std::nullopt;
    VrfOutput output{};
    const Digest digest = sha256(ByteSpan(signature));
    std::copy(digest.begin(), digest.end(), output.begin());
    return output;
  }

 private:
  static std::array<uint8_t, 32> seed(uint8_t number) {
    std::array<uint8_t, 32> out{};
    out[0] = number;
    out[1] = 1;
    return out;
  }
  SigningKey key_;
};

}  // namespace assay::bft
