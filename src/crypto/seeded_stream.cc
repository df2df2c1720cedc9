#include "crypto/seeded_stream.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/sodium_start.h"

namespace assay {

void seeded_stream(const Digest& seed, uint64_t first_block, std::span<uint8_t> out) {
  static_assert(crypto_stream_chacha20_KEYBYTES == sizeof(Digest));
  sodium_start();
  constexpr uint8_t kNonce[crypto_stream_chacha20_NONCEBYTES] = {};
  std::fill(out.begin(), out.end(), uint8_t{0});
  ASSAY_CHECK(crypto_stream_chacha20_xor_ic(out.data(), out.data(), out.size(), kNonce, first_block,
                                            seed.data()) == 0);
}

}  // namespace assay
