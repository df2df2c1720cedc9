// Sixteen floats in a zmm register; AVX-512 F, BW, VL, DQ.
#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tensor/vec_bytes_x86.h"

namespace assay {
namespace {

constexpr size_t kVecLanes = 16;
// Sizes that suit the number of registers; none changes a result. Tokens of a register tile of the
// panel product; rows at once of the fused product for 1, 2, 3, 4 tokens (0: use panels); lanes of
// attention at once.
constexpr size_t kTileTokens = 6;
constexpr size_t kFusedRows1 = 8;
constexpr size_t kFusedRows2 = 8;
constexpr size_t kFusedRows3 = 6;
constexpr size_t kFusedRows4 = 5;
constexpr size_t kAttendLanes = 16;

using Vec = __m512;

Vec vset(float x) { return _mm512_set1_ps(x); }
Vec vload(const float* p) { return _mm512_loadu_ps(p); }
void vstore(float* p, Vec a) { _mm512_storeu_ps(p, a); }
// The first `count` floats at p and those of `rest` behind them; no byte behind is touched.
#define ASSAY_VEC_FIRST 1
__mmask16 first_lanes(size_t count) { return static_cast<__mmask16>((1U << count) - 1U); }
Vec vload_first(const float* p, size_t count, Vec rest) {
  return _mm512_mask_loadu_ps(rest, first_lanes(count), p);
}
void vstore_first(float* p, size_t count, Vec a) {
  _mm512_mask_storeu_ps(p, first_lanes(count), a);
}
Vec vadd(Vec a, Vec b) { return _mm512_add_ps(a, b); }
Vec vsub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
Vec vmul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
Vec vdiv(Vec a, Vec b) { return _mm512_div_ps(a, b); }
Vec vfma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
Vec vfnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
Vec vmax(Vec a, Vec b) { return _mm512_max_ps(a, b); }  // the instruction is a > b ? a : b
Vec vless(Vec a, Vec b, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
Vec vnan(Vec test, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(test, test, _CMP_UNORD_Q), no, yes);
}
Vec vscale(Vec p, Vec t) {
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(t), 23)));
}
float sqrt_f32(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

float f16_to_f32(const uint8_t* p) {
  uint16_t h;
  memcpy(&h, p, 2);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
}

__m256i load256(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

void load_f16(const uint8_t* p, Vec* v) { *v = _mm512_cvtph_ps(load256(p)); }
void load_bf16(const uint8_t* p, Vec* v) {
  *v = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load256(p)), 16));
}
void halves_to_f32(Bytes16 low, Bytes16 high, Vec* v) {
  *v =
      _mm512_cvtph_ps(_mm256_set_m128i(_mm_unpackhi_epi8(low, high), _mm_unpacklo_epi8(low, high)));
}
// Sixteen floats fit in a register, and one instruction looks up sixteen of them by the low four
// bits of each index: cheaper than converting the codes. lo[i] = table[p[i] & 15], hi[i] =
// table[p[i] >> 4].
#define ASSAY_VEC_LOOKUP 1
void lookup_low(const uint8_t* p, Vec table, Vec* lo) {
  *lo = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(bload(p)), table);
}
void lookup_high(const uint8_t* p, Vec table, Vec* hi) {
  *hi = _mm512_permutexvar_ps(_mm512_srli_epi32(_mm512_cvtepu8_epi32(bload(p)), 4), table);
}
void to_f32(Bytes16 a, Vec* v) { *v = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(a)); }

// Folds 8 and 4 of four accumulators: block i of the result is the i-th.
__m512 fold_to_4x4(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512 ab =
      _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  const __m512 cd =
      _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
  return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}
// Folds 2 and 1 within blocks: lane i of a block is that block of the i-th.
__m512 fold_blocks(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512d ab =
      _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)));
  const __m512d cd =
      _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)));
  return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
}
void fold4(const float* acc, float* out) {
  const __m512 s = fold_to_4x4(vload(acc), vload(acc + 16), vload(acc + 32), vload(acc + 48));
  const __m512 zero = _mm512_setzero_ps();
  const __m512 folded = fold_blocks(s, zero, zero, zero);
  const __m512i first = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_permutexvar_ps(first, folded)));
}
// out[4 t + r] = fold of acc[t][r], t < count <= 4, r < 4.
void fold_tokens(const float* acc, size_t count, float* out) {
  if (count < 4) {
    vstore(out, _mm512_setzero_ps());
    for (size_t t = 0; t < count; ++t) fold4(acc + 64 * t, out + 4 * t);
    return;
  }
  __m512 rows[4];
#pragma GCC unroll 4
  for (size_t r = 0; r < 4; ++r) {
    const float* const a = acc + 16 * r;
    rows[r] = fold_to_4x4(vload(a), vload(a + 64), vload(a + 128), vload(a + 192));
  }
  vstore(out, fold_blocks(rows[0], rows[1], rows[2], rows[3]));
}

}  // namespace
}  // namespace assay
