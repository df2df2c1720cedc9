// 16 floats in an array, for every processor: the reference that the wide versions must equal. On a
// processor without FMA the fma of libm is the exact software one.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace assay {
namespace {

constexpr size_t kVecLanes = 16;
// Sizes that suit the number of registers; none changes a result. Tokens of a register tile of the
// panel product; rows at once of the fused product for 1, 2, 3, 4 tokens (0: use panels); lanes of
// attention at once.
constexpr size_t kTileTokens = 2;
constexpr size_t kFusedRows1 = 1;
constexpr size_t kFusedRows2 = 0;
constexpr size_t kFusedRows3 = 0;
constexpr size_t kFusedRows4 = 0;
constexpr size_t kAttendLanes = 16;

struct Vec {
  float f[16];
};

float float_of(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
uint32_t bits_of(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return bits;
}

template <typename F>
Vec lanewise(F f) {
  Vec r;
  for (int i = 0; i < 16; ++i) r.f[i] = f(i);
  return r;
}

Vec vset(float x) {
  return lanewise([&](int) { return x; });
}
Vec vload(const float* p) {
  Vec r;
  memcpy(r.f, p, sizeof(r.f));
  return r;
}
void vstore(float* p, const Vec& a) { memcpy(p, a.f, sizeof(a.f)); }
Vec vadd(const Vec& a, const Vec& b) {
  return lanewise([&](int i) { return a.f[i] + b.f[i]; });
}
Vec vsub(const Vec& a, const Vec& b) {
  return lanewise([&](int i) { return a.f[i] - b.f[i]; });
}
Vec vmul(const Vec& a, const Vec& b) {
  return lanewise([&](int i) { return a.f[i] * b.f[i]; });
}
Vec vdiv(const Vec& a, const Vec& b) {
  return lanewise([&](int i) { return a.f[i] / b.f[i]; });
}
// a * b + c
Vec vfma(const Vec& a, const Vec& b, const Vec& c) {
  return lanewise([&](int i) { return __builtin_fmaf(a.f[i], b.f[i], c.f[i]); });
}
// c - a * b
Vec vfnma(const Vec& a, const Vec& b, const Vec& c) {
  return lanewise([&](int i) { return __builtin_fmaf(-a.f[i], b.f[i], c.f[i]); });
}
// a > b ? a : b
Vec vmax(const Vec& a, const Vec& b) {
  return lanewise([&](int i) { return a.f[i] > b.f[i] ? a.f[i] : b.f[i]; });
}
// a < b ? yes : no
Vec vless(const Vec& a, const Vec& b, const Vec& yes, const Vec& no) {
  return lanewise([&](int i) { return a.f[i] < b.f[i] ? yes.f[i] : no.f[i]; });
}
// test is NaN ? yes : no
Vec vnan(const Vec& test, const Vec& yes, const Vec& no) {
  return lanewise([&](int i) { return test.f[i] != test.f[i] ? yes.f[i] : no.f[i]; });
}
// p * 2^n, where the low bits of t hold the integer n (t = 1.5 * 2^23 + n).
Vec vscale(const Vec& p, const Vec& t) {
  return lanewise([&](int i) { return float_of(bits_of(p.f[i]) + (bits_of(t.f[i]) << 23U)); });
}

float sqrt_f32(float x) { return __builtin_sqrtf(x); }

float f16_to_f32(const uint8_t* p) {
  const uint32_t h = static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8U;
  // Moving the bits and multiplying by 2^112 is exact for every finite number, subnormals included;
  // infinity and NaN keep an all-ones exponent, and the conversion makes a NaN quiet.
  const uint32_t magnitude = (h & 0x7fffU) << 13U;
  uint32_t bits = bits_of(float_of(magnitude) * 0x1p112F);
  if (magnitude >= 0x0f800000U) {
    bits = magnitude | 0x7f800000U;
    if (magnitude > 0x0f800000U) bits |= 0x00400000U;
  }
  return float_of(bits | (h & 0x8000U) << 16U);
}

// Sixteen elements of an unquantised row.
void load_f16(const uint8_t* p, Vec* v) {
  *v = lanewise([&](int i) { return f16_to_f32(p + 2 * i); });
}
void load_bf16(const uint8_t* p, Vec* v) {
  *v = lanewise([&](int i) {
    return float_of(static_cast<uint32_t>(p[2 * i]) << 16U | static_cast<uint32_t>(p[2 * i + 1])
                                                                 << 24U);
  });
}

// Sixteen bytes: the codes of quantised weights on their way to f32.
struct Bytes16 {
  uint8_t b[16];
};

template <typename F>
Bytes16 bytewise(F f) {
  Bytes16 r;
  for (int i = 0; i < 16; ++i) r.b[i] = static_cast<uint8_t>(f(i));
  return r;
}

Bytes16 bload(const uint8_t* p) {
  Bytes16 r;
  memcpy(r.b, p, sizeof(r.b));
  return r;
}
Bytes16 bset(uint8_t x) {
  return bytewise([&](int) { return x; });
}
// The bytes of four integers, lowest first.
Bytes16 bwords(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
  const uint32_t words[4] = {w0, w1, w2, w3};
  return bytewise([&](int i) { return words[i / 4] >> (8 * (i % 4)) & 255; });
}
Bytes16 band(const Bytes16& a, const Bytes16& b) {
  return bytewise([&](int i) { return a.b[i] & b.b[i]; });
}
Bytes16 bor(const Bytes16& a, const Bytes16& b) {
  return bytewise([&](int i) { return a.b[i] | b.b[i]; });
}
// a - b modulo 256
Bytes16 bsub(const Bytes16& a, const Bytes16& b) {
  return bytewise([&](int i) { return a.b[i] - b.b[i]; });
}
// (a >> shift) & mask. Pre: mask has no bits above 7 - shift.
Bytes16 bfield(const Bytes16& a, int shift, uint8_t mask) {
  return bytewise([&](int i) { return (a.b[i] >> shift) & mask; });
}
// a << shift. Pre: no set bit leaves its byte.
Bytes16 bshl(const Bytes16& a, int shift) {
  return bytewise([&](int i) { return a.b[i] << shift; });
}
// table[index]. Pre: every index is below 16.
Bytes16 btable(const Bytes16& table, const Bytes16& index) {
  return bytewise([&](int i) { return table.b[index.b[i]]; });
}
// Byte i is 255 where bit i is set, else 0.
Bytes16 bbits(uint16_t bits) {
  return bytewise([&](int i) { return (bits >> i & 1) != 0 ? 255 : 0; });
}
// The f16 whose bytes are low[i] and high[i].
void halves_to_f32(const Bytes16& low, const Bytes16& high, Vec* v) {
  *v = lanewise([&](int i) {
    const uint8_t half[2] = {low.b[i], high.b[i]};
    return f16_to_f32(half);
  });
}
// Signed bytes as f32.
void to_f32(const Bytes16& a, Vec* v) {
  *v = lanewise([&](int i) { return static_cast<float>(static_cast<int8_t>(a.b[i])); });
}

// out[i] = fold of acc[16 i, 16 i + 16), i < 4.
void fold4(const float* acc, float* out) {
  for (int i = 0; i < 4; ++i) {
    float a[16];
    memcpy(a, acc + 16 * i, sizeof(a));
    for (int width = 8; width > 0; width /= 2) {
      for (int j = 0; j < width; ++j) a[j] += a[j + width];
    }
    out[i] = a[0];
  }
}
// out[4 t + r] = fold of acc[t][r], t < count <= 4, r < 4.
void fold_tokens(const float* acc, size_t count, float* out) {
  memset(out, 0, 16 * sizeof(float));
  for (size_t t = 0; t < count; ++t) fold4(acc + 64 * t, out + 4 * t);
}

}  // namespace
}  // namespace assay
