// Ed25519 signatures (libsodium) and the key file of `assay keygen`. Tested with the RFC 8032
// vectors. Secrets: a SigningKey is wiped on destruction and is never printed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "crypto/secret_array.h"

namespace assay {

using PublicKey = std::array<uint8_t, 32>;
using Signature = std::array<uint8_t, 64>;

// Moved from, a key is wiped; its public key is then all zeros and it signs no more (CHECK).
class SigningKey {
 public:
  static SigningKey generate();
  static SigningKey from_seed(std::span<const uint8_t, 32> seed);
  // The file written by save(). Errors: NOT_FOUND; PERMISSION_DENIED when group or others may read
  // it; DATA_LOSS when it is not a key file. No message holds key material.
  static Result<SigningKey> load(const std::string& path);

  // Mode 0600, never replaces an existing file (ALREADY_EXISTS).
  Status save(const std::string& path) const;
  PublicKey public_key() const;
  Signature sign(ByteSpan message) const;

 private:
  explicit SigningKey(SecretArray<64> secret) : secret_(std::move(secret)) {}
  SecretArray<64> secret_;  // seed || public key
};

bool ed25519_verify(const PublicKey& key, ByteSpan message, const Signature& signature);

}  // namespace assay
