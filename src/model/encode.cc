#include "model/encode.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/bytes.h"
#include "base/check.h"
#include "model/encode_blocks.h"
#include "tensor/dtype_blocks.h"

namespace assay {
namespace {

using encode::extreme_of;
using encode::iq4_code;
using encode::nearest;
using encode::put_scale;

// The value of a finite f16.
float f32_from_f16(uint16_t half) {
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7FFFU) << 13;
  // Times 2^112 moves the exponent bias from 15 to 127, exactly and for subnormals too.
  const float value = std::bit_cast<float>(magnitude) * 0x1p112F;
  return (half & 0x8000U) != 0 ? -value : value;
}

void encode_q8_0(const float* src, uint8_t* dst) {
  const float scale = put_scale(std::fabs(extreme_of({src, 32})) / 127.0F, dst);
  const float step = scale == 0.0F ? 1.0F : scale;
  for (size_t i = 0; i < 32; ++i) {
    // Only a subnormal scale is rounded by so much that a code could exceed 127.
    dst[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(nearest(src[i] / step, -127, 127)));
  }
}

void encode_q4_0(const float* src, uint8_t* dst) {
  const float scale = put_scale(extreme_of({src, 32}) / -8.0F, dst);
  const float step = scale == 0.0F ? 1.0F : scale;
  const auto code = [&](float value) {
    return static_cast<uint8_t>(std::clamp(static_cast<int>(value / step + 8.5F), 0, 15));
  };
  for (size_t i = 0; i < 16; ++i) {
    dst[2 + i] = static_cast<uint8_t>(code(src[i]) | (code(src[16 + i]) << 4));
  }
}

// Puts 32 codes of four bits, or of five with their highest one in the u32 at high.
template <typename Code>
void put_codes(Code code, uint8_t* low, uint8_t* high) {
  uint32_t fifth = 0;
  for (size_t i = 0; i < 32; ++i) {
    const auto c = static_cast<uint32_t>(code(i));
    low[i % 16] = static_cast<uint8_t>(low[i % 16] | (c & 15) << (i / 16 * 4));
    fifth |= (c >> 4) << i;
  }
  if (high != nullptr) store_le(high, fifth);
}

// y = d * code + m, from the least to the largest value.
void encode_affine(const float* src, int code_max, uint8_t* dst, uint8_t* low, uint8_t* high) {
  const auto [min, max] = std::minmax_element(src, src + 32);
  const float d = put_scale((*max - *min) / static_cast<float>(code_max), dst);
  const float m = put_scale(*min, dst + 2);
  const float step = d == 0.0F ? 1.0F : d;
  put_codes([&](size_t i) { return nearest((src[i] - m) / step, 0, code_max); }, low, high);
}
void encode_q4_1(const float* src, uint8_t* dst) {
  encode_affine(src, 15, dst, dst + BlockLayout<DType::kQ4_1>::kCodes, nullptr);
}
void encode_q5_1(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kQ5_1>;
  encode_affine(src, 31, dst, dst + Layout::kCodes, dst + Layout::kHighBits);
}

void encode_q5_0(const float* src, uint8_t* dst) {
  using Layout = BlockLayout<DType::kQ5_0>;
  const float d = put_scale(extreme_of({src, 32}) / -16.0F, dst);
  const float step = d == 0.0F ? 1.0F : d;
  put_codes([&](size_t i) { return nearest(src[i] / step, -16, 15) + 16; }, dst + Layout::kCodes,
            dst + Layout::kHighBits);
}

void encode_iq4_nl(const float* src, uint8_t* dst) {
  const float d = put_scale(extreme_of({src, 32}) / -127.0F, dst);
  const float step = d == 0.0F ? 1.0F : d;
  put_codes([&](size_t i) { return iq4_code(src[i] / step); },
            dst + BlockLayout<DType::kIQ4_NL>::kCodes, nullptr);
}

using BlockEncoder = void (*)(const float* src, uint8_t* dst);

// Null for unquantised types.
BlockEncoder block_encoder(DType type) {
  switch (type) {
    case DType::kQ8_0:
      return encode_q8_0;
    case DType::kQ4_0:
      return encode_q4_0;
    case DType::kQ4_1:
      return encode_q4_1;
    case DType::kQ5_0:
      return encode_q5_0;
    case DType::kQ5_1:
      return encode_q5_1;
    case DType::kIQ4_NL:
      return encode_iq4_nl;
    case DType::kQ2_K:
      return encode::q2_k;
    case DType::kQ3_K:
      return encode::q3_k;
    case DType::kQ4_K:
      return encode::q4_k;
    case DType::kQ5_K:
      return encode::q5_k;
    case DType::kQ6_K:
      return encode::q6_k;
    case DType::kIQ4_XS:
      return encode::iq4_xs;
    default:
      return nullptr;
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

float encode::put_scale(float scale, uint8_t* dst) {
  const uint16_t half = f16_from_f32(scale);
  store_le(dst, half);
  return f32_from_f16(half);
}

float encode::extreme_of(std::span<const float> values) {
  float extreme = 0.0F;
  for (const float value : values) {
    if (std::fabs(value) > std::fabs(extreme)) extreme = value;
  }
  return extreme;
}

int encode::nearest(float x, int lo, int hi) {
  // Adding and taking 1.5 * 2^23 rounds to an integer, ties to even.
  const float rounded = (x + 0x1.8p23F) - 0x1.8p23F;
  return static_cast<int>(std::clamp(rounded, static_cast<float>(lo), static_cast<float>(hi)));
}

int encode::iq4_code(float x) {
  int best = 0;
  for (int code = 1; code < 16; ++code) {
    const auto distance = [&](int c) { return std::fabs(x - static_cast<float>(kIq4Values[c])); };
    if (distance(code) < distance(best)) best = code;
  }
  return best;
}

void encode_row(DType type, const float* src, size_t n, uint8_t* dst) {
  const DTypeInfo& info = dtype_info(type);
  ASSAY_CHECK(n % info.block_elements == 0);
  if (const BlockEncoder encode_block = block_encoder(type)) {
    std::memset(dst, 0, row_bytes(type, n));
    for (size_t i = 0; i < n; i += info.block_elements, dst += info.block_bytes) {
      encode_block(src + i, dst);
    }
    return;
  }
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
    default:
      check_failed(__FILE__, __LINE__, "a type that GGUF does not have is not encoded");
  }
}

}  // namespace assay
