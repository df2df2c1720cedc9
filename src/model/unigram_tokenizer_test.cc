#include "model/unigram_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "model/tokenizer_model.h"
#include "model/tokenizer_testing.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kNames[] = {"unigram", "unigram-bytes"};

std::unique_ptr<Tokenizer> from_model(const std::string& name) {
  const Bytes content = read_whole_file(fixture_path(name + ".model"), 1 << 20).value();
  return create_tokenizer(parse_tokenizer_model(content, name).value(), name).value();
}
std::unique_ptr<Tokenizer> from_json(const std::string& name) {
  return tokenizer_of(fixture_json(name + ".json")).value();
}

UnigramVocabulary small() {
  UnigramVocabulary out;
  out.tokens = {{.text = "<unk>", .kind = TokenKind::kUnknown},
                {.text = "\xE2\x96\x81", .score = -2},
                {.text = "a", .score = -3},
                {.text = "b", .score = -3.5},
                {.text = "ab", .score = -5},
                {.text = "\xE2\x96\x81"
                         "ab",
                 .score = -6.25},
                {.text = "</s>", .kind = TokenKind::kControl}};
  out.unknown = 0;
  return out;
}
std::unique_ptr<Tokenizer> make(UnigramVocabulary vocabulary) {
  return UnigramTokenizer::create(std::move(vocabulary), "t").value();
}

// testdata/tokenizer/SOURCE.md
TEST(UnigramTokenizer, EncodesAsSentencePieceDoes) {
  const std::vector<std::string> texts = fixture_texts();
  const Json cases = fixture_json("unigram-ids.json");
  for (const Json& entry : cases) {
    const auto tokenizer = from_model(entry["name"].get<std::string>());
    EXPECT_EQ(tokenizer->kind(), "ugm");
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(tokenizer->encode(texts[i]).value(),
                entry["sentencepiece"][i].get<std::vector<TokenId>>())
          << entry["name"] << ": " << texts[i];
    }
  }
}

TEST(UnigramTokenizer, EncodesAsTheLibraryDoes) {
  const std::vector<std::string> texts = fixture_texts();
  const Json cases = fixture_json("unigram-ids.json");
  for (const Json& entry : cases) {
    const auto tokenizer = from_json(entry["name"].get<std::string>());
    size_t compared = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      // The library applies a character map to whole grapheme clusters.
      if (entry["tokenizers"][i].is_null()) continue;
      ++compared;
      EXPECT_EQ(tokenizer->encode(texts[i]).value(),
                entry["tokenizers"][i].get<std::vector<TokenId>>())
          << entry["name"] << ": " << texts[i];
    }
    EXPECT_GT(compared, 90U);
  }
}

constexpr double kUnknownScore = -50;

// The best sum of all ways to write a word as pieces and unknown characters, by trying each. A
// character that is a piece is not unknown.
double best_score(const UnigramVocabulary& vocabulary, const std::string& rest) {
  if (rest.empty()) return 0;
  double best = -std::numeric_limits<double>::infinity();
  bool single = false;
  for (const VocabularyToken& token : vocabulary.tokens) {
    if (token.kind != TokenKind::kNormal || !rest.starts_with(token.text)) continue;
    single = single || token.text.size() == 1;
    best = std::max(best, token.score + best_score(vocabulary, rest.substr(token.text.size())));
  }
  return single ? best : std::max(best, kUnknownScore + best_score(vocabulary, rest.substr(1)));
}

TEST(UnigramTokenizer, FindsTheBestWay) {
  Prng prng(5);
  for (int round = 0; round < 200; ++round) {
    UnigramVocabulary vocabulary;
    vocabulary.space_prefix = SpacePrefix::kNone;
    vocabulary.tokens = {{.text = "<unk>", .kind = TokenKind::kUnknown},
                         {.text = "z", .score = -40}};
    vocabulary.unknown = 0;
    std::set<std::string> known;
    for (uint64_t i = 1 + prng.below(12); i > 0; --i) {
      std::string piece;
      for (uint64_t n = 1 + prng.below(4); n > 0; --n) piece.push_back("abc"[prng.below(3)]);
      if (!known.insert(piece).second) continue;
      // Sums of these are exact.
      const double score = -1 - static_cast<double>(prng.below(1 << 20)) / (1 << 17);
      vocabulary.tokens.push_back({.text = piece, .score = score});
    }
    const auto tokenizer = make(vocabulary);
    std::string word;
    for (uint64_t n = prng.below(11); n > 0; --n) word.push_back("abc"[prng.below(3)]);
    double score = 0;
    size_t bytes = 0;
    const std::vector<TokenId> found = tokenizer->encode(word).value();
    for (const TokenId id : found) {
      if (id == vocabulary.unknown) continue;
      score += vocabulary.tokens[static_cast<size_t>(id)].score;
      bytes += vocabulary.tokens[static_cast<size_t>(id)].text.size();
    }
    // What no piece stands for is unknown, character by character.
    score += kUnknownScore * static_cast<double>(word.size() - bytes);
    EXPECT_EQ(score, best_score(vocabulary, word)) << word;
  }
}

TEST(UnigramTokenizer, KnowsUnknownCharactersAndTies) {
  const auto tokenizer = make(small());
  EXPECT_THAT(tokenizer->encode("ab").value(), ElementsAre(5));
  EXPECT_THAT(tokenizer->encode("ba").value(), ElementsAre(1, 3, 2));
  EXPECT_THAT(tokenizer->encode("xyz a").value(), ElementsAre(1, 0, 1, 2));
  EXPECT_THAT(tokenizer
                  ->encode("a\xFF\xFE"
                           "b")
                  .value(),
              ElementsAre(1, 2, 0, 3));
  EXPECT_THAT(tokenizer->encode("a</s>b").value(), ElementsAre(1, 2, 6, 1, 3));
  EXPECT_THAT(tokenizer->encode("").value(), ElementsAre());
  // Of two ways with one score, the one whose last piece is longer.
  UnigramVocabulary tied = small();
  tied.tokens[4].score = -6.5;
  tied.tokens[5].score = -30;
  EXPECT_THAT(make(tied)->encode("ab").value(), ElementsAre(1, 4));
}

TEST(UnigramTokenizer, TreatsSpacesAsItIsTold) {
  UnigramVocabulary vocabulary = small();
  vocabulary.space_prefix = SpacePrefix::kUnlessPresent;
  EXPECT_THAT(make(vocabulary)->encode(" a").value(), ElementsAre(1, 2));
  EXPECT_THAT(make(vocabulary)->encode("  a </s>a").value(), ElementsAre(1, 1, 2, 1, 6, 1, 2));
  vocabulary.space_scope = SpaceScope::kFirstPart;
  EXPECT_THAT(make(vocabulary)->encode("a</s>a").value(), ElementsAre(1, 2, 6, 2));
  vocabulary.collapse_spaces = true;
  EXPECT_THAT(make(vocabulary)->encode("  a   b ").value(), ElementsAre(1, 2, 1, 3));
  vocabulary.space_prefix = SpacePrefix::kNone;
  EXPECT_THAT(make(vocabulary)->encode("  a   b ").value(), ElementsAre(2, 1, 3));
}

// A piece with a space inside reaches over words, unless the file says that words are cut.
TEST(UnigramTokenizer, CutsWordsWhereItIsTold) {
  UnigramVocabulary vocabulary = small();
  vocabulary.tokens.push_back({.text = "a\xE2\x96\x81"
                                       "b",
                               .score = -1});
  EXPECT_THAT(make(vocabulary)->encode("a b").value(), ElementsAre(1, 7));
  const Digest whole = make(vocabulary)->digest();
  vocabulary.split_words = true;
  EXPECT_THAT(make(vocabulary)->encode("a b").value(), ElementsAre(1, 2, 1, 3));
  EXPECT_NE(make(vocabulary)->digest(), whole);
  // Without such a piece it makes no difference.
  UnigramVocabulary plain = small();
  const Digest digest = make(plain)->digest();
  plain.split_words = true;
  EXPECT_EQ(make(plain)->digest(), digest);
}

TEST(UnigramTokenizer, GivesTheTextBack) {
  const auto tokenizer = from_model("unigram-bytes");
  for (const char* text : {"Hello world", " a  b ", "\x01\x02", "na\xC3\xAFve \xF0\x9F\x9A\x80"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text).value()).value(), text);
  }
  // Bytes that are no UTF-8 are kept where the vocabulary has bytes.
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\xFF\xC3").value()).value(), "a\xFF\xC3");
  EXPECT_EQ(make(small())->decode(make(small())->encode("ab xa").value()).value(),
            "ab  \xE2\x81\x87 a");
}

// A GGUF file is converted from a folder: the metadata that llama.cpp's converter writes.
TEST(UnigramTokenizer, HasOneDigestWhateverTheSource) {
  for (const char* name : kNames) {
    const Json file = fixture_json(std::string(name) + ".json");
    const auto json =
        std::get<UnigramVocabulary>(parse_tokenizer_json(file.dump(), {}, name).value());
    Checkpoint gguf;
    gguf.path = name;
    gguf.meta["tokenizer.ggml.model"] = std::string("t5");
    std::vector<std::string> texts;
    std::vector<double> scores;
    std::vector<int64_t> kinds;
    for (const VocabularyToken& token : json.tokens) {
      static constexpr int64_t kTypes[] = {1, 2, 3, 4, 5, 6};  // by TokenKind
      texts.push_back(token.text);
      scores.push_back(token.score);
      kinds.push_back(kTypes[static_cast<size_t>(token.kind)]);
    }
    gguf.meta["tokenizer.ggml.tokens"] = texts;
    gguf.meta["tokenizer.ggml.scores"] = scores;
    gguf.meta["tokenizer.ggml.token_type"] = kinds;
    std::vector<int64_t> map;
    for (const char c : json.normalizer.at(0).content) map.push_back(static_cast<int64_t>(c));
    gguf.meta["tokenizer.ggml.precompiled_charsmap"] = map;
    gguf.meta["tokenizer.ggml.eos_token_id"] = uint64_t{2};
    gguf.meta["tokenizer.ggml.unknown_token_id"] = uint64_t{0};
    gguf.meta["tokenizer.ggml.remove_extra_whitespaces"] = std::string_view(name) == "unigram";
    const auto tokenizer = open_tokenizer(gguf).value();
    EXPECT_TRUE(tokenizer->add_eos());
    EXPECT_EQ(to_hex(tokenizer->digest()), to_hex(make(json)->digest())) << name;
  }
}

TEST(UnigramTokenizer, TheDigestCoversWhatItDoes) {
  std::set<Digest> digests = {make(small())->digest()};
  const auto expect_new = [&](const auto& change) {
    UnigramVocabulary vocabulary = small();
    change(vocabulary);
    EXPECT_TRUE(digests.insert(make(vocabulary)->digest()).second) << digests.size();
  };
  expect_new([](UnigramVocabulary& v) { v.tokens[2].score = -3.25; });
  expect_new([](UnigramVocabulary& v) { v.tokens[2].text = "c"; });
  expect_new([](UnigramVocabulary& v) { v.space_prefix = SpacePrefix::kNone; });
  expect_new([](UnigramVocabulary& v) { v.space_prefix = SpacePrefix::kUnlessPresent; });
  expect_new([](UnigramVocabulary& v) { v.space_scope = SpaceScope::kFirstPart; });
  expect_new([](UnigramVocabulary& v) { v.collapse_spaces = true; });
  expect_new([](UnigramVocabulary& v) { v.normalizer = {{.kind = NormalizerKind::kNfkc}}; });
  // The score of a token that text does not become means nothing.
  UnigramVocabulary vocabulary = small();
  vocabulary.tokens[6].score = 1;
  EXPECT_FALSE(digests.insert(make(vocabulary)->digest()).second);
}

TEST(UnigramTokenizer, NamesWhatIsWrongWithAVocabulary) {
  const auto expect = [](const auto& change, const char* message) {
    UnigramVocabulary vocabulary = small();
    change(vocabulary);
    const Status status = UnigramTokenizer::create(std::move(vocabulary), "t.model").status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << message;
    EXPECT_THAT(status.message(), HasSubstr("t.model: "));
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  expect([](UnigramVocabulary& v) { v.tokens[2].score = std::nan(""); },
         "token 2 \"a\": its score is not a number");
  expect([](UnigramVocabulary& v) { v.tokens[2].score = -std::numeric_limits<double>::infinity(); },
         "its score is not a number");
  expect([](UnigramVocabulary& v) { v.unknown = -1; }, "neither byte tokens nor an unknown");
  expect([](UnigramVocabulary& v) { v.tokens[3].text = "a"; }, "is there twice");
  expect(
      [](UnigramVocabulary& v) {
        v.tokens.push_back({.text = "<0x00>", .kind = TokenKind::kByte});
      },
      "1 byte tokens; expected 256 or none");
  expect([](UnigramVocabulary& v) { v.tokens[3].kind = TokenKind::kByte; },
         "is a byte token but is spelled \"b\"");
}

class LongUnigramTest : public ::testing::TestWithParam<LongText> {};

TEST_P(LongUnigramTest, IsEncodedInOneGo) {
  UnigramVocabulary vocabulary = small();
  std::string piece = "a";
  for (int i = 0; i < 4; ++i) {
    piece += piece;
    vocabulary.tokens.push_back({.text = piece, .score = -4.0 - i});
  }
  const std::string text = repeated(GetParam().unit, Tokenizer::kTextBytesMax);
  const auto ids = make(std::move(vocabulary))->encode(text);
  ASSERT_TRUE(ids.ok()) << ids.status().message();
  // The space before it, and the longest pieces.
  if (GetParam().unit == "a") {
    EXPECT_EQ(ids->size(), text.size() / 16 + 1);
  }
}

TEST(UnigramTokenizer, EncodesManyShortParts) {
  const std::string text = repeated("a</s>", size_t{4} << 20);
  EXPECT_EQ(make(small())->encode(text).value().size(), text.size() / 5 * 3);
}

INSTANTIATE_TEST_SUITE_P(Of, LongUnigramTest, ::testing::ValuesIn(long_texts()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace assay
