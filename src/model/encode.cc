#include "model/encode.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/bytes.h"
#include "base/check.h"

namespace assay {
namespace {

// The value of a finite f16.
float f32_from_f16(uint16_t half) {
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7FFFU) << 13;
  // Times 2^112 moves the exponent bias from 15 to 127, exactly and for subnormals too.
  const float value = std::bit_cast<float>(magnitude) * 0x1p112F;
  return (half & 0x8000U) != 0 ? -value : value;
}

// Stores the scale and gives it back as stored: codes are then the nearest ones for the value that
// a reader multiplies with. 0 is given back as 1, for blocks of zeros.
float put_scale(float scale, uint8_t* dst) {
  const uint16_t half = f16_from_f32(scale);
  store_le(dst, half);
  const float stored = f32_from_f16(half);
  return stored == 0.0F ? 1.0F : stored;
}

void encode_q8_0(const float* src, uint8_t* dst) {
  float largest = 0.0F;
  for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(src[i]));
  const float scale = put_scale(largest / 127.0F, dst);
  for (size_t i = 0; i < 32; ++i) {
    // Adding and taking 1.5 * 2^23 rounds to an integer, ties to even. Only a subnormal scale is
    // rounded by so much that a code could exceed 127.
    const float code = (src[i] / scale + 0x1.8p23F) - 0x1.8p23F;
    dst[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::clamp(code, -127.0F, 127.0F)));
  }
}

void encode_q4_0(const float* src, uint8_t* dst) {
  float extreme = 0.0F;  // the value of largest magnitude, with its sign
  for (size_t i = 0; i < 32; ++i) {
    if (std::fabs(src[i]) > std::fabs(extreme)) extreme = src[i];
  }
  const float scale = put_scale(extreme / -8.0F, dst);
  const auto code = [&](float value) {
    return static_cast<uint8_t>(std::clamp(static_cast<int>(value / scale + 8.5F), 0, 15));
  };
  for (size_t i = 0; i < 16; ++i) {
    dst[2 + i] = static_cast<uint8_t>(code(src[i]) | (code(src[16 + i]) << 4));
  }
}

}  // namespace

uint16_t f16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000U);
  uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude >= 0x47800000U) {  // 65536 and above, infinity, NaN
    return static_cast<uint16_t>(sign | (magnitude > 0x7F800000U ? 0x7E00U : 0x7C00U));
  }
  if (magnitude < 0x38800000U) {  // below 2^-14: 0.5 more leaves the subnormal code in the low bits
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000U));
  }
  magnitude -= 0x38000000U;  // exponent bias 127 to 15
  magnitude += 0x0FFFU + ((magnitude >> 13) & 1U);
  return static_cast<uint16_t>(sign | (magnitude >> 13));
}

uint16_t bf16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<uint16_t>((bits >> 16) | 0x40U);
  return static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

void encode_row(DType type, const float* src, size_t n, uint8_t* dst) {
  ASSAY_CHECK(n % dtype_info(type).block_elements == 0);
  switch (type) {
    case DType::kF32:
      std::memcpy(dst, src, n * sizeof(float));
      return;
    case DType::kF16:
      for (size_t i = 0; i < n; ++i) store_le(dst + 2 * i, f16_from_f32(src[i]));
      return;
    case DType::kBF16:
      for (size_t i = 0; i < n; ++i) store_le(dst + 2 * i, bf16_from_f32(src[i]));
      return;
    case DType::kQ8_0:
      for (size_t i = 0; i < n; i += 32, dst += 34) encode_q8_0(src + i, dst);
      return;
    case DType::kQ4_0:
      for (size_t i = 0; i < n; i += 32, dst += 18) encode_q4_0(src + i, dst);
      return;
  }
}

}  // namespace assay
