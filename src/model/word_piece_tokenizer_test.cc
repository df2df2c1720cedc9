#include "model/word_piece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "model/tokenizer_testing.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

WordPieceVocabulary small() {
  WordPieceVocabulary out;
  for (const char* text : {"[UNK]", "a", "##a", "##b", "aab", "##bb", "!", "\xC3\xA9"}) {
    out.tokens.push_back({.text = text});
  }
  out.tokens.push_back({.text = "[MASK]", .kind = TokenKind::kControl});
  out.unknown = 0;
  return out;
}
std::unique_ptr<Tokenizer> make(WordPieceVocabulary vocabulary) {
  return WordPieceTokenizer::create(std::move(vocabulary), "t").value();
}

// testdata/tokenizer/SOURCE.md
TEST(WordPieceTokenizer, EncodesAsTheLibraryDoes) {
  const Json file = fixture_json("word-piece.json");
  const std::vector<std::string> texts = fixture_texts();
  const Json cases = fixture_json("word-piece-ids.json");
  for (const Json& entry : cases) {
    const auto tokenizer = tokenizer_of(changed(file, entry["change"])).value();
    EXPECT_EQ(tokenizer->kind(), "wpm");
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(tokenizer->encode(texts[i]).value(), entry["ids"][i].get<std::vector<TokenId>>())
          << entry["change"].dump() << "\n"
          << texts[i];
    }
  }
}

TEST(WordPieceTokenizer, HasTheTokensThatGoAroundAText) {
  const auto tokenizer = tokenizer_of(fixture_json("word-piece.json")).value();
  EXPECT_EQ(tokenizer->bos(), 2);
  EXPECT_EQ(tokenizer->eos(), 3);
  EXPECT_TRUE(tokenizer->add_bos());
  EXPECT_TRUE(tokenizer->add_eos());
  EXPECT_EQ(tokenizer->token_kind(1), TokenKind::kUnknown);
  EXPECT_EQ(tokenizer->token_kind(2), TokenKind::kControl);
  EXPECT_EQ(tokenizer->piece_bytes(5), " a");
  EXPECT_EQ(tokenizer->piece_bytes(31), "a");
}

TEST(WordPieceTokenizer, TakesTheLongestTokenEachTime) {
  const auto tokenizer = make(small());
  EXPECT_THAT(tokenizer->encode("aaba").value(), ElementsAre(4, 2));
  EXPECT_THAT(tokenizer->encode("abb a").value(), ElementsAre(1, 5, 1));
  // A word that cannot be read to its end is unknown as a whole.
  EXPECT_THAT(tokenizer->encode("aabx a").value(), ElementsAre(0, 1));
  EXPECT_THAT(tokenizer->encode("ba").value(), ElementsAre(0));
  EXPECT_THAT(tokenizer->encode("a!a!!").value(), ElementsAre(1, 6, 1, 6, 6));
  EXPECT_THAT(tokenizer->encode(" \t\n").value(), IsEmpty());
  EXPECT_THAT(tokenizer->encode("a[MASK]b").value(), ElementsAre(1, 8, 0));
  // What is no UTF-8 is in no token.
  EXPECT_THAT(tokenizer->encode("a\xFF \xC3 a").value(), ElementsAre(0, 0, 1));
}

TEST(WordPieceTokenizer, ALongWordIsUnknown) {
  const auto tokenizer = make(small());
  EXPECT_EQ(tokenizer->encode(std::string(100, 'a')).value().size(), 100U);
  EXPECT_THAT(tokenizer->encode(std::string(101, 'a')).value(), ElementsAre(0));
  WordPieceVocabulary vocabulary = small();
  vocabulary.word_characters_max = 1;
  // Characters, not bytes.
  EXPECT_THAT(make(vocabulary)->encode("\xC3\xA9 aa").value(), ElementsAre(7, 0));
}

TEST(WordPieceTokenizer, DecodesToWords) {
  const auto tokenizer = make(small());
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("aaba abb!").value()).value(), "aaba abb !");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("x a[MASK]").value()).value(), "[UNK] a");
  const TokenId outside = 9;
  EXPECT_EQ(tokenizer->decode({&outside, 1}).status().code(), Code::kInvalidArgument);
}

TEST(WordPieceTokenizer, TheDigestCoversWhatItDoes) {
  std::set<Digest> digests = {make(small())->digest()};
  const auto expect_new = [&](const auto& change) {
    WordPieceVocabulary vocabulary = small();
    change(vocabulary);
    EXPECT_TRUE(digests.insert(make(vocabulary)->digest()).second) << digests.size();
  };
  expect_new([](WordPieceVocabulary& v) { v.word_characters_max = 50; });
  expect_new([](WordPieceVocabulary& v) { v.normalizer = bert_normalizer(); });
  expect_new([](WordPieceVocabulary& v) { v.tokens[1].text = "##c"; });
  expect_new([](WordPieceVocabulary& v) { v.tokens[1].text = "c"; });
  expect_new([](WordPieceVocabulary& v) { v.eos = 8; });
  expect_new([](WordPieceVocabulary& v) {
    v.eos = 8;
    v.add_eos = true;
  });
}

TEST(WordPieceTokenizer, NeedsAnUnknownToken) {
  WordPieceVocabulary vocabulary = small();
  vocabulary.unknown = -1;
  const Status status = WordPieceTokenizer::create(std::move(vocabulary), "t").status();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("t: there is no unknown token"));
}

class LongWordPieceTest : public ::testing::TestWithParam<LongText> {};

TEST_P(LongWordPieceTest, IsEncodedInOneGo) {
  WordPieceVocabulary vocabulary = small();
  vocabulary.normalizer = bert_normalizer();
  vocabulary.word_characters_max = size_t{1} << 20;
  const auto tokenizer = make(std::move(vocabulary));
  const auto ids = tokenizer->encode(repeated(GetParam().unit, size_t{4} << 20));
  EXPECT_TRUE(ids.ok()) << ids.status().message();
}

INSTANTIATE_TEST_SUITE_P(Of, LongWordPieceTest, ::testing::ValuesIn(long_texts()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace assay
