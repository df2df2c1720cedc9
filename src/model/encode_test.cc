#include "model/encode.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "model/checkpoint.h"

namespace assay {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// The value of an f16, by the definition of IEEE 754 and independent of the encoder.
double f16_value(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction == 0 ? sign * static_cast<double>(kInf) : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// Slow and obvious: the nearest of two neighbours, the even code on a tie.
TEST(Encode, F16RoundsToNearestEvenBetweenAllNeighbours) {
  for (uint16_t half = 0; half < 0x7BFF; ++half) {
    const double low = f16_value(half);
    const double high = f16_value(static_cast<uint16_t>(half + 1));
    const auto middle = static_cast<float>((low + high) / 2);  // exact: 12 bits
    const uint16_t even = (half & 1) == 0 ? half : static_cast<uint16_t>(half + 1);
    ASSERT_EQ(f16_from_f32(static_cast<float>(low)), half);
    ASSERT_EQ(f16_from_f32(middle), even) << half;
    ASSERT_EQ(f16_from_f32(std::nextafter(middle, 0.0F)), half) << half;
    ASSERT_EQ(f16_from_f32(std::nextafter(middle, kInf)), half + 1) << half;
    ASSERT_EQ(f16_from_f32(-middle), even | 0x8000);
  }
  EXPECT_EQ(f16_from_f32(65519.996F), 0x7BFF);
  EXPECT_EQ(f16_from_f32(65520.0F), 0x7C00);
  EXPECT_EQ(f16_from_f32(kInf), 0x7C00);
  EXPECT_EQ(f16_from_f32(-1e30F), 0xFC00);
  EXPECT_TRUE(std::isnan(f16_value(f16_from_f32(std::nanf("")))));
  EXPECT_EQ(f16_from_f32(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(Encode, Bf16RoundsToNearestEven) {
  for (uint32_t code = 0; code < 0x7F7F; ++code) {
    const auto low = std::bit_cast<float>(code << 16);
    const auto middle = std::bit_cast<float>((code << 16) | 0x8000U);
    ASSERT_EQ(bf16_from_f32(low), code);
    ASSERT_EQ(bf16_from_f32(middle), code + (code & 1));
    ASSERT_EQ(bf16_from_f32(std::nextafter(middle, kInf)), code + 1);
    ASSERT_EQ(bf16_from_f32(-std::nextafter(middle, 0.0F)), code | 0x8000U);
  }
  EXPECT_EQ(bf16_from_f32(kInf), 0x7F80);
  EXPECT_EQ(bf16_from_f32(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(bf16_from_f32(std::nanf("")) & 0x7FC0, 0x7FC0);
}

Bytes content(const Checkpoint& checkpoint, const TensorInfo& tensor) {
  Bytes out(tensor.bytes);
  EXPECT_TRUE(checkpoint.files[tensor.file]->read_at(tensor.offset, out).ok());
  return out;
}

// The lower-precision files of lexi-nano were quantised from its F32 file by another program.
TEST(Encode, ReproducesTheFilesOfAnotherQuantiser) {
  const std::string nano = std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-";
  const auto f32 = open_checkpoint(nano + "f32.gguf");
  ASSERT_TRUE(f32.ok()) << f32.status().message();
  for (const std::string type : {"f32", "f16", "bf16", "q8_0", "q4_0"}) {
    const auto other = open_checkpoint(nano + type + ".gguf");
    ASSERT_TRUE(other.ok()) << other.status().message();
    for (const auto& [name, tensor] : other->tensors) {
      const Bytes source = content(*f32, f32->tensors.at(name));
      std::vector<float> values(tensor.elements());
      ASSERT_EQ(source.size(), values.size() * sizeof(float));
      std::memcpy(values.data(), source.data(), source.size());
      Bytes encoded(tensor.bytes);
      encode_row(tensor.type, values.data(), values.size(), encoded.data());
      ASSERT_EQ(encoded, content(*other, tensor)) << type << " " << name;
    }
  }
}

TEST(Encode, ZeroBlocksHaveZeroScale) {
  const std::vector<float> zeros(32, 0.0F);
  Bytes out(34, 0xAA);
  encode_row(DType::kQ8_0, zeros.data(), 32, out.data());
  EXPECT_EQ(out, Bytes(34, 0));
  out.assign(18, 0xAA);
  encode_row(DType::kQ4_0, zeros.data(), 32, out.data());
  EXPECT_EQ(out[0] | (out[1] & 0x7F), 0);
  EXPECT_EQ(out[2], 0x88);
}

}  // namespace
}  // namespace assay
