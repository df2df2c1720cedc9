#include "model/encode.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "base/prng.h"
#include "model/checkpoint.h"
#include "model/gguf_types.h"
#include "tensor/kernels.h"

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

// The values of a row after encoding and decoding.
std::vector<float> round_trip(DType type, const std::vector<float>& values) {
  Bytes encoded(row_bytes(type, values.size()), 0xAA);
  encode_row(type, values.data(), values.size(), encoded.data());
  std::vector<float> out(values.size());
  kernels_for(Isa::kScalar).decode(type, encoded.data(), out.size(), out.data());
  return out;
}

// Nearly normal values, as weights are.
std::vector<float> weights(uint64_t seed, size_t n, float scale) {
  Prng prng(seed);
  std::vector<float> out(n);
  for (float& v : out) {
    int64_t sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<int64_t>(prng.next() >> 48U) - 32768;
    v = scale * static_cast<float>(sum) * 0x1p-16F;
  }
  return out;
}

TEST(Encode, EveryTypeOfGgufComesBackWithinItsPrecision) {
  // Error over deviation of normal values, about twice what a uniform step of that many bits has.
  const std::map<DType, double> bounds = {
      {DType::kF32, 0},     {DType::kF16, 0.0005},  {DType::kBF16, 0.004}, {DType::kQ8_0, 0.01},
      {DType::kQ4_0, 0.14}, {DType::kQ4_1, 0.12},   {DType::kQ5_0, 0.07},  {DType::kQ5_1, 0.06},
      {DType::kQ2_K, 0.5},  {DType::kQ3_K, 0.3},    {DType::kQ4_K, 0.13},  {DType::kQ5_K, 0.07},
      {DType::kQ6_K, 0.04}, {DType::kIQ4_NL, 0.13}, {DType::kIQ4_XS, 0.13}};
  for (const DType type : kAllDTypes) {
    if (!ggml_type_of(type)) continue;
    ASSERT_TRUE(bounds.contains(type)) << dtype_info(type).name;
    for (const float scale : {1.0F, 0.02F, 1000.0F}) {
      const auto values = weights(7, 4096, scale);
      const auto back = round_trip(type, values);
      double error = 0;
      double square = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        const double off = static_cast<double>(back[i]) - static_cast<double>(values[i]);
        error += off * off;
        square += static_cast<double>(values[i]) * static_cast<double>(values[i]);
      }
      const double relative = std::sqrt(error / square);
      EXPECT_LE(relative, bounds.at(type)) << dtype_info(type).name << " " << scale;
      // A codec that wastes half of its range would pass the bound of the type with a bit less.
      EXPECT_GE(relative, bounds.at(type) / 6) << dtype_info(type).name << " " << scale;
    }
  }
}

TEST(Encode, WhatATypeCanHoldComesBackExactly) {
  for (const DType type : kAllDTypes) {
    if (!ggml_type_of(type)) continue;
    const std::string name(dtype_info(type).name);
    const std::vector<float> zeros(512, 0.0F);
    for (const float value : round_trip(type, zeros)) EXPECT_EQ(value, 0.0F) << name;
    // 1, 0, -1, with powers of two as scales: on the grid of every type.
    std::vector<float> ternary(512);
    for (size_t i = 0; i < 512; ++i) ternary[i] = static_cast<float>(i * i % 3) - 1.0F;
    const auto back = round_trip(type, ternary);
    for (size_t i = 0; i < 512; ++i) EXPECT_NEAR(back[i], ternary[i], 0.2) << name << " " << i;
  }
}

// One element far outside the others, tiny values, one sign only: codes must not leave their range.
TEST(Encode, ExtremeRowsStayInRange) {
  for (const DType type : kAllDTypes) {
    if (!ggml_type_of(type)) continue;
    const std::string name(dtype_info(type).name);
    for (const float scale : {1e-9F, 1e-6F, 1.0F, 8000.0F}) {
      for (const int kind : {0, 1, 2, 3}) {
        auto values = weights(9, 512, scale);
        for (float& v : values) {
          if (kind == 1) v = std::fabs(v);
          if (kind == 2) v = -std::fabs(v);
        }
        if (kind == 3) values[100] = -4 * scale;
        const auto back = round_trip(type, values);
        for (size_t i = 0; i < values.size(); ++i) {
          // Scales are multiples of 2^-24 at the least.
          EXPECT_LE(std::fabs(back[i] - values[i]), 1.5F * scale + 0x1p-15F)
              << name << " " << kind << " " << scale << " " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace assay
