// The cryptography that consensus asks for, as an interface without state that a caller can see:
// the node puts Ed25519 and ECVRF behind it (with a cache of what was verified before), the
// simulator something faster that is as unforgeable inside its world.
#pragma once

#include <optional>

#include "bft/types.h"

namespace assay::bft {

class Keys {
 public:
  Keys() = default;
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  virtual ~Keys() = default;

  // With this validator's own keys.
  virtual Signature sign(ByteSpan message) const = 0;
  virtual VrfProof vrf_prove(ByteSpan input) const = 0;

  virtual bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) const = 0;
  // Nothing when the proof does not hold.
  virtual std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteSpan input,
                                              const VrfProof& proof) const = 0;
};

}  // namespace assay::bft
