#include "model/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

namespace assay {
namespace {

// The definition, spelled out: the encodings of all scalar values and nothing else.
std::string encode_utf8(uint32_t c) {
  const auto byte = [](uint32_t b) { return static_cast<char>(static_cast<uint8_t>(b)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | (c >> 6)), byte(0x80 | (c & 63))};
  if (c < 0x10000) {
    return {byte(0xE0 | (c >> 12)), byte(0x80 | ((c >> 6) & 63)), byte(0x80 | (c & 63))};
  }
  return {byte(0xF0 | (c >> 18)), byte(0x80 | ((c >> 12) & 63)), byte(0x80 | ((c >> 6) & 63)),
          byte(0x80 | (c & 63))};
}

TEST(Utf8, EveryScalarValueIsOneCharacter) {
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string text = encode_utf8(c);
    ASSERT_EQ(utf8_prefix(text + "x"), text.size()) << c;
    ASSERT_EQ(utf8_prefix(text), text.size()) << c;
    if (text.size() > 1) {
      ASSERT_EQ(utf8_prefix(text.substr(0, text.size() - 1)), 0U) << c;
    }
  }
}

// Every three-byte string is accepted exactly when it starts with the encoding of a scalar value.
TEST(Utf8, NothingElseIs) {
  std::set<std::string> valid;
  for (uint32_t c = 0; c <= 0xFFFF; ++c) {
    if (c < 0xD800 || c > 0xDFFF) valid.insert(encode_utf8(c));
  }
  for (uint32_t lead = 0; lead < 0xF0; ++lead) {
    for (uint32_t rest = 0; rest < 0x10000; rest += 1) {
      const char bytes[3] = {static_cast<char>(lead), static_cast<char>(rest >> 8),
                             static_cast<char>(rest & 255)};
      const std::string_view text(bytes, 3);
      const size_t length = lead < 0x80 ? 1U : lead < 0xE0 ? 2U : 3U;
      const bool expected = valid.contains(std::string(text.substr(0, length)));
      ASSERT_EQ(utf8_prefix(text) != 0, expected) << lead << " " << rest;
      if (lead < 0x80) break;  // the rest does not matter
    }
  }
  for (uint32_t lead = 0xF0; lead <= 0xFF; ++lead) {
    for (uint32_t second = 0; second < 256; ++second) {
      const char bytes[4] = {static_cast<char>(lead), static_cast<char>(second), '\x80', '\xBF'};
      const uint32_t c = (lead & 7) << 18 | (second & 63) << 12 | 63;
      const bool expected =
          lead <= 0xF4 && (second & 0xC0) == 0x80 && c >= 0x10000 && c <= 0x10FFFF;
      ASSERT_EQ(utf8_prefix({bytes, 4}), expected ? 4U : 0U) << lead << " " << second;
    }
  }
}

TEST(Utf8, EmptyTextHasNoCharacter) { EXPECT_EQ(utf8_prefix(""), 0U); }

TEST(Utf8, ATextIsUtf8WhenAllOfItIs) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xC3\xA4z"));
  EXPECT_FALSE(is_utf8("a\xC3"));
  EXPECT_FALSE(is_utf8("\xA4 a"));
}

}  // namespace
}  // namespace assay
