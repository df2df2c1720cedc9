// ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381, suite 3) on libsodium: who has the secret of a public
// key can compute one output beta for an input alpha and prove it; nobody can prove another, and
// without the proof beta looks random. Elects leaders and draws samples (06-consensus). Tested in
// ecvrf_test.cc with the RFC's vectors and with proofs of an independent program
// (tools/make-ecvrf-fixtures), fuzzed in ecvrf_fuzz.cc.
//
// Stricter than the RFC where it leaves room: the key, and Gamma in the proof, must lie in the
// subgroup of order L, and every encoding must be canonical. No honest key or proof is refused by
// that; beta is unique without it too. A proof is still malleable by who holds the secret (another
// nonce gives another proof of the same beta), so beta identifies, never the proof.
// Threads: all functions and const members are safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "crypto/ed25519.h"
#include "crypto/secret_array.h"

namespace assay {

using VrfProof = std::array<uint8_t, 80>;   // Gamma (32) || c (16) || s (32)
using VrfOutput = std::array<uint8_t, 64>;  // beta

// A key of its own: never the seed of a SigningKey. Moved from, it is wiped and proves no more
// (CHECK).
class VrfKey {
 public:
  static VrfKey generate();
  static VrfKey from_seed(std::span<const uint8_t, 32> seed);
  // As SigningKey, with a file of another kind (key_file.h).
  static Result<VrfKey> load(const std::string& path);
  Status save(const std::string& path) const;

  PublicKey public_key() const;
  // The same proof for the same alpha. Constant time in the secret, not in alpha.
  VrfProof prove(ByteSpan alpha) const;

 private:
  explicit VrfKey(SecretArray<64> secret) : secret_(std::move(secret)) {}
  SecretArray<64> secret_;  // seed || public key
};

// The output, when the proof holds for this key and alpha; ecvrf_validate_key() is part of it.
// Cost: some 4 multiplications of a point; linear in alpha.
std::optional<VrfOutput> ecvrf_verify(const PublicKey& key, ByteSpan alpha, const VrfProof& proof);

// beta of a proof that is known to hold (one's own, or verified before): this checks only that
// Gamma, c and s are canonical encodings.
std::optional<VrfOutput> ecvrf_proof_to_hash(const VrfProof& proof);

// True for a canonical point of order L. What a key must pass when it is registered.
bool ecvrf_validate_key(const PublicKey& key);

// Before first use, in every program that proves or verifies: does this build give the RFC's bytes,
// and does validate_key refuse a point with a part of order 2, 4 or 8? libsodium up to 1.0.20
// accepted Y + (0, -1) (CVE-2025-69277); Debian fixed it in 1.0.18-1+deb12u1, which the library's
// version number does not show. Errors: FAILED_PRECONDITION.
Status ecvrf_self_test(bool (*validate_key)(const PublicKey&) = ecvrf_validate_key);

}  // namespace assay
