// Sixteen bytes in an xmm register, for the decoders of every x86 instruction set from SSE4.2 on.
// Included by vec_sse4.h, vec_avx2.h and vec_avx512.h. The operations are described in
// vec_scalar.h.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace assay {
namespace {

using Bytes16 = __m128i;

Bytes16 bload(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
Bytes16 bset(uint8_t x) { return _mm_set1_epi8(static_cast<char>(x)); }
Bytes16 bwords(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
  return _mm_setr_epi32(static_cast<int>(w0), static_cast<int>(w1), static_cast<int>(w2),
                        static_cast<int>(w3));
}
Bytes16 band(Bytes16 a, Bytes16 b) { return _mm_and_si128(a, b); }
Bytes16 bor(Bytes16 a, Bytes16 b) { return _mm_or_si128(a, b); }
Bytes16 bsub(Bytes16 a, Bytes16 b) { return _mm_sub_epi8(a, b); }
// There are no shifts of bytes: 16 bits are shifted, and what comes over from the other byte is
// cut.
Bytes16 bfield(Bytes16 a, int shift, uint8_t mask) {
  return _mm_and_si128(_mm_srli_epi16(a, shift), bset(mask));
}
Bytes16 bshl(Bytes16 a, int shift) { return _mm_slli_epi16(a, shift); }
Bytes16 btable(Bytes16 table, Bytes16 index) { return _mm_shuffle_epi8(table, index); }
Bytes16 bbits(uint16_t bits) {
  const __m128i bit_of_byte = _mm_set1_epi64x(static_cast<long long>(0x8040201008040201ULL));
  const __m128i first_or_second = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const __m128i spread = _mm_shuffle_epi8(_mm_cvtsi32_si128(bits), first_or_second);
  return _mm_cmpeq_epi8(_mm_and_si128(spread, bit_of_byte), bit_of_byte);
}

}  // namespace
}  // namespace assay
