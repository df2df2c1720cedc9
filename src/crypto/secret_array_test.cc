#include "crypto/secret_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace assay {
namespace {

constexpr std::array<uint8_t, 4> kSecret = {1, 2, 3, 4};

TEST(SecretArray, StartsAsZeros) { EXPECT_EQ(SecretArray<4>().bytes, (std::array<uint8_t, 4>{})); }

TEST(SecretArray, AMoveLeavesNothingBehind) {
  SecretArray<4> a;
  a.bytes = kSecret;
  SecretArray<4> b = std::move(a);
  EXPECT_EQ(b.bytes, kSecret);
  EXPECT_EQ(a.bytes, (std::array<uint8_t, 4>{}));
  a = std::move(b);
  EXPECT_EQ(a.bytes, kSecret);
  EXPECT_EQ(b.bytes, (std::array<uint8_t, 4>{}));
  SecretArray<4>& same = a;
  a = std::move(same);
  EXPECT_EQ(a.bytes, kSecret);
}

TEST(SecretArray, DestructionWipes) {
  alignas(SecretArray<4>) std::array<uint8_t, sizeof(SecretArray<4>)> memory{};
  auto* secret = std::construct_at(reinterpret_cast<SecretArray<4>*>(memory.data()));
  secret->bytes = kSecret;
  EXPECT_FALSE(std::ranges::all_of(memory, [](uint8_t byte) { return byte == 0; }));
  std::destroy_at(secret);
  EXPECT_TRUE(std::ranges::all_of(memory, [](uint8_t byte) { return byte == 0; }));
}

}  // namespace
}  // namespace assay
