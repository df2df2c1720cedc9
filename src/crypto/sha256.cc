// SHA-256 through OpenSSL's EVP interface. Looking the algorithm up by name costs more than hashing
// a short message, so it is fetched once, and the one-shot functions reuse one context per thread.
#include "crypto/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"

namespace assay {
namespace {

constexpr size_t kBlockBytes = 64;

// Lives until the process ends; EVP_MD is immutable and shared by all threads.
const EVP_MD* algorithm() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ASSAY_CHECK(md != nullptr);
  return md;
}

}  // namespace

struct Sha256::Context {
  Context() : evp(EVP_MD_CTX_new()) {
    ASSAY_CHECK(evp != nullptr);
    begin();
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void begin() { ASSAY_CHECK(EVP_DigestInit_ex2(evp, algorithm(), nullptr) == 1); }

  EVP_MD_CTX* evp;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(ByteSpan bytes) {
  ASSAY_CHECK(context_ != nullptr);  // not moved from
  ASSAY_CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
  return *this;
}

Digest Sha256::finish() {
  ASSAY_CHECK(context_ != nullptr);
  Digest digest;
  ASSAY_CHECK(EVP_DigestFinal_ex(context_->evp, digest.data(), nullptr) == 1);
  context_->begin();
  return digest;
}

namespace {

// Between two calls this is always "as new": finish() is the last thing every user does.
Sha256& thread_hasher() {
  thread_local Sha256 hasher;
  return hasher;
}

}  // namespace

Digest sha256(ByteSpan bytes) { return thread_hasher().update(bytes).finish(); }

// RFC 2104: H((K ^ opad) || H((K ^ ipad) || message)), K padded with zeros to one block.
Digest hmac_sha256(ByteSpan key, ByteSpan message) {
  std::array<uint8_t, kBlockBytes> pad{};
  if (key.size() > kBlockBytes) {
    const Digest short_key = sha256(key);
    std::copy(short_key.begin(), short_key.end(), pad.begin());
  } else {
    std::copy(key.begin(), key.end(), pad.begin());
  }
  for (uint8_t& b : pad) b ^= 0x36;
  Sha256& hasher = thread_hasher();
  const Digest inner = hasher.update(ByteSpan(pad)).update(message).finish();
  for (uint8_t& b : pad) b ^= 0x36 ^ 0x5c;
  const Digest outer = hasher.update(ByteSpan(pad)).update(ByteSpan(inner)).finish();
  OPENSSL_cleanse(pad.data(), pad.size());
  return outer;
}

}  // namespace assay
