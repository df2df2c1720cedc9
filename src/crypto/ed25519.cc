#include "crypto/ed25519.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/key_file.h"
#include "crypto/sodium_start.h"

namespace assay {

static_assert(crypto_sign_BYTES == 64);

SigningKey SigningKey::generate() { return SigningKey(generate_key_pair()); }

SigningKey SigningKey::from_seed(std::span<const uint8_t, 32> seed) {
  return SigningKey(key_pair_from_seed(seed));
}

Result<SigningKey> SigningKey::load(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(KeyPair pair, load_key_file(path, kSigningKeyFile));
  return SigningKey(std::move(pair));
}

Status SigningKey::save(const std::string& path) const {
  return save_key_file(path, kSigningKeyFile, secret_);
}

PublicKey SigningKey::public_key() const {
  PublicKey key;
  std::copy(secret_.bytes.begin() + 32, secret_.bytes.end(), key.begin());
  return key;
}

Signature SigningKey::sign(ByteSpan message) const {
  ASSAY_CHECK(sodium_is_zero(secret_.bytes.data(), secret_.bytes.size()) == 0);  // not moved from
  Signature signature;
  ASSAY_CHECK(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                                   secret_.bytes.data()) == 0);
  return signature;
}

bool ed25519_verify(const PublicKey& key, ByteSpan message, const Signature& signature) {
  sodium_start();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

}  // namespace assay
