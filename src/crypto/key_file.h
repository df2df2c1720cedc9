// The key file (docs/formats/key-file.md), one form for every kind of key that is derived from 32
// random bytes on Ed25519's curve: signing keys and VRF keys. Tested in ed25519_test.cc and
// ecvrf_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/secret_array.h"

namespace assay {

struct KeyFileKind {
  std::string_view format;     // the first word: a file of one kind is refused as another
  std::string_view algorithm;  // of the second line
};
inline constexpr KeyFileKind kSigningKeyFile = {"assay-signing-key", "ed25519"};
inline constexpr KeyFileKind kVrfKeyFile = {"assay-vrf-key", "ecvrf-edwards25519-sha512-tai"};

// seed || public key, as RFC 8032 derives the one from the other.
using KeyPair = SecretArray<64>;

KeyPair generate_key_pair();
KeyPair key_pair_from_seed(std::span<const uint8_t, 32> seed);

// Errors: NOT_FOUND; PERMISSION_DENIED when group or others have any access; DATA_LOSS when it is
// no file of this kind. No message holds key material.
Result<KeyPair> load_key_file(const std::string& path, const KeyFileKind& kind);

// Mode 0600, never replaces an existing file (ALREADY_EXISTS). Pre: pair has not been moved from
// (CHECK).
Status save_key_file(const std::string& path, const KeyFileKind& kind, const KeyPair& pair);

}  // namespace assay
