// Keys of a real validator: Ed25519 signatures and ECVRF, with a bounded memory of what was found
// valid. Messages are said again until they are heard, and certificates repeat votes: most of what
// a validator verifies it has verified before. Tested in ed25519_keys_test.cc. Threads: one at a
// time, as the core that it serves.
#pragma once

#include <map>
#include <memory>

#include "bft/keys.h"
#include "crypto/ecvrf.h"
#include "crypto/ed25519.h"

namespace assay::bft {

class Ed25519Keys : public Keys {
 public:
  // Pre: ecvrf_self_test passes (CHECK, once): a program asks it first, and says what is wrong.
  // valid_max: how many valid signatures and proofs are remembered, some 150 bytes each.
  Ed25519Keys(SigningKey signing, VrfKey vrf, size_t valid_max = size_t{1} << 16);

  PublicKey public_key() const { return signing_.public_key(); }
  PublicKey vrf_public_key() const { return vrf_.public_key(); }

  Signature sign(ByteSpan message) const override;
  VrfProof vrf_prove(ByteSpan input) const override;
  bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) const override;
  std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteSpan input,
                                      const VrfProof& proof) const override;

  struct Counts {
    uint64_t verified = 0;    // with the curve
    uint64_t remembered = 0;  // without
  };
  const Counts& counts() const { return counts_; }

 private:
  // What is remembered of something valid: the output of a proof, nothing of a signature.
  const VrfOutput* find(const Digest& digest) const;
  void remember(const Digest& digest, const VrfOutput& output) const;

  SigningKey signing_;
  VrfKey vrf_;
  size_t valid_max_;
  // Two generations: when the newer is full it becomes the older, and what is used again moves up.
  mutable std::map<Digest, VrfOutput> newer_;
  mutable std::map<Digest, VrfOutput> older_;
  mutable Counts counts_;
};

}  // namespace assay::bft
