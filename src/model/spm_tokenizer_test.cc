#include "model/spm_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/prng.h"
#include "model/utf8.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SpmPiece normal(std::string text, float score) {
  return {.text = std::move(text), .score = score, .kind = TokenKind::kNormal};
}

// <unk>, <s>, </s>, and the pieces given.
SpmVocabulary with_pieces(std::vector<SpmPiece> pieces) {
  SpmVocabulary out;
  out.pieces = {{.text = "<unk>", .kind = TokenKind::kUnknown},
                {.text = "<s>", .kind = TokenKind::kControl},
                {.text = "</s>", .kind = TokenKind::kControl}};
  out.pieces.insert(out.pieces.end(), pieces.begin(), pieces.end());
  out.unknown = 0;
  out.bos = 1;
  out.eos = 2;
  return out;
}

void add_byte_pieces(SpmVocabulary& vocabulary) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (size_t b = 0; b < 256; ++b) {
    vocabulary.pieces.push_back(
        {.text = std::string("<0x") + kDigits[b / 16] + kDigits[b % 16] + ">",
         .kind = TokenKind::kByte});
  }
}

std::unique_ptr<Tokenizer> make(SpmVocabulary vocabulary) {
  return SpmTokenizer::create(std::move(vocabulary), "test").value();
}

Status refusal(SpmVocabulary vocabulary) {
  return SpmTokenizer::create(std::move(vocabulary), "model.gguf").status();
}

// The definition, without a queue: merge the best adjacent pair until there is none.
std::vector<TokenId> encode_naively(const SpmVocabulary& vocabulary, std::string_view escaped) {
  std::map<std::string, TokenId, std::less<>> ids;
  for (size_t i = 3; i < vocabulary.pieces.size(); ++i) {
    if (vocabulary.pieces[i].kind != TokenKind::kByte) {
      ids[vocabulary.pieces[i].text] = static_cast<TokenId>(i);
    }
  }
  std::vector<std::string> symbols;
  while (!escaped.empty()) {
    const size_t bytes = std::max<size_t>(utf8_prefix(escaped), 1);
    symbols.emplace_back(escaped.substr(0, bytes));
    escaped.remove_prefix(bytes);
  }
  while (true) {
    size_t best = symbols.size();
    float best_score = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ids.find(symbols[i] + symbols[i + 1]);
      if (found == ids.end()) continue;
      const float score = vocabulary.pieces[static_cast<size_t>(found->second)].score;
      if (best == symbols.size() || score > best_score) {
        best = i;
        best_score = score;
      }
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<TokenId> out;
  for (const std::string& symbol : symbols) {
    const auto found = ids.find(symbol);
    if (found != ids.end()) {
      out.push_back(found->second);
    } else if (out.empty() || out.back() != vocabulary.unknown) {
      out.push_back(vocabulary.unknown);
    }
  }
  return out;
}

// 300 random vocabularies over {a, b, c}, every text of up to 7 characters and some long ones.
// Scores are drawn from few values, so that ties are the rule.
TEST(SpmTokenizer, EqualsTheNaiveEngine) {
  Prng prng(11);
  for (int round = 0; round < 300; ++round) {
    std::map<std::string, float> texts;
    const size_t count = 1 + prng.below(14);
    for (size_t i = 0; i < count; ++i) {
      std::string text;
      const size_t length = 1 + prng.below(5);
      while (text.size() < length) text.push_back(static_cast<char>('a' + prng.below(3)));
      texts[text] = -static_cast<float>(prng.below(5));
    }
    std::vector<SpmPiece> pieces;
    for (const auto& [text, score] : texts) pieces.push_back(normal(text, score));
    SpmVocabulary vocabulary = with_pieces(pieces);
    vocabulary.space_prefix = SpacePrefix::kNone;
    const auto tokenizer = make(vocabulary);
    const auto check = [&](const std::string& text) {
      ASSERT_EQ(tokenizer->encode(text).value(), encode_naively(vocabulary, text)) << text;
    };
    for (size_t length = 0; length <= 7; ++length) {
      size_t texts_of_length = 1;
      for (size_t i = 0; i < length; ++i) texts_of_length *= 3;
      for (size_t n = 0; n < texts_of_length; n += round == 0 ? 1 : 1 + prng.below(40)) {
        std::string text;
        for (size_t i = 0, rest = n; i < length; ++i, rest /= 3) {
          text.push_back(static_cast<char>('a' + rest % 3));
        }
        check(text);
      }
    }
    std::string text;
    for (int i = 0; i < 200; ++i) text.push_back(static_cast<char>('a' + prng.below(4)));
    check(text);
  }
}

TEST(SpmTokenizer, TakesUnusedPiecesApartAgain) {
  SpmVocabulary vocabulary = with_pieces(
      {normal("a", 0), normal("b", 0), {"ab", -1, TokenKind::kUnused}, normal("abb", -2)});
  vocabulary.space_prefix = SpacePrefix::kNone;
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("ab").value(), ElementsAre(3, 4));
  EXPECT_THAT(tokenizer->encode("abb").value(), ElementsAre(6));
  EXPECT_THAT(tokenizer->encode("aabab").value(), ElementsAre(3, 3, 4, 3, 4));
}

TEST(SpmTokenizer, UserDefinedPiecesComeFirstAndStayWhole) {
  SpmVocabulary vocabulary = with_pieces({normal("a", 0),
                                          normal("b", 0),
                                          normal("ab", -1),
                                          {"aab", 0, TokenKind::kUserDefined},
                                          {"aabb", 0, TokenKind::kUserDefined},
                                          {"b\xE2\x96\x81", 0, TokenKind::kUserDefined},
                                          normal("aaba", -1)});
  vocabulary.space_prefix = SpacePrefix::kNone;
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("aaba").value(), ElementsAre(6, 3));
  EXPECT_THAT(tokenizer->encode("aabba").value(), ElementsAre(7, 3));  // the longest
  EXPECT_THAT(tokenizer->encode("aaab").value(), ElementsAre(3, 6));
  EXPECT_THAT(tokenizer->encode("ab ").value(), ElementsAre(3, 8));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{3, 8}).value(), "ab ");
}

TEST(SpmTokenizer, SpecialTokensAreNotReadFromText) {
  SpmVocabulary vocabulary = with_pieces(
      {normal("<", 0), normal("s", 0), normal(">", 0), normal("<s", -1), normal("s>", -2)});
  vocabulary.space_prefix = SpacePrefix::kNone;
  EXPECT_THAT(make(vocabulary)->encode("<s>").value(), ElementsAre(6, 5));
}

TEST(SpmTokenizer, SpacePrefixRules) {
  const std::string meta(kMetaSpace);
  SpmVocabulary vocabulary = with_pieces({normal(meta, 0), normal("a", 0), normal(meta + "a", -1)});
  struct Case {
    SpacePrefix prefix;
    const char* text;
    std::vector<TokenId> ids;
    const char* decoded;
  };
  const std::vector<Case> cases = {{SpacePrefix::kNone, "a", {4}, "a"},
                                   {SpacePrefix::kNone, " a", {5}, " a"},
                                   {SpacePrefix::kAlways, "a", {5}, "a"},
                                   {SpacePrefix::kAlways, " a", {3, 5}, " a"},
                                   {SpacePrefix::kAlways, "", {}, ""},
                                   {SpacePrefix::kAlways, "a ", {5, 3}, "a "},
                                   {SpacePrefix::kUnlessPresent, "a", {5}, "a"},
                                   {SpacePrefix::kUnlessPresent, " a", {5}, "a"},
                                   {SpacePrefix::kUnlessPresent, "  a", {3, 5}, " a"}};
  for (const Case& c : cases) {
    vocabulary.space_prefix = c.prefix;
    const auto tokenizer = make(vocabulary);
    EXPECT_EQ(tokenizer->encode(c.text).value(), c.ids) << c.text;
    EXPECT_EQ(tokenizer->decode(c.ids).value(), c.decoded) << c.text;
  }
}

TEST(SpmTokenizer, CollapsesSpacesWhereTheModelSaysSo) {
  const std::string meta(kMetaSpace);
  SpmVocabulary vocabulary = with_pieces({normal(meta, 0), normal("a", 0), normal(meta + "a", -1)});
  vocabulary.collapse_spaces = true;
  const auto tokenizer = make(vocabulary);
  for (const char* text : {"a a", "  a   a ", "a  a  "}) {
    EXPECT_THAT(tokenizer->encode(text).value(), ElementsAre(5, 5)) << text;
  }
  EXPECT_THAT(tokenizer->encode("   ").value(), ElementsAre());
}

TEST(SpmTokenizer, UnknownTextBecomesBytesOrOneUnknownToken) {
  SpmVocabulary vocabulary = with_pieces({normal("a", 0)});
  vocabulary.space_prefix = SpacePrefix::kNone;
  const auto without = make(vocabulary);
  EXPECT_THAT(without->encode("a\xC3\xA9zya\xFF").value(), ElementsAre(3, 0, 3, 0));
  EXPECT_EQ(without->decode(std::vector<TokenId>{3, 0, 3}).value(), "a \xE2\x81\x87 a");
  add_byte_pieces(vocabulary);
  const auto with = make(vocabulary);
  const std::string text = "a\xC3\xA9z\xFF\x80";
  const auto ids = with->encode(text).value();
  EXPECT_THAT(ids, ElementsAre(3, 4 + 0xC3, 4 + 0xA9, 4 + 'z', 4 + 0xFF, 4 + 0x80));
  EXPECT_EQ(with->decode(ids).value(), text);
  EXPECT_EQ(with->piece_bytes(4 + 0xC3), "\xC3");
}

TEST(SpmTokenizer, DecodeRefusesIdsOutsideAndSkipsControl) {
  const auto tokenizer = make(with_pieces({normal("a", 0)}));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{1, 3, 2}).value(), "a");
  for (const TokenId id :
       {-1, 4, std::numeric_limits<TokenId>::min(), std::numeric_limits<TokenId>::max()}) {
    const Status status = tokenizer->decode(std::vector<TokenId>{3, id}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(std::to_string(id)));
  }
}

TEST(SpmTokenizer, RefusesTextThatIsTooLong) {
  const auto tokenizer = make(with_pieces({normal("a", 0)}));
  const std::string text(Tokenizer::kTextBytesMax + 1, 'a');
  EXPECT_EQ(tokenizer->encode(text).status().code(), Code::kInvalidArgument);
}

// A text that merges at every step; quadratic work would take hours.
TEST(SpmTokenizer, LongTextsAreEncodedInReasonableTime) {
  SpmVocabulary vocabulary =
      with_pieces({normal("a", 0), normal("aa", -1), normal("aaaa", -2), normal("aaaaaaaa", -3)});
  vocabulary.space_prefix = SpacePrefix::kNone;
  EXPECT_EQ(make(vocabulary)->encode(std::string(1 << 20, 'a')).value().size(), (1U << 20) / 8);
}

TEST(SpmTokenizer, RefusesHostileVocabularies) {
  const auto expect = [](const SpmVocabulary& vocabulary, const char* part) {
    const Status status = refusal(vocabulary);
    EXPECT_EQ(status.code(), Code::kDataLoss) << part;
    EXPECT_THAT(status.message(), HasSubstr("model.gguf"));
    EXPECT_THAT(status.message(), HasSubstr(part));
  };
  SpmVocabulary empty;
  expect(empty, "empty");
  expect(with_pieces({normal("", 0)}), "token 3 is empty");
  expect(with_pieces({normal("a", 0), normal("a", -1)}), "token 4 \"a\" is there twice: also 3");
  expect(with_pieces({normal("a", std::numeric_limits<float>::quiet_NaN())}), "NaN");
  expect(with_pieces({normal("a\xFF", 0)}), "token 3 is not UTF-8: bytes 61ff");
  expect(with_pieces({normal(std::string(kPieceBytesMax + 1, 'a'), 0)}), "token 3 has 513 bytes");
  expect(with_pieces({{"<0x0A>", 0, TokenKind::kByte}}), "1 byte tokens; expected 256");
  expect(with_pieces({{"<0x0A>", 0, TokenKind::kByte}, {"<0x0A>", 0, TokenKind::kByte}}),
         "token 4 \"<0x0A>\" is there twice");
  expect(with_pieces({{"<0x0a>", 0, TokenKind::kByte}}), "spelled \"<0x0a>\"");
  for (TokenId SpmVocabulary::* const id :
       {&SpmVocabulary::unknown, &SpmVocabulary::bos, &SpmVocabulary::eos}) {
    for (const TokenId value : {4, -2, std::numeric_limits<TokenId>::max()}) {
      SpmVocabulary vocabulary = with_pieces({normal("a", 0)});
      vocabulary.*id = value;
      expect(vocabulary, ("the id " + std::to_string(value) + ", outside").c_str());
    }
  }
  SpmVocabulary mute = with_pieces({normal("a", 0)});
  mute.unknown = -1;
  expect(mute, "neither byte tokens nor an unknown token");
  SpmVocabulary huge;
  huge.pieces.assign(kVocabularyMax + 1, normal("a", 0));
  expect(huge, "a vocabulary of 1048577 tokens");
}

// What changes the function changes the digest; what does not, does not.
TEST(SpmTokenizer, DigestFollowsTheFunction) {
  const SpmVocabulary base =
      with_pieces({normal("a", 0), normal("b", 0), normal("ab", -1), normal("ba", -2)});
  const Digest digest = make(base)->digest();
  const auto digest_with = [&](auto change) {
    SpmVocabulary changed = base;
    change(changed);
    return make(changed)->digest();
  };
  EXPECT_EQ(digest_with([](SpmVocabulary& v) { v.pieces[0].text = "[UNK]"; }), digest);
  EXPECT_EQ(digest_with([](SpmVocabulary& v) { v.pieces[0].kind = TokenKind::kControl; }), digest);
  EXPECT_EQ(digest_with([](SpmVocabulary& v) { v.pieces[1].score = -1000; }), digest);
  EXPECT_EQ(digest_with([](SpmVocabulary& v) { v.pieces[3].score = -7; }), digest);
  EXPECT_EQ(digest_with([](SpmVocabulary& v) { v.pieces[6].score = -2.5F; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.pieces[6].score = -1; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.pieces[6].score = 1; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.pieces[3].text = "c"; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.pieces[3].kind = TokenKind::kUnused; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.pieces.pop_back(); }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.bos = 2; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.eos = -1; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.add_bos = false; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.collapse_spaces = true; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.space_prefix = SpacePrefix::kNone; }), digest);
  EXPECT_NE(digest_with([](SpmVocabulary& v) { v.space_prefix = SpacePrefix::kUnlessPresent; }),
            digest);
}

}  // namespace
}  // namespace assay
