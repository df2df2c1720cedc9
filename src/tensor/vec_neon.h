// Four floats in a NEON register; every AArch64 processor has FMA and f16 conversion.
#pragma once

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace assay {
namespace {

constexpr size_t kVecLanes = 4;
// Sizes that suit the number of registers; none changes a result. Tokens of a register tile of the
// panel product; rows at once of the fused product for 1, 2, 3, 4 tokens (0: use panels); lanes of
// attention at once.
constexpr size_t kTileTokens = 6;
constexpr size_t kFusedRows1 = 4;
constexpr size_t kFusedRows2 = 2;
constexpr size_t kFusedRows3 = 2;
constexpr size_t kFusedRows4 = 1;
constexpr size_t kAttendLanes = 16;

using Vec = float32x4_t;

Vec vset(float x) { return vdupq_n_f32(x); }
Vec vload(const float* p) { return vld1q_f32(p); }
void vstore(float* p, Vec a) { vst1q_f32(p, a); }
Vec vadd(Vec a, Vec b) { return vaddq_f32(a, b); }
Vec vsub(Vec a, Vec b) { return vsubq_f32(a, b); }
Vec vmul(Vec a, Vec b) { return vmulq_f32(a, b); }
Vec vdiv(Vec a, Vec b) { return vdivq_f32(a, b); }
Vec vfma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
Vec vfnma(Vec a, Vec b, Vec c) { return vfmsq_f32(c, a, b); }
// Not vmaxq_f32: it returns NaN where the profile keeps the other operand.
Vec vmax(Vec a, Vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
Vec vless(Vec a, Vec b, Vec yes, Vec no) { return vbslq_f32(vcltq_f32(a, b), yes, no); }
Vec vnan(Vec test, Vec yes, Vec no) { return vbslq_f32(vceqq_f32(test, test), no, yes); }
Vec vscale(Vec p, Vec t) {
  return vreinterpretq_f32_u32(
      vaddq_u32(vreinterpretq_u32_f32(p), vshlq_n_u32(vreinterpretq_u32_f32(t), 23)));
}
float sqrt_f32(float x) { return __builtin_sqrtf(x); }

float f16_to_f32(const uint8_t* p) {
  __fp16 h;
  memcpy(&h, p, 2);
  return static_cast<float>(h);
}

void load_f16(const uint8_t* p, Vec* v) {
  for (int i = 0; i < 4; ++i) {
    v[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
  }
}
void load_bf16(const uint8_t* p, Vec* v) {
  for (int i = 0; i < 4; ++i) {
    v[i] = vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p + 8 * i)), 16));
  }
}

// Sixteen bytes; the operations are described in vec_scalar.h.
using Bytes16 = uint8x16_t;

Bytes16 bload(const uint8_t* p) { return vld1q_u8(p); }
Bytes16 bset(uint8_t x) { return vdupq_n_u8(x); }
Bytes16 bwords(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
  return vcombine_u8(vcreate_u8(w0 | static_cast<uint64_t>(w1) << 32),
                     vcreate_u8(w2 | static_cast<uint64_t>(w3) << 32));
}
Bytes16 band(Bytes16 a, Bytes16 b) { return vandq_u8(a, b); }
Bytes16 bor(Bytes16 a, Bytes16 b) { return vorrq_u8(a, b); }
Bytes16 bsub(Bytes16 a, Bytes16 b) { return vsubq_u8(a, b); }
Bytes16 bfield(Bytes16 a, int shift, uint8_t mask) {
  return vandq_u8(vshlq_u8(a, vdupq_n_s8(static_cast<int8_t>(-shift))), vdupq_n_u8(mask));
}
Bytes16 bshl(Bytes16 a, int shift) { return vshlq_u8(a, vdupq_n_s8(static_cast<int8_t>(shift))); }
Bytes16 btable(Bytes16 table, Bytes16 index) { return vqtbl1q_u8(table, index); }
Bytes16 bbits(uint16_t bits) {
  const uint8x8_t bit_of_byte = vcreate_u8(0x8040201008040201ULL);
  const uint8x16_t spread = vcombine_u8(vdup_n_u8(static_cast<uint8_t>(bits)),
                                        vdup_n_u8(static_cast<uint8_t>(bits >> 8)));
  return vtstq_u8(spread, vcombine_u8(bit_of_byte, bit_of_byte));
}
void halves_to_f32(Bytes16 low, Bytes16 high, Vec* v) {
  const uint8x16_t first = vzip1q_u8(low, high);
  const uint8x16_t second = vzip2q_u8(low, high);
  v[0] = vcvt_f32_f16(vreinterpret_f16_u8(vget_low_u8(first)));
  v[1] = vcvt_f32_f16(vreinterpret_f16_u8(vget_high_u8(first)));
  v[2] = vcvt_f32_f16(vreinterpret_f16_u8(vget_low_u8(second)));
  v[3] = vcvt_f32_f16(vreinterpret_f16_u8(vget_high_u8(second)));
}
void to_f32(Bytes16 a, Vec* v) {
  const int8x16_t bytes = vreinterpretq_s8_u8(a);
  const int16x8_t lo = vmovl_s8(vget_low_s8(bytes));
  const int16x8_t hi = vmovl_s8(vget_high_s8(bytes));
  v[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(lo)));
  v[1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(lo)));
  v[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(hi)));
  v[3] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(hi)));
}

Vec fold_to_4(const float* a) {
  return vaddq_f32(vaddq_f32(vload(a), vload(a + 8)), vaddq_f32(vload(a + 4), vload(a + 12)));
}
// Folds 2 and 1 of a and b: lanes 0 and 1 of the result.
float32x2_t fold_pair(Vec a, Vec b) {
  const float32x2_t a2 = vadd_f32(vget_low_f32(a), vget_high_f32(a));
  const float32x2_t b2 = vadd_f32(vget_low_f32(b), vget_high_f32(b));
  return vpadd_f32(a2, b2);
}
void fold4(const float* acc, float* out) {
  vst1_f32(out, fold_pair(fold_to_4(acc), fold_to_4(acc + 16)));
  vst1_f32(out + 2, fold_pair(fold_to_4(acc + 32), fold_to_4(acc + 48)));
}
// out[4 t + r] = fold of acc[t][r], t < count <= 4, r < 4.
void fold_tokens(const float* acc, size_t count, float* out) {
  memset(out, 0, 16 * sizeof(float));
  for (size_t t = 0; t < count; ++t) fold4(acc + 64 * t, out + 4 * t);
}

}  // namespace
}  // namespace assay
