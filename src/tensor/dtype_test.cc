// Decoding of every stored type: against the values that independent programs give
// (testdata/dtypes/SOURCE), and every instruction set against the plain reference on any bytes.
#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>

#include "base/file.h"
#include "tensor/kernels.h"
#include "tensor/profile_reference.h"

namespace assay {
namespace {

Bytes fixture(const std::string& name) {
  const auto bytes = read_whole_file(std::string(ASSAY_TESTDATA) + "/dtypes/" + name, 1U << 20U);
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  return bytes.ok() ? *bytes : Bytes();
}

std::vector<uint32_t> bits(const std::vector<float>& values) {
  std::vector<uint32_t> out;
  for (const float v : values) out.push_back(std::bit_cast<uint32_t>(v));
  return out;
}

// Bits of f32 values as stored.
std::vector<uint32_t> stored_bits(ByteSpan bytes) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < bytes.size(); i += 4) out.push_back(load_le<uint32_t>(&bytes[i]));
  return out;
}

std::vector<float> decoded(Isa isa, DType type, const Bytes& blocks) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<float> out(blocks.size() / info.block_bytes * info.block_elements);
  kernels_for(isa).decode(type, blocks.data(), out.size(), out.data());
  return out;
}

class DTypeTest : public testing::TestWithParam<DType> {
 protected:
  std::string name() const { return std::string(dtype_info(GetParam()).name); }
};
INSTANTIATE_TEST_SUITE_P(Types, DTypeTest, testing::ValuesIn(kAllDTypes),
                         [](const auto& type) { return std::string(dtype_info(type.param).name); });

TEST_P(DTypeTest, HasTheValuesOfAnIndependentDecoder) {
  const DTypeInfo& info = dtype_info(GetParam());
  if (info.block_elements == 1) return;  // the golden test and the tables below take every code
  const Bytes blocks = fixture(name() + ".blocks");
  const auto expected = stored_bits(fixture(name() + ".f32"));
  ASSERT_GE(expected.size(), 8 * info.block_elements);
  ASSERT_EQ(blocks.size(), expected.size() / info.block_elements * info.block_bytes);
  EXPECT_EQ(bits(reference::elements(GetParam(), blocks.data(), expected.size())), expected);
  for (const Isa isa : isas_present()) {
    EXPECT_EQ(bits(decoded(isa, GetParam(), blocks)), expected) << isa_name(isa);
  }
}

TEST_P(DTypeTest, AnyBytesGiveTheSameBitsOnEveryInstructionSet) {
  const DTypeInfo& info = dtype_info(GetParam());
  Prng prng(50 + static_cast<uint64_t>(GetParam()));
  for (const size_t blocks : {1U, 2U, 3U, 7U, 50U}) {
    for (int round = 0; round < 40; ++round) {
      // Scales of all kinds, infinite ones and NaN among them.
      Bytes bytes(blocks * info.block_bytes);
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(prng.next() >> 56U);
      const auto expected =
          bits(reference::elements(GetParam(), bytes.data(), blocks * info.block_elements));
      for (const Isa isa : isas_present()) {
        ASSERT_EQ(bits(decoded(isa, GetParam(), bytes)), expected) << isa_name(isa);
      }
    }
  }
}

TEST_P(DTypeTest, AScaleThatIsNotFiniteReachesEveryValue) {
  const DTypeInfo& info = dtype_info(GetParam());
  if (info.block_elements == 1) return;
  Prng prng(3);
  for (const uint32_t at : {info.scale_at, info.min_at}) {
    if (at == DTypeInfo::kNoField) continue;
    for (const int code_byte : {-1, 0x00, 0xff, 0x88}) {
      for (const uint16_t scale : {uint16_t{0x7c00}, uint16_t{0xfc00}, uint16_t{0x7e00}}) {
        Bytes block = reference::random_weights(prng, GetParam(), 1, info.block_elements);
        if (code_byte >= 0) std::fill(block.begin(), block.end(), static_cast<uint8_t>(code_byte));
        store_le(block.data() + info.scale_at, uint16_t{0x3c00});
        if (info.min_at != DTypeInfo::kNoField) store_le(&block[info.min_at], uint16_t{0x3c00});
        store_le(block.data() + at, scale);
        for (const float value : decoded(isas_present().back(), GetParam(), block)) {
          ASSERT_FALSE(std::isfinite(value)) << at << " " << code_byte << " " << scale;
        }
      }
    }
  }
}

TEST(DType, EightBitFloatsHaveTheirTables) {
  Bytes codes(256);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i);
  for (const DType type : {DType::kF8_E4M3, DType::kF8_E5M2}) {
    const std::string name(dtype_info(type).name);
    const auto expected = stored_bits(fixture(name + ".f32"));
    ASSERT_EQ(expected.size(), codes.size());
    for (const Isa isa : isas_present()) {
      const auto values = bits(decoded(isa, type, codes));
      for (size_t i = 0; i < codes.size(); ++i) {
        // Programs differ in the sign and the payload of NaN.
        const bool nan = (expected[i] & 0x7fffffffU) > 0x7f800000U;
        if (nan) {
          EXPECT_GT(values[i] & 0x7fffffffU, 0x7f800000U) << name << " " << i;
        } else {
          EXPECT_EQ(values[i], expected[i]) << name << " " << i << " " << isa_name(isa);
        }
      }
    }
  }
}

TEST(DType, IntegersAreThemselves) {
  for (const Isa isa : isas_present()) {
    Bytes codes(256);
    for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i);
    const auto values = decoded(isa, DType::kI8, codes);
    for (int i = -128; i < 128; ++i) {
      EXPECT_EQ(values[static_cast<uint8_t>(i)], static_cast<float>(i)) << isa_name(isa);
    }
  }
}

TEST(DType, RowBytesAreBlocks) {
  EXPECT_EQ(row_bytes(DType::kQ4_K, 512), 288U);
  EXPECT_EQ(row_bytes(DType::kQ6_K, 256), 210U);
  EXPECT_EQ(row_bytes(DType::kIQ4_NL, 64), 36U);
  EXPECT_EQ(row_bytes(DType::kF8_E5M2, 7), 7U);
  EXPECT_DEATH(row_bytes(DType::kQ4_K, 128), "");
}

}  // namespace
}  // namespace assay
