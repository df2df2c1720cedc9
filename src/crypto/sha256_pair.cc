// FIPS 180-4 with the SHA extensions of x86: sha256rnds2 does two rounds, sha256msg1 and msg2 the
// message schedule, four words at a time.
#include "crypto/sha256_pair.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace assay {
namespace {

std::array<Digest, 2> one_by_one(uint8_t tag, ByteSpan first, ByteSpan second) {
  const auto digest = [tag](ByteSpan content) {
    thread_local Sha256 hasher;
    return hasher.update(ByteSpan(&tag, 1)).update(content).finish();
  };
  return {digest(first), digest(second)};
}

}  // namespace

#if defined(__x86_64__)

namespace {

constexpr size_t kBlock = 64;
constexpr size_t kLengthBytes = 8;

alignas(16) constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The eight words of the state in the order of the instructions: a, b, e, f and c, d, g, h.
alignas(16) constexpr uint32_t kStartAbef[4] = {0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667};
alignas(16) constexpr uint32_t kStartCdgh[4] = {0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372};

#define ASSAY_SHA __attribute__((target("sha,sse4.1")))

ASSAY_SHA inline __m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}

struct States {
  __m128i abef[2];
  __m128i cdgh[2];
};

// Takes up the given number of blocks of both messages.
ASSAY_SHA void add_blocks(States& states, const uint8_t* first, const uint8_t* second,
                          size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const uint8_t* message[2] = {first, second};
  for (; blocks > 0; --blocks) {
    const States before = states;
    __m128i words[2][4];  // the last sixteen words of the schedule
                          // Unrolled, so that the words stay in registers.
#pragma GCC unroll 16
    for (size_t r = 0; r < 16; ++r) {
#pragma GCC unroll 2
      for (size_t m = 0; m < 2; ++m) {
        __m128i& next = words[m][r % 4];
        if (r < 4) {
          next = _mm_shuffle_epi8(load(message[m] + 16 * r), big_endian);
        } else {
          const __m128i last = words[m][(r + 3) % 4];
          const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(next, words[m][(r + 1) % 4]),
                                            _mm_alignr_epi8(last, words[m][(r + 2) % 4], 4));
          next = _mm_sha256msg2_epu32(sum, last);
        }
        const __m128i input = _mm_add_epi32(next, load(kRounds + 4 * r));
        states.cdgh[m] = _mm_sha256rnds2_epu32(states.cdgh[m], states.abef[m], input);
        states.abef[m] =
            _mm_sha256rnds2_epu32(states.abef[m], states.cdgh[m], _mm_shuffle_epi32(input, 0x0e));
      }
    }
    for (size_t m = 0; m < 2; ++m) {
      states.abef[m] = _mm_add_epi32(states.abef[m], before.abef[m]);
      states.cdgh[m] = _mm_add_epi32(states.cdgh[m], before.cdgh[m]);
      message[m] += kBlock;
    }
  }
}

// The state's words as big-endian bytes, a first.
ASSAY_SHA Digest digest_of(__m128i abef, __m128i cdgh) {
  const __m128i reversed = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  Digest out;
  // abcd and efgh of two halves each: the upper ones are ab and cd.
  const __m128i abcd = _mm_shuffle_epi8(_mm_unpackhi_epi64(cdgh, abef), reversed);
  const __m128i efgh = _mm_shuffle_epi8(_mm_unpacklo_epi64(cdgh, abef), reversed);
  std::memcpy(out.data(), &abcd, sizeof abcd);
  std::memcpy(out.data() + sizeof abcd, &efgh, sizeof efgh);
  return out;
}

// What is left of a message behind its whole blocks, padded: one block or two.
struct Tail {
  uint8_t bytes[2 * kBlock] = {};
  size_t blocks = 0;

  Tail(ByteSpan rest, uint64_t message_bytes) {
    std::copy(rest.begin(), rest.end(), bytes);
    bytes[rest.size()] = 0x80;
    blocks = rest.size() + 1 + kLengthBytes <= kBlock ? 1 : 2;
    for (size_t i = 0; i < kLengthBytes; ++i) {
      bytes[blocks * kBlock - 1 - i] = static_cast<uint8_t>((8 * message_bytes) >> (8 * i));
    }
  }
};

// The first block of a message: the tag and the beginning of the content.
std::array<uint8_t, kBlock> first_block(uint8_t tag, ByteSpan content) {
  std::array<uint8_t, kBlock> block{tag};
  std::copy_n(content.begin(), kBlock - 1, block.begin() + 1);
  return block;
}

ASSAY_SHA std::array<Digest, 2> in_turn(uint8_t tag, ByteSpan first, ByteSpan second) {
  const uint64_t bytes = first.size() + 1;
  const __m128i abef = load(kStartAbef);
  const __m128i cdgh = load(kStartCdgh);
  States states = {{abef, abef}, {cdgh, cdgh}};
  add_blocks(states, first_block(tag, first).data(), first_block(tag, second).data(), 1);
  const size_t blocks = bytes / kBlock - 1;
  first = first.subspan(kBlock - 1);
  second = second.subspan(kBlock - 1);
  add_blocks(states, first.data(), second.data(), blocks);
  const Tail tail_first(first.subspan(blocks * kBlock), bytes);
  const Tail tail_second(second.subspan(blocks * kBlock), bytes);
  add_blocks(states, tail_first.bytes, tail_second.bytes, tail_first.blocks);
  return {digest_of(states.abef[0], states.cdgh[0]), digest_of(states.abef[1], states.cdgh[1])};
}

bool ask_processor() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned kShaBit = 1U << 29U;  // leaf 7, EBX
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & kShaBit) != 0 &&
         __builtin_cpu_supports("sse4.1");
}

}  // namespace

bool has_sha256_instructions() {
  static const bool has = ask_processor();
  return has;
}

std::array<Digest, 2> sha256_pair(uint8_t tag, ByteSpan first, ByteSpan second) {
  ASSAY_CHECK(first.size() == second.size());
  // A message of less than a block is its tail alone: not worth a path of its own.
  if (first.size() + 1 < kBlock || !has_sha256_instructions()) {
    return one_by_one(tag, first, second);
  }
  return in_turn(tag, first, second);
}

#else

bool has_sha256_instructions() { return false; }

std::array<Digest, 2> sha256_pair(uint8_t tag, ByteSpan first, ByteSpan second) {
  ASSAY_CHECK(first.size() == second.size());
  return one_by_one(tag, first, second);
}

#endif

}  // namespace assay
