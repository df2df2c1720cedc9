// Eight floats in a ymm register; AVX2 with FMA3 and F16C.
#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tensor/vec_bytes_x86.h"

namespace assay {
namespace {

constexpr size_t kVecLanes = 8;
// Sizes that suit the number of registers; none changes a result. Tokens of a register tile of the
// panel product; rows at once of the fused product for 1, 2, 3, 4 tokens (0: use panels); lanes of
// attention at once.
constexpr size_t kTileTokens = 3;
constexpr size_t kFusedRows1 = 4;
constexpr size_t kFusedRows2 = 2;
constexpr size_t kFusedRows3 = 2;
constexpr size_t kFusedRows4 = 0;
constexpr size_t kAttendLanes = 8;

using Vec = __m256;

Vec vset(float x) { return _mm256_set1_ps(x); }
Vec vload(const float* p) { return _mm256_loadu_ps(p); }
void vstore(float* p, Vec a) { _mm256_storeu_ps(p, a); }
// The first `count` floats at p and those of `rest` behind them; no byte behind is touched.
#define ASSAY_VEC_FIRST 1
__m256i first_lanes(size_t count) {
  const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), place);
}
Vec vload_first(const float* p, size_t count, Vec rest) {
  const __m256i lanes = first_lanes(count);
  return _mm256_blendv_ps(rest, _mm256_maskload_ps(p, lanes), _mm256_castsi256_ps(lanes));
}
void vstore_first(float* p, size_t count, Vec a) { _mm256_maskstore_ps(p, first_lanes(count), a); }
Vec vadd(Vec a, Vec b) { return _mm256_add_ps(a, b); }
Vec vsub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
Vec vmul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
Vec vdiv(Vec a, Vec b) { return _mm256_div_ps(a, b); }
Vec vfma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
Vec vfnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
Vec vmax(Vec a, Vec b) { return _mm256_max_ps(a, b); }  // the instruction is a > b ? a : b
Vec vless(Vec a, Vec b, Vec yes, Vec no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
Vec vnan(Vec test, Vec yes, Vec no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(test, test, _CMP_UNORD_Q));
}
Vec vscale(Vec p, Vec t) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
}
float sqrt_f32(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

float f16_to_f32(const uint8_t* p) {
  uint16_t h;
  memcpy(&h, p, 2);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
}

void load_f16(const uint8_t* p, Vec* v) {
  v[0] = _mm256_cvtph_ps(bload(p));
  v[1] = _mm256_cvtph_ps(bload(p + 16));
}
void load_bf16(const uint8_t* p, Vec* v) {
  v[0] = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bload(p)), 16));
  v[1] = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bload(p + 16)), 16));
}
void halves_to_f32(Bytes16 low, Bytes16 high, Vec* v) {
  v[0] = _mm256_cvtph_ps(_mm_unpacklo_epi8(low, high));
  v[1] = _mm256_cvtph_ps(_mm_unpackhi_epi8(low, high));
}
void to_f32(Bytes16 a, Vec* v) {
  v[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(a));
  v[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(a, 8)));
}

// Folds 4, 2, 1 of four accumulators of which the fold 8 is done.
__m128 fold_transposed(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 ab = _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20),
                                  _mm256_permute2f128_ps(a, b, 0x31));  // [a 4, b 4]
  const __m256 cd =
      _mm256_add_ps(_mm256_permute2f128_ps(c, d, 0x20), _mm256_permute2f128_ps(c, d, 0x31));
  const __m256 s = _mm256_add_ps(_mm256_unpacklo_ps(ab, cd), _mm256_unpackhi_ps(ab, cd));
  // s: [a c a c, b d b d]
  const __m128 lo = _mm256_castps256_ps128(s);
  const __m128 hi = _mm256_extractf128_ps(s, 1);
  return _mm_add_ps(_mm_unpacklo_ps(lo, hi), _mm_unpackhi_ps(lo, hi));
}
__m256 fold_to_8(const float* a) { return _mm256_add_ps(vload(a), vload(a + 8)); }
void fold4(const float* acc, float* out) {
  _mm_storeu_ps(out, fold_transposed(fold_to_8(acc), fold_to_8(acc + 16), fold_to_8(acc + 32),
                                     fold_to_8(acc + 48)));
}
// out[4 t + r] = fold of acc[t][r], t < count <= 4, r < 4.
void fold_tokens(const float* acc, size_t count, float* out) {
  memset(out, 0, 16 * sizeof(float));
  for (size_t t = 0; t < count; ++t) fold4(acc + 64 * t, out + 4 * t);
}

}  // namespace
}  // namespace assay
