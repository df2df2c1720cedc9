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
#include "tensor/dtype_reference.h"

namespace assay::reference {

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

inline float tanh(float x) {
  const float size = std::fabs(x);
  if (std::isnan(x)) return canonical(x);
  if (size < 0.625F) {
    const float z = x * x;
    float p = -0x1.75e1c8p-8F;
    for (const float c : {0x1.52269ap-6F, -0x1.b83c5ap-5F, 0x1.110726p-3F, -0x1.555532p-2F}) {
      p = std::fma(p, z, c);
    }
    return std::fma(p * z, x, x);
  }
  return std::copysign(1.0F - 2.0F / (exp(size + size) + 1.0F), x);
}

inline float erf(float x) {
  if (std::isnan(x)) return canonical(x);
  if (std::fabs(x) < 0.92F) {
    float p = -0x1.377dbp-11F;
    for (const float c :
         {0x1.4698bcp-8F, -0x1.b66fb2p-6F, 0x1.ce1886p-4F, -0x1.8126dap-2F, 0x1.06eba6p-3F}) {
      p = std::fma(p, x * x, c);
    }
    return std::fma(p, x, x);
  }
  const float t = std::fmin(std::fabs(x), 4.0F);
  float q = 0x1.78dc0cp-17F;
  for (const float c : {-0x1.527bf6p-12F, 0x1.dd6cap-9F, -0x1.85515p-6F, 0x1.b3257p-4F,
                        0x1.45328ep-1F, 0x1.0778dcp-3F}) {
    q = std::fma(q, t, c);
  }
  return std::copysign(1.0F - exp(-std::fma(q, t, t)), x);
}

inline float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1.0F + exp(0.0F - x));
    case Activation::kGeluTanh:
      return 0.5F * x * (1.0F + tanh(0x1.988454p-1F * std::fma(0x1.6e4e26p-5F, x * x * x, x)));
    case Activation::kGeluErf:
      return 0.5F * x * (1.0F + erf(x * 0x1.6a09e6p-1F));
    case Activation::kRelu:
      return x < 0 ? 0.0F : x;
  }
  return x;
}

inline std::vector<float> softmax(std::vector<float> x) {
  float m = -std::numeric_limits<float>::infinity();
  for (const float v : x) m = v > m ? v : m;
  for (float& v : x) v = exp(v - m);
  const float total = sum(x);
  for (float& v : x) v = canonical(v / total);
  return x;
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
// Rows of k random weights in any type, all finite; unquantised ones of magnitude below 2 or so.
inline Bytes random_weights(Prng& prng, DType type, size_t rows, size_t k) {
  Bytes out(rows * row_bytes(type, k));
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(prng.next() >> 56U);
  const DTypeInfo& info = dtype_info(type);
  // The exponent of a half below 16: a finite number below 2, often a subnormal.
  const auto clear_top_exponent_bit = [](uint8_t* p) { *p &= 0xbfU; };
  for (size_t at = 0; at < out.size(); at += info.block_bytes) {
    uint8_t* const p = out.data() + at;
    if (type == DType::kF32) {
      store_le(p, random_float(prng));
    } else if (type == DType::kBF16) {
      p[1] = static_cast<uint8_t>((p[1] & 0x80U) | 0x3fU);
    } else if (info.block_elements == 1) {
      clear_top_exponent_bit(p + info.block_bytes - 1);
    } else {
      clear_top_exponent_bit(p + info.scale_at + 1);
      if (info.min_at != DTypeInfo::kNoField) clear_top_exponent_bit(p + info.min_at + 1);
    }
  }
  return out;
}

}  // namespace assay::reference
