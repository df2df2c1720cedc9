#include "model/tokenizer_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

// The wire format, written by hand.
std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(0x80 | (value & 0x7F)));
  out.push_back(static_cast<char>(value));
  return out;
}
std::string number_field(uint32_t field, uint64_t value) {
  return varint(uint64_t{field} << 3) + varint(value);
}
std::string bytes_field(uint32_t field, const std::string& value) {
  return varint(uint64_t{field} << 3 | 2) + varint(value.size()) + value;
}
std::string float_field(uint32_t field, float value) {
  std::string out = varint(uint64_t{field} << 3 | 5);
  out.resize(out.size() + 4);
  std::memcpy(out.data() + out.size() - 4, &value, 4);
  return out;
}
std::string piece(const std::string& text, float score, uint64_t type) {
  return bytes_field(1, bytes_field(1, text) + float_field(2, score) + number_field(3, type));
}
const std::string kSpecial =
    piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("a", -1, 1);
std::string trainer(const std::string& fields) { return bytes_field(2, fields); }
std::string normalizer(const std::string& fields) { return bytes_field(3, fields); }
const std::string kBpe = trainer(number_field(3, 2));

Result<SpmVocabulary> parse(const std::string& content) {
  ASSAY_ASSIGN_OR_RETURN(AnyVocabulary vocabulary,
                         parse_tokenizer_model(as_bytes(content), "t.model"));
  return std::get<SpmVocabulary>(std::move(vocabulary));
}

TEST(TokenizerModel, ReadsPiecesAndOptions) {
  const SpmVocabulary vocabulary =
      parse(kSpecial + piece("b", -2, 4) + piece("c", -3, 5) + kBpe).value();
  ASSERT_EQ(vocabulary.pieces.size(), 6U);
  EXPECT_EQ(vocabulary.pieces[3].text, "a");
  EXPECT_EQ(vocabulary.pieces[3].score, -1);
  EXPECT_EQ(vocabulary.pieces[3].kind, TokenKind::kNormal);
  EXPECT_EQ(vocabulary.pieces[4].kind, TokenKind::kUserDefined);
  EXPECT_EQ(vocabulary.pieces[5].kind, TokenKind::kUnused);
  EXPECT_EQ(vocabulary.unknown, 0);
  EXPECT_EQ(vocabulary.bos, 1);
  EXPECT_EQ(vocabulary.eos, 2);
  // The defaults of the format, where a file says nothing.
  EXPECT_EQ(vocabulary.space_prefix, SpacePrefix::kAlways);
  EXPECT_TRUE(vocabulary.collapse_spaces);

  const SpmVocabulary other =
      parse(kSpecial +
            trainer(number_field(3, 2) + bytes_field(46, "</s>") + bytes_field(47, "?")) +
            normalizer(number_field(3, 0) + number_field(4, 0)))
          .value();
  EXPECT_EQ(other.bos, 2);
  EXPECT_EQ(other.eos, -1);
  EXPECT_EQ(other.space_prefix, SpacePrefix::kNone);
  EXPECT_FALSE(other.collapse_spaces);
}

TEST(TokenizerModel, PassesOverFieldsItDoesNotKnow) {
  const std::string unknown = number_field(1000, ~uint64_t{0}) + bytes_field(4, "self test") +
                              float_field(77, 1.5F) + varint(78 << 3 | 1) + std::string(8, '\x7F');
  const std::string with_unknown_inside =
      bytes_field(1, bytes_field(1, "z") + unknown + float_field(2, -9));
  const SpmVocabulary vocabulary =
      parse(unknown + kSpecial + with_unknown_inside + trainer(unknown + number_field(3, 2)))
          .value();
  ASSERT_EQ(vocabulary.pieces.size(), 5U);
  EXPECT_EQ(vocabulary.pieces[4].text, "z");
  EXPECT_EQ(vocabulary.pieces[4].score, -9);
}

TEST(TokenizerModel, NamesWhatIsNotSupported) {
  struct Case {
    std::string content;
    const char* message;
  };
  const std::vector<Case> cases = {
      {kSpecial + trainer(number_field(3, 3)), "(word); supported: 1 (unigram), 2 (BPE)"},
      {kSpecial + trainer(number_field(3, 4)), "(char)"},
      {kSpecial + trainer(number_field(3, 9)), "model_type is 9 (unknown)"},
      {kSpecial + kBpe + normalizer(bytes_field(2, "map")), "precompiled_charsmap"},
      {kSpecial + kBpe + normalizer(number_field(5, 0)), "escape_whitespaces"},
      {kSpecial + trainer(number_field(3, 2) + number_field(24, 1)), "treat_whitespace_as_suffix"},
  };
  for (const Case& c : cases) {
    const Status status = parse(c.content).status();
    EXPECT_EQ(status.code(), Code::kUnimplemented) << c.message;
    EXPECT_THAT(status.message(), HasSubstr("t.model"));
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
}

TEST(TokenizerModel, ReadsUnigramWhichIsTheDefault) {
  for (const std::string& type : {std::string(), trainer(number_field(3, 1))}) {
    const std::string content = kSpecial + piece("b", -2.5, 4) + type +
                                normalizer(bytes_field(2, "map") + number_field(4, 0));
    const AnyVocabulary any = parse_tokenizer_model(as_bytes(content), "t.model").value();
    const auto& vocabulary = std::get<UnigramVocabulary>(any);
    ASSERT_EQ(vocabulary.tokens.size(), 5U);
    EXPECT_EQ(vocabulary.tokens[4].text, "b");
    EXPECT_EQ(vocabulary.tokens[4].score, -2.5);
    EXPECT_EQ(vocabulary.tokens[4].kind, TokenKind::kUserDefined);
    EXPECT_TRUE(vocabulary.tokens[4].find.in_normalized);
    EXPECT_EQ(vocabulary.unknown, 0);
    EXPECT_EQ(vocabulary.eos, 2);
    EXPECT_FALSE(vocabulary.add_eos);
    EXPECT_EQ(vocabulary.space_prefix, SpacePrefix::kAlways);
    EXPECT_FALSE(vocabulary.collapse_spaces);
    EXPECT_EQ(vocabulary.normalizer,
              (NormalizerSpec{{.kind = NormalizerKind::kCharMap, .content = "map"}}));
  }
}

TEST(TokenizerModel, RefusesWhatIsNoSuchMessage) {
  struct Case {
    std::string content;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"\x0A\x05", "5 bytes are announced, 0 are left"},
      {bytes_field(1, "\x0A\x7F"), "byte 4: 127 bytes are announced, 0 are left"},
      {"\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "18446744073709551615 bytes are announced"},
      {std::string("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "more than 64 bits"},
      {std::string("\0", 1), "the field number 0"},
      {"\x0B", "field 1 has the wire type 3"},
      {"\x0F", "field 1 has the wire type 7"},
      {"\x80", "1 bytes are announced, 0 are left"},
      {number_field(1, 7), "pieces has the wire type 0, expected 2"},
      {bytes_field(1, number_field(1, 7)), "pieces.piece has the wire type 0"},
      {bytes_field(1, number_field(2, 7)), "pieces.score has the wire type 0, expected 5"},
      {bytes_field(1, bytes_field(3, "x")), "pieces.type has the wire type 2"},
      {piece("a", 0, 0), "pieces.type is 0, expected 1 to 6"},
      {piece("a", 0, 7), "pieces.type is 7"},
      {piece(std::string(513, 'a'), 0, 1), "pieces.piece has 513 bytes"},
      {trainer(bytes_field(3, "x")), "trainer_spec.model_type has the wire type 2"},
      {normalizer(bytes_field(3, "x")), "normalizer_spec.add_dummy_prefix has the wire type 2"},
  };
  for (const Case& c : cases) {
    const Status status = parse(c.content).status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << c.message;
    EXPECT_THAT(status.message(), HasSubstr("t.model, byte "));
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
}

TEST(TokenizerModel, BoundsTheNumberOfPieces) {
  std::string content;
  for (size_t i = 0; i <= kVocabularyMax; ++i) content += std::string("\x0A\0", 2);
  EXPECT_THAT(parse(content).status().message(), HasSubstr("more than 1048576 pieces"));
}

// Cut off anywhere, a real file is refused or read as a shorter one, and never crashes the reader.
TEST(TokenizerModel, EveryPrefixOfARealFileIsHandled) {
  const Bytes content =
      read_whole_file(ASSAY_TESTDATA "/models/lexi-nano/lexi-nano-hf/tokenizer.model", 1 << 20)
          .value();
  size_t refused = 0;
  for (size_t size = 0; size < content.size(); size += 7) {
    const auto result = parse_tokenizer_model(ByteSpan(content).first(size), "t.model");
    if (!result.ok()) ++refused;
  }
  EXPECT_GT(refused, content.size() / 7 / 2);
  EXPECT_EQ(parse(std::string(content.begin(), content.end())).value().pieces.size(), 1024U);
}

}  // namespace
}  // namespace assay
