// Quantisers of the super-block types: 256 elements, with integer scales of 16 or 32 of them.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "base/bytes.h"
#include "model/encode_blocks.h"
#include "tensor/dtype_blocks.h"

namespace assay::encode {
namespace {

// The integer nearest to x / step in [lo, hi], ties to even; 0 where step is 0.
int quotient(float x, float step, int lo, int hi) {
  return step == 0.0F ? 0 : nearest(x / step, lo, hi);
}

// Signed integer scales: the step of a sub-block is such that its value of largest magnitude gets
// the code of largest magnitude, and the largest step the scale of largest magnitude.
template <size_t kCount>
struct SignedScales {
  std::array<int, kCount> scale;
  std::array<float, kCount> step;  // as a reader computes it: d * scale
};
template <size_t kCount>
SignedScales<kCount> signed_scales(const float* src, float code_extreme, int scale_extreme,
                                   uint8_t* d_at) {
  constexpr size_t kElements = 256 / kCount;
  std::array<float, kCount> wanted;
  for (size_t i = 0; i < kCount; ++i) {
    wanted[i] = extreme_of({src + i * kElements, kElements}) / code_extreme;
  }
  const float d = put_scale(extreme_of(wanted) / static_cast<float>(scale_extreme), d_at);
  SignedScales<kCount> out;
  for (size_t i = 0; i < kCount; ++i) {
    out.scale[i] = quotient(wanted[i], d, scale_extreme, -scale_extreme - 1);
    out.step[i] = d * static_cast<float>(out.scale[i]);
  }
  return out;
}

// Unsigned integer scales and minima: y = d * scale * code - dmin * min, from the range of the
// sub-block and zero.
template <size_t kCount>
struct AffineScales {
  std::array<int, kCount> scale;
  std::array<int, kCount> min;
  std::array<float, kCount> step;
  std::array<float, kCount> offset;
};
template <size_t kCount>
AffineScales<kCount> affine_scales(const float* src, int code_max, int scale_max, uint8_t* d_at,
                                   uint8_t* dmin_at) {
  constexpr size_t kElements = 256 / kCount;
  std::array<float, kCount> step;
  std::array<float, kCount> below;
  for (size_t i = 0; i < kCount; ++i) {
    const auto [min, max] = std::minmax_element(src + i * kElements, src + (i + 1) * kElements);
    below[i] = -std::min(*min, 0.0F);
    step[i] = (std::max(*max, 0.0F) + below[i]) / static_cast<float>(code_max);
  }
  const auto most = [&](const std::array<float, kCount>& values) {
    return *std::max_element(values.begin(), values.end()) / static_cast<float>(scale_max);
  };
  const float d = put_scale(most(step), d_at);
  const float dmin = put_scale(most(below), dmin_at);
  AffineScales<kCount> out;
  for (size_t i = 0; i < kCount; ++i) {
    out.scale[i] = quotient(step[i], d, 0, scale_max);
    out.min[i] = quotient(below[i], dmin, 0, scale_max);
    out.step[i] = d * static_cast<float>(out.scale[i]);
    out.offset[i] = dmin * static_cast<float>(out.min[i]);
  }
  return out;
}

// The 12 bytes of eight scales and eight minima of six bits.
void put_six_bits(const AffineScales<8>& s, uint8_t* dst) {
  for (size_t i = 0; i < 4; ++i) {
    dst[i] = static_cast<uint8_t>(s.scale[i] | (s.scale[i + 4] >> 4) << 6);
    dst[i + 4] = static_cast<uint8_t>(s.min[i] | (s.min[i + 4] >> 4) << 6);
    dst[i + 8] = static_cast<uint8_t>((s.scale[i + 4] & 15) | (s.min[i + 4] & 15) << 4);
  }
}

// Ors `code` into dst[at] from bit `shift` on.
void put_bits(uint8_t* dst, size_t at, int code, size_t shift) {
  dst[at] = static_cast<uint8_t>(dst[at] | code << shift);
}

}  // namespace

void q2_k(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kQ2_K>;
  const auto s = affine_scales<16>(src, 3, 15, dst + Layout::kScale, dst + Layout::kMin);
  for (size_t i = 0; i < 16; ++i) {
    dst[Layout::kScales + i] = static_cast<uint8_t>(s.scale[i] | s.min[i] << 4);
  }
  for (size_t i = 0; i < 256; ++i) {
    const int code = quotient(src[i] + s.offset[i / 16], s.step[i / 16], 0, 3);
    put_bits(dst + Layout::kCodes, i / 128 * 32 + i % 32, code, i % 128 / 32 * 2);
  }
}

void q3_k(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kQ3_K>;
  const auto s = signed_scales<16>(src, -4.0F, -32, dst + Layout::kScale);
  for (size_t i = 0; i < 16; ++i) {
    const int scale = s.scale[i] + 32;
    put_bits(dst + Layout::kScales, i % 8, scale & 15, i / 8 * 4);
    put_bits(dst + Layout::kScales, 8 + i % 4, scale >> 4, i / 4 * 2);
  }
  for (size_t i = 0; i < 256; ++i) {
    const int code = quotient(src[i], s.step[i / 16], -4, 3) + 4;
    put_bits(dst + Layout::kCodes, i / 128 * 32 + i % 32, code & 3, i % 128 / 32 * 2);
    put_bits(dst + Layout::kHighBits, i % 32, code >> 2, i / 32);
  }
}

void q4_k(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kQ4_K>;
  const auto s = affine_scales<8>(src, 15, 63, dst + Layout::kScale, dst + Layout::kMin);
  put_six_bits(s, dst + Layout::kScales);
  for (size_t i = 0; i < 256; ++i) {
    const int code = quotient(src[i] + s.offset[i / 32], s.step[i / 32], 0, 15);
    put_bits(dst + Layout::kCodes, i / 64 * 32 + i % 32, code, i % 64 / 32 * 4);
  }
}

void q5_k(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kQ5_K>;
  const auto s = affine_scales<8>(src, 31, 63, dst + Layout::kScale, dst + Layout::kMin);
  put_six_bits(s, dst + Layout::kScales);
  for (size_t i = 0; i < 256; ++i) {
    const int code = quotient(src[i] + s.offset[i / 32], s.step[i / 32], 0, 31);
    put_bits(dst + Layout::kCodes, i / 64 * 32 + i % 32, code & 15, i % 64 / 32 * 4);
    put_bits(dst + Layout::kHighBits, i % 32, code >> 4, i / 32);
  }
}

void q6_k(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kQ6_K>;
  const auto s = signed_scales<16>(src, -32.0F, -128, dst + Layout::kScale);
  for (size_t i = 0; i < 16; ++i) {
    dst[Layout::kScales + i] = static_cast<uint8_t>(static_cast<int8_t>(s.scale[i]));
  }
  for (size_t i = 0; i < 256; ++i) {
    const int code = quotient(src[i], s.step[i / 16], -32, 31) + 32;
    put_bits(dst + Layout::kCodes, i / 128 * 64 + i % 64, code & 15, i % 128 / 64 * 4);
    put_bits(dst + Layout::kHighBits, i / 128 * 32 + i % 32, code >> 4, i % 128 / 32 * 2);
  }
}

void iq4_xs(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kIQ4_XS>;
  const auto s = signed_scales<8>(src, -127.0F, -32, dst + Layout::kScale);
  for (size_t i = 0; i < 8; ++i) {
    const int scale = s.scale[i] + 32;
    put_bits(dst + Layout::kScalesLow, i / 2, scale & 15, i % 2 * 4);
    put_bits(dst + Layout::kScalesHigh, i / 4, scale >> 4, i % 4 * 2);
  }
  for (size_t i = 0; i < 256; ++i) {
    const float step = s.step[i / 32];
    const int code = iq4_code(step == 0.0F ? 0.0F : src[i] / step);
    put_bits(dst + Layout::kCodes, i / 32 * 16 + i % 16, code, i % 32 / 16 * 4);
  }
}

}  // namespace assay::encode
