// Bytes that everybody who knows a seed can compute, and that look random to all others: the
// keystream of ChaCha20 (Bernstein's, 64-bit counter) with a nonce of zeros. Draws of consensus
// come from it, because a sample of hundreds takes thousands of bytes. Tested in
// seeded_stream_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "crypto/sha256.h"

namespace assay {

constexpr size_t kSeededBlockBytes = 64;

// Fills out from the block with this number on. Cost: some 1 ns a byte.
void seeded_stream(const Digest& seed, uint64_t first_block, std::span<uint8_t> out);

}  // namespace assay
