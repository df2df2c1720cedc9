// SHA-256 and HMAC-SHA256 (OpenSSL, SHA-NI where the processor has it). Tested with the NIST and
// RFC 4231 vectors.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace assay {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(ByteSpan bytes);
  Sha256& update(std::string_view text) { return update(as_bytes(text)); }
  // The digest of everything so far; the object is then as new.
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Digest sha256(ByteSpan bytes);
inline Digest sha256(std::string_view text) { return sha256(as_bytes(text)); }
Digest hmac_sha256(ByteSpan key, ByteSpan message);
inline std::string to_hex(const Digest& digest) { return to_hex(ByteSpan(digest)); }

}  // namespace assay
