// Four floats in an xmm register; SSE4.2 with FMA3.
#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tensor/vec_bytes_x86.h"

namespace assay {
namespace {

constexpr size_t kVecLanes = 4;
// Sizes that suit the number of registers; none changes a result. Tokens of a register tile of the
// panel product; rows at once of the fused product for 1, 2, 3, 4 tokens (0: use panels); lanes of
// attention at once.
constexpr size_t kTileTokens = 3;
constexpr size_t kFusedRows1 = 2;
constexpr size_t kFusedRows2 = 0;
constexpr size_t kFusedRows3 = 0;
constexpr size_t kFusedRows4 = 0;
constexpr size_t kAttendLanes = 8;

using Vec = __m128;

Vec vset(float x) { return _mm_set1_ps(x); }
Vec vload(const float* p) { return _mm_loadu_ps(p); }
void vstore(float* p, Vec a) { _mm_storeu_ps(p, a); }
Vec vadd(Vec a, Vec b) { return _mm_add_ps(a, b); }
Vec vsub(Vec a, Vec b) { return _mm_sub_ps(a, b); }
Vec vmul(Vec a, Vec b) { return _mm_mul_ps(a, b); }
Vec vdiv(Vec a, Vec b) { return _mm_div_ps(a, b); }
Vec vfma(Vec a, Vec b, Vec c) { return _mm_fmadd_ps(a, b, c); }
Vec vfnma(Vec a, Vec b, Vec c) { return _mm_fnmadd_ps(a, b, c); }
Vec vmax(Vec a, Vec b) { return _mm_max_ps(a, b); }  // the instruction is a > b ? a : b
Vec vless(Vec a, Vec b, Vec yes, Vec no) { return _mm_blendv_ps(no, yes, _mm_cmplt_ps(a, b)); }
Vec vnan(Vec test, Vec yes, Vec no) { return _mm_blendv_ps(no, yes, _mm_cmpunord_ps(test, test)); }
Vec vscale(Vec p, Vec t) {
  return _mm_castsi128_ps(
      _mm_add_epi32(_mm_castps_si128(p), _mm_slli_epi32(_mm_castps_si128(t), 23)));
}
float sqrt_f32(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

// Four f16 in the low halves of 32-bit lanes; see f16_to_f32 in vec_scalar.h.
Vec f16x4_to_f32(__m128i h) {
  const __m128i magnitude = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x7fff)), 13);
  const __m128i sign = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x8000)), 16);
  const __m128i infinity = _mm_set1_epi32(0x0f800000);
  const __m128i finite =
      _mm_castps_si128(_mm_mul_ps(_mm_castsi128_ps(magnitude), _mm_set1_ps(0x1p112F)));
  const __m128i quiet =
      _mm_and_si128(_mm_cmpgt_epi32(magnitude, infinity), _mm_set1_epi32(0x00400000));
  const __m128i special = _mm_or_si128(_mm_or_si128(magnitude, _mm_set1_epi32(0x7f800000)), quiet);
  const __m128i is_finite = _mm_cmplt_epi32(magnitude, infinity);
  return _mm_castsi128_ps(_mm_or_si128(_mm_blendv_epi8(special, finite, is_finite), sign));
}
float f16_to_f32(const uint8_t* p) {
  uint16_t h;
  memcpy(&h, p, 2);
  return _mm_cvtss_f32(f16x4_to_f32(_mm_cvtsi32_si128(h)));
}

__m128i load64(const uint8_t* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }

void load_f16(const uint8_t* p, Vec* v) {
  for (int i = 0; i < 4; ++i) v[i] = f16x4_to_f32(_mm_cvtepu16_epi32(load64(p + 8 * i)));
}
void load_bf16(const uint8_t* p, Vec* v) {
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(load64(p + 8 * i)), 16));
  }
}
void halves_to_f32(Bytes16 low, Bytes16 high, Vec* v) {
  const __m128i first = _mm_unpacklo_epi8(low, high);
  const __m128i second = _mm_unpackhi_epi8(low, high);
  v[0] = f16x4_to_f32(_mm_cvtepu16_epi32(first));
  v[1] = f16x4_to_f32(_mm_cvtepu16_epi32(_mm_srli_si128(first, 8)));
  v[2] = f16x4_to_f32(_mm_cvtepu16_epi32(second));
  v[3] = f16x4_to_f32(_mm_cvtepu16_epi32(_mm_srli_si128(second, 8)));
}
void to_f32(Bytes16 a, Vec* v) {
  v[0] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(a));
  v[1] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(a, 4)));
  v[2] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(a, 8)));
  v[3] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(a, 12)));
}

// Folds 4, 2, 1 of a, b, c and d of which the fold 8 -> 4 is done; lane i is the i-th.
__m128 fold_transposed(__m128 a, __m128 b, __m128 c, __m128 d) {
  const __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
  const __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
  return _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
}
__m128 fold_to_4(const float* a) {
  return _mm_add_ps(_mm_add_ps(_mm_loadu_ps(a), _mm_loadu_ps(a + 8)),
                    _mm_add_ps(_mm_loadu_ps(a + 4), _mm_loadu_ps(a + 12)));
}
void fold4(const float* acc, float* out) {
  _mm_storeu_ps(out, fold_transposed(fold_to_4(acc), fold_to_4(acc + 16), fold_to_4(acc + 32),
                                     fold_to_4(acc + 48)));
}
// out[4 t + r] = fold of acc[t][r], t < count <= 4, r < 4.
void fold_tokens(const float* acc, size_t count, float* out) {
  memset(out, 0, 16 * sizeof(float));
  for (size_t t = 0; t < count; ++t) fold4(acc + 64 * t, out + 4 * t);
}

}  // namespace
}  // namespace assay
