#include "base/bytes.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(Bytes, LittleEndianAtAnyAlignment) {
  const uint8_t raw[] = {0xff, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
  EXPECT_EQ(load_le<uint32_t>(raw + 1), 0x04030201u);
  EXPECT_EQ(load_le<uint64_t>(raw + 1), 0x0807060504030201u);
  EXPECT_EQ(load_le<int16_t>(raw), 0x01ff);
  uint8_t out[9] = {};
  store_le(out + 1, uint32_t{0x04030201});
  EXPECT_EQ(to_hex(ByteSpan(out, 6)), "000102030400");
  store_le(out + 3, 1.0f);
  EXPECT_EQ(load_le<float>(out + 3), 1.0f);
  EXPECT_EQ(to_hex(ByteSpan(out + 3, 4)), "0000803f");
}

TEST(Bytes, AppendsSizedFieldsUnambiguously) {
  Bytes a;
  append_sized(a, "ab");
  append_sized(a, "c");
  EXPECT_EQ(to_hex(a),
            "020000006162"
            "0100000063");
  Bytes b;
  append_sized(b, "a");
  append_sized(b, "bc");
  EXPECT_NE(a, b);
  Bytes c;
  append_le(c, uint16_t{0x1234});
  append_bytes(c, as_bytes("x"));
  EXPECT_EQ(to_hex(c), "341278");
}

TEST(Bytes, FloatsAreSeenAsTheirRawBits) {
  const float values[] = {1.0f, -0.0f};
  EXPECT_EQ(to_hex(as_bytes(std::span<const float>(values))), "0000803f00000080");
}

TEST(Hex, RoundTripsEveryByte) {
  Bytes all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<uint8_t>(i));
  EXPECT_EQ(from_hex(to_hex(all)).value(), all);
  EXPECT_TRUE(from_hex("").value().empty());
}

TEST(Hex, OneSpellingOnly) {
  for (const std::string_view bad : {"a", "0g", "AB", "aB", " a", "0x", "a\xff", "a:"}) {
    EXPECT_EQ(from_hex(bad).status().code(), Code::kInvalidArgument) << bad;
  }
  EXPECT_NE(from_hex("00ff0A").status().message().find("character 5"), std::string::npos);
  // Exactly the sixteen digits, among all byte values.
  int accepted = 0;
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'0', static_cast<char>(c)};
    accepted += from_hex(text).ok() ? 1 : 0;
  }
  EXPECT_EQ(accepted, 16);
}

TEST(Hex, ArraysMustHaveTheirLength) {
  EXPECT_EQ((array_from_hex<2>("01ff").value()), (std::array<uint8_t, 2>{1, 255}));
  EXPECT_FALSE(array_from_hex<2>("01").ok());
  EXPECT_FALSE(array_from_hex<2>("010203").ok());
  EXPECT_FALSE(array_from_hex<2>("01zz").ok());
}

TEST(Size, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("1000000").value(), 1000000u);
  EXPECT_EQ(parse_size("512MiB").value(), 536870912u);
  EXPECT_EQ(parse_size("512 MiB").value(), 536870912u);
  EXPECT_EQ(parse_size("512Mi").value(), 536870912u);
  EXPECT_EQ(parse_size("2GiB").value(), 2147483648u);
  EXPECT_EQ(parse_size("1.5GiB").value(), 1610612736u);
  EXPECT_EQ(parse_size("64k").value(), 64000u);
  EXPECT_EQ(parse_size("64kB").value(), 64000u);
  EXPECT_EQ(parse_size("64KiB").value(), 65536u);
  EXPECT_EQ(parse_size("1TiB").value(), 1099511627776u);
  EXPECT_EQ(parse_size("17B").value(), 17u);
  // Above 2^53 a double could not hold it.
  EXPECT_EQ(parse_size("9007199254740993").value(), 9007199254740993u);
}

TEST(Size, RefusesTheRest) {
  for (const std::string_view bad : {"", "B", "-1", "-1k", "1e30", "nan", "inf", "1Zi", "1 M B",
                                     " 1", "1k1", "0x10", "99999999TiB", "20000000000000000000"}) {
    const auto size = parse_size(bad);
    EXPECT_FALSE(size.ok()) << bad << " gave " << size.value();
  }
}

TEST(Size, IsPrintedForPeople) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1536), "1.50 KiB");
  EXPECT_EQ(format_size(512ull << 20), "512 MiB");
  EXPECT_EQ(format_size(3ull << 29), "1.50 GiB");
  EXPECT_EQ(format_size((1ull << 20) - 1), "1024 KiB");
  EXPECT_EQ(format_size(5ull << 40), "5.00 TiB");
  EXPECT_EQ(format_size(5000ull << 40), "5000 TiB");
}

}  // namespace
}  // namespace assay
