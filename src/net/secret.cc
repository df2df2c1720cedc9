#include "net/secret.h"

#include <openssl/crypto.h>

#include <utility>

namespace assay {

Secret::~Secret() { OPENSSL_cleanse(text_.data(), text_.size()); }

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other);
  return *this;
}

// Short texts lie inside the string, where moving from it leaves them.
Secret::Secret(Secret&& other) noexcept { std::swap(text_, other.text_); }

Secret& Secret::operator=(Secret&& other) noexcept {
  std::swap(text_, other.text_);
  return *this;
}

bool Secret::equals(std::string_view candidate) const {
  return candidate.size() == text_.size() &&
         CRYPTO_memcmp(candidate.data(), text_.data(), text_.size()) == 0;
}

}  // namespace assay
