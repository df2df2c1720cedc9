// Keys of the simulated world: a signature is a keyed hash whose secret only the world's registry
// knows. Fast, and unforgeable inside the world, because whoever plays a validator is handed that
// validator's SimKeys and nothing else. For the simulator only: it protects nothing outside.
// Tested in sim_keys_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bft/keys.h"

namespace assay::sim {

// The validators of one world and their secrets. Verification recomputes the keyed hash.
class KeyRegistry {
 public:
  KeyRegistry(uint64_t seed, size_t validators);

  size_t size() const { return entries_.size(); }
  // What a genesis names; weight 1.
  const bft::Validator& validator(size_t identity) const { return entries_[identity].validator; }
  std::optional<size_t> find(const PublicKey& key) const;

  // The one signature, or VRF proof, of this identity over the message.
  Signature signature(size_t identity, ByteSpan message) const;
  VrfProof proof(size_t identity, ByteSpan input) const;
  bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) const;
  std::optional<VrfOutput> vrf_verify(const PublicKey& vrf_key, ByteSpan input,
                                      const VrfProof& proof) const;

 private:
  struct Secret {
    uint64_t low;
    uint64_t high;
  };
  struct Entry {
    bft::Validator validator;
    Secret sign;
    Secret vrf;
  };
  struct Place {
    uint64_t prefix;  // first bytes of the key
    size_t identity;
  };

  // The places whose keys may be this one: sorted by prefix.
  static std::optional<size_t> search(const std::vector<Place>& places, const PublicKey& key);

  std::vector<Entry> entries_;
  std::vector<Place> by_key_;
  std::vector<Place> by_vrf_key_;
};

// What one validator may do: sign as itself, verify anybody.
class SimKeys : public bft::Keys {
 public:
  // The registry has to outlive this.
  SimKeys(const KeyRegistry& registry, size_t identity)
      : registry_(&registry), identity_(identity) {}

  Signature sign(ByteSpan message) const override {
    return registry_->signature(identity_, message);
  }
  VrfProof vrf_prove(ByteSpan input) const override { return registry_->proof(identity_, input); }
  bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) const override {
    return registry_->verify(key, message, signature);
  }
  std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteSpan input,
                                      const VrfProof& proof) const override {
    return registry_->vrf_verify(key, input, proof);
  }

 private:
  const KeyRegistry* registry_;
  size_t identity_;
};

}  // namespace assay::sim
