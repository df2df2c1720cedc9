// The arithmetic profile written once more, as plainly as possible and sharing no code with the
// kernels: what the tests compare them with. Only for tests. Source:
// docs/formats/profile-f32-fma16-v1.md.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"
#include "tensor/dtype.h"

namespace assay::reference {

inline float canonical(float x) { return std::isnan(x) ? std::bit_cast<float>(0x7fc00000U) : x; }

// Folds the 16 lanes 8, 4, 2, 1.
inline float fold(std::vector<float> lanes) {
  for (size_t width = 8; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
  }
  return lanes[0];
}

inline float dot(const std::vector<float>& x, const std::vector<float>& w) {
  std::vector<float> lanes(16, 0.0F);
  for (size_t k = 0; k < (x.size() + 15) / 16 * 16; ++k) {
    const float a = k < x.size() ? x[k] : 0.0F;
    const float b = k < x.size() ? w[k] : 0.0F;
    lanes[k % 16] = std::fma(a, b, lanes[k % 16]);
  }
  return canonical(fold(lanes));
}

// Sum of 16 lanes without products.
inline float sum(const std::vector<float>& x) {
  std::vector<float> lanes(16, 0.0F);
  for (size_t k = 0; k < (x.size() + 15) / 16 * 16; ++k) {
    lanes[k % 16] = lanes[k % 16] + (k < x.size() ? x[k] : 0.0F);
  }
  return fold(lanes);
}

inline float exp(float x) {
  if (std::isnan(x)) return canonical(x);
  if (x < -0x1.5d589ep+6F) return 0.0F;
  if (x > 0x1.62e42ep+6F) return std::numeric_limits<float>::infinity();
  const float t = std::fma(x, 0x1.715476p+0F, 12582912.0F);
  const float n = t - 12582912.0F;
  float r = std::fma(-n, 0x1.62e43p-1F, x);
  r = std::fma(-n, -0x1.05c61p-29F, r);
  float q = 0x1.9f0896p-13F;
  for (const float c :
       {0x1.6d8d06p-10F, 0x1.11127p-7F, 0x1.55548ep-5F, 0x1.555554p-3F, 0.5F, 1.0F, 1.0F}) {
    q = std::fma(q, r, c);
  }
  return std::ldexp(q, static_cast<int>(n));
}

inline std::vector<float> softmax(std::vector<float> x) {
  float m = -std::numeric_limits<float>::infinity();
  for (const float v : x) m = v > m ? v : m;
  for (float& v : x) v = exp(v - m);
  const float total = sum(x);
  for (float& v : x) v = canonical(v / total);
  return x;
}

// IEEE 754 binary16 from its definition.
inline float from_f16(uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const int fraction = h & 1023;
  const double sign = (h >> 15) != 0 ? -1.0 : 1.0;
  if (exponent == 31) {
    if (fraction == 0) return static_cast<float>(sign * std::numeric_limits<double>::infinity());
    return std::bit_cast<float>((h >> 15 != 0 ? 0xffc00000U : 0x7fc00000U) |
                                static_cast<uint32_t>(fraction) << 13U);
  }
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(sign * magnitude);
}

// Element i of a row.
inline float element(DType type, const uint8_t* row, size_t i) {
  switch (type) {
    case DType::kF32:
      return load_le<float>(row + 4 * i);
    case DType::kF16:
      return from_f16(load_le<uint16_t>(row + 2 * i));
    case DType::kBF16:
      return std::bit_cast<float>(static_cast<uint32_t>(load_le<uint16_t>(row + 2 * i)) << 16U);
    case DType::kQ8_0: {
      const uint8_t* const block = row + i / 32 * 34;
      const float scale = from_f16(load_le<uint16_t>(block));
      return canonical(scale * static_cast<float>(load_le<int8_t>(block + 2 + i % 32)));
    }
    case DType::kQ4_0: {
      const uint8_t* const block = row + i / 32 * 18;
      const float scale = from_f16(load_le<uint16_t>(block));
      const size_t j = i % 32;
      const int nibble = j < 16 ? block[2 + j] & 15 : block[2 + j - 16] >> 4;
      return canonical(scale * static_cast<float>(nibble - 8));
    }
  }
  return 0.0F;
}
inline std::vector<float> elements(DType type, const uint8_t* row, size_t n) {
  std::vector<float> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = element(type, row, i);
  return out;
}

// A finite number in (-1, 1) that uses all 24 bits of significand.
inline float random_float(Prng& prng) {
  return static_cast<float>(static_cast<int64_t>(prng.next() >> 39U) - (1 << 24)) * 0x1p-24F;
}
inline std::vector<float> random_floats(Prng& prng, size_t n) {
  std::vector<float> out(n);
  for (float& v : out) v = random_float(prng);
  return out;
}
// Rows of k random weights in any type, of magnitude below 2 or so.
inline Bytes random_weights(Prng& prng, DType type, size_t rows, size_t k) {
  Bytes out(rows * row_bytes(type, k));
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(prng.next() >> 56U);
  const DTypeInfo& info = dtype_info(type);
  for (size_t at = 0; at < out.size(); at += info.block_bytes) {
    uint8_t* const p = out.data() + at;
    if (type == DType::kF32) store_le(p, random_float(prng));
    if (type == DType::kBF16) p[1] = static_cast<uint8_t>((p[1] & 0x80U) | 0x3fU);
    // The exponent of a half below 16: a finite number below 2, often a subnormal.
    if (type != DType::kF32 && type != DType::kBF16) p[1] &= 0xbfU;
  }
  return out;
}

}  // namespace assay::reference
