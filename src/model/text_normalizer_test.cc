#include "model/text_normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/tokenizer_json_parts.h"
#include "model/tokenizer_testing.h"

namespace assay {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string normalize(const NormalizerSpec& spec, const std::string& text) {
  TextRegex::Effort effort(text.size());
  return TextNormalizer::create(spec, "t").value().apply(text, effort).value();
}
std::string normalize(NormalizerKind kind, const std::string& text) {
  return normalize({{.kind = kind}}, text);
}

// The map of a real model, with the rules of tools/make-tokenizer-fixtures.
std::string real_map() {
  const Json file = fixture_json("unigram.json");
  return read_normalizer(&file["normalizer"], "t").value().at(0).content;
}
std::string mapped(const std::string& text) {
  return normalize({{.kind = NormalizerKind::kCharMap, .content = real_map()}}, text);
}

TEST(TextNormalizer, DoesEachStep) {
  EXPECT_EQ(normalize(NormalizerKind::kNfc, "e\xCC\x81"), "\xC3\xA9");
  EXPECT_EQ(normalize(NormalizerKind::kNfd, "\xC3\xA9"), "e\xCC\x81");
  EXPECT_EQ(normalize(NormalizerKind::kNfkc, "\xEF\xBC\xA1\xEF\xAC\x81"), "Afi");
  EXPECT_EQ(normalize(NormalizerKind::kNfkd, "\xC3\xA9\xC2\xBD"),
            "e\xCC\x81"
            "1\xE2\x81\x84"
            "2");
  EXPECT_EQ(normalize(NormalizerKind::kLowercase, "A\xC3\x89"), "a\xC3\xA9");
  EXPECT_EQ(normalize(NormalizerKind::kStripMarks, "e\xCC\x81\xE2\x83\x9D"), "e");
  EXPECT_EQ(normalize(NormalizerKind::kStripNonspacing, "e\xCC\x81\xE2\x83\x9D"), "e\xE2\x83\x9D");
  EXPECT_EQ(
      normalize(NormalizerKind::kBertClean, std::string("a\0\t\n\x01\xEF\xBF\xBD\xC2\xA0z", 11)),
      "a   z");
  EXPECT_EQ(normalize(NormalizerKind::kBertCjk, "a\xE6\x88\x91z"), "a \xE6\x88\x91 z");
  EXPECT_EQ(normalize(NormalizerKind::kStripLeft, " \xE3\x80\x80 a "), "a ");
  EXPECT_EQ(normalize(NormalizerKind::kStripRight, " a \n\xC2\x85"), " a");
  EXPECT_EQ(normalize({{.kind = NormalizerKind::kPrepend, .content = "_"}}, "a"), "_a");
  EXPECT_EQ(normalize({{.kind = NormalizerKind::kPrepend, .content = "_"}}, ""), "");
  EXPECT_EQ(normalize({{.kind = NormalizerKind::kReplace, .pattern = " {2,}", .content = "_"}},
                      "a b   c  "),
            "a b_c_");
}

// Steps that know nothing of a byte leave it alone.
TEST(TextNormalizer, KeepsWhatIsNoUtf8) {
  const std::string text = "\xFF\xC3 a\xE6\x88";
  for (const NormalizerKind kind :
       {NormalizerKind::kNfc, NormalizerKind::kNfkd, NormalizerKind::kLowercase,
        NormalizerKind::kStripMarks, NormalizerKind::kStripNonspacing, NormalizerKind::kBertClean,
        NormalizerKind::kBertCjk, NormalizerKind::kStripLeft, NormalizerKind::kStripRight}) {
    EXPECT_EQ(normalize(kind, text), text) << static_cast<int>(kind);
  }
  EXPECT_EQ(normalize({{.kind = NormalizerKind::kReplace, .pattern = "a", .content = "b"}}, text),
            "\xFF\xC3 b\xE6\x88");
  EXPECT_EQ(mapped(text), text);
}

TEST(TextNormalizer, AppliesACharacterMap) {
  EXPECT_EQ(mapped("\xEF\xBC\xA1\xEF\xBC\xA2"), "AB");
  EXPECT_EQ(mapped("\xEF\xAC\x81 \xE2\x80\xA6\t"), "fi ... ");
  // The longest string of the map.
  EXPECT_EQ(mapped("e\xCC\x81"), "\xC3\xA9");
  EXPECT_EQ(mapped("e\xCC\x81\xCC\xA3"), "\xE1\xBA\xB9\xCC\x81");
  EXPECT_EQ(mapped("a\xE2\x80\x8B"
                   "b"),
            "ab");
  EXPECT_EQ(mapped("plain"), "plain");
}

TEST(CharMap, NamesWhatIsWrongWithIt) {
  const auto expect = [](const std::string& content, const char* message) {
    const auto map = CharMap::parse(as_bytes(content), "t.model");
    ASSERT_FALSE(map.ok()) << message;
    EXPECT_EQ(map.status().code(), Code::kDataLoss);
    EXPECT_THAT(map.status().message(), StartsWith("t.model: "));
    EXPECT_THAT(map.status().message(), HasSubstr(message));
  };
  const std::string real = real_map();
  expect("", "a character map of 0 bytes");
  expect("abc", "a character map of 3 bytes");
  expect(std::string(4, '\0'), "announces a trie of 0 bytes");
  expect(std::string("\x03\0\0\0abc\0", 8), "announces a trie of 3 bytes");
  expect(std::string("\xFF\xFF\xFF\xFF", 4) + real, "announces a trie of 4294967295 bytes");
  expect(real.substr(0, real.size() / 2), "it has");
  expect(real + "x", "do not end with a zero");
  expect(std::string(CharMap::kBytesMax + 1, '\0'), "at most 8.00 MiB");
}

// Whatever stands in the array, a walk stays inside: each byte of a real map changed.
TEST(CharMap, AnyArrayIsWalkedSafely) {
  const std::string real = real_map();
  Prng prng(9);
  const std::vector<std::string> texts = fixture_texts();
  for (size_t round = 0; round < 2000; ++round) {
    std::string content = real;
    for (uint64_t i = 1 + prng.below(20); i > 0; --i) {
      content[4 + prng.below(content.size() - 5)] =
          static_cast<char>(static_cast<uint8_t>(prng.below(256)));
    }
    const CharMap map = CharMap::parse(as_bytes(content), "t").value();
    for (std::string_view text : {std::string_view(texts[round % texts.size()]),
                                  std::string_view("\xEF\xBC\xA1\x7F\xEF\xAC\x81")}) {
      for (; !text.empty(); text.remove_prefix(1)) {
        EXPECT_LE(map.longest_prefix(text).bytes, std::min(text.size(), CharMap::kKeyBytesMax));
      }
    }
  }
}

TEST(TextNormalizer, BoundsWhatATextBecomes) {
  const std::string text(size_t{64} << 10, 'a');
  const auto grown = [&](size_t times) {
    const NormalizerStep step{
        .kind = NormalizerKind::kReplace, .pattern = "a", .content = std::string(times, 'b')};
    TextRegex::Effort effort(text.size());
    return TextNormalizer::create({step}, "t").value().apply(text, effort).status();
  };
  EXPECT_TRUE(grown(768).ok());
  EXPECT_EQ(grown(769).code(), Code::kResourceExhausted);
  EXPECT_THAT(grown(5000).message(), HasSubstr("becomes longer than 48.00 MiB"));
  EXPECT_EQ(TextNormalizer::create(NormalizerSpec(33), "t").status().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace assay
