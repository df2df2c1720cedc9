#include "model/bpe_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/byte_alphabet.h"
#include "model/tokenizer_testing.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// All 256 bytes and some merges, without a pre-tokenizer: a text is one word.
BpeVocabulary vocabulary_of(const std::vector<std::string>& merges) {
  BpeVocabulary out;
  for (int b = 0; b < 256; ++b) {
    out.tokens.push_back({.text = std::string(alphabet_character(static_cast<uint8_t>(b)))});
  }
  for (const std::string& merge : merges) {
    std::string product = merge;
    product.erase(product.find(' '), 1);
    const bool known = std::any_of(out.tokens.begin(), out.tokens.end(),
                                   [&](const VocabularyToken& t) { return t.text == product; });
    if (!known) out.tokens.push_back({.text = product});
  }
  out.merges = merges;
  return out;
}

std::unique_ptr<Tokenizer> make(BpeVocabulary vocabulary) {
  return BpeTokenizer::create(std::move(vocabulary), "t").value();
}

std::unique_ptr<Tokenizer> fixture() { return tokenizer_of(fixture_json("bpe.json")).value(); }

TEST(ByteAlphabet, SpellsEveryByteOnce) {
  std::string every;
  for (int b = 0; b < 256; ++b) every.push_back(static_cast<char>(static_cast<uint8_t>(b)));
  EXPECT_EQ(bytes_of_alphabet(spelled_in_alphabet(every)), every);
  EXPECT_EQ(alphabet_character('A'), "A");
  EXPECT_EQ(alphabet_character(' '), "\xC4\xA0");
  EXPECT_EQ(alphabet_character('\n'), "\xC4\x8A");
  EXPECT_EQ(alphabet_character(0xAD), "\xC5\x83");
  EXPECT_FALSE(bytes_of_alphabet(" ").has_value());
  EXPECT_FALSE(bytes_of_alphabet("\xE2\x96\x81").has_value());
  EXPECT_FALSE(bytes_of_alphabet("\xC2\xAD").has_value());
  EXPECT_FALSE(bytes_of_alphabet("\xFF").has_value());
}

// testdata/tokenizer/SOURCE.md
TEST(BpeTokenizer, EncodesAsTheLibraryDoes) {
  const Json file = fixture_json("bpe.json");
  const std::vector<std::string> texts = fixture_texts();
  const Json cases = fixture_json("bpe-ids.json");
  for (const Json& entry : cases) {
    const auto tokenizer = tokenizer_of(changed(file, entry["change"])).value();
    EXPECT_EQ(tokenizer->kind(), "bpe");
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(tokenizer->encode(texts[i]).value(), entry["ids"][i].get<std::vector<TokenId>>())
          << entry["change"].dump() << "\n"
          << texts[i];
    }
  }
}

// The obvious engine: the pair of the lowest rank, the leftmost of these, again and again.
std::vector<std::string> merged_naively(const std::vector<std::string>& merges,
                                        const std::string& word) {
  std::vector<std::string> parts;
  for (const char c : word) parts.emplace_back(alphabet_character(static_cast<uint8_t>(c)));
  for (;;) {
    size_t best_rank = merges.size();
    size_t best_at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = std::find(merges.begin(), merges.end(), parts[i] + " " + parts[i + 1]);
      const auto rank = static_cast<size_t>(found - merges.begin());
      if (rank < best_rank) {
        best_rank = rank;
        best_at = i;
      }
    }
    if (best_rank == merges.size()) return parts;
    parts[best_at] += parts[best_at + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

TEST(BpeTokenizer, MergesAsTheNaiveEngineDoes) {
  Prng prng(11);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::string> known = {"a", "b", "c"};
    std::vector<std::string> merges;
    for (uint64_t i = prng.below(20); i > 0; --i) {
      const std::string left = known[prng.below(known.size())];
      const std::string right = known[prng.below(known.size())];
      const std::string merge = left + " " + right;
      if (std::find(merges.begin(), merges.end(), merge) != merges.end()) continue;
      if (left.size() + right.size() > 40) continue;
      merges.push_back(merge);
      known.push_back(left + right);
    }
    const BpeVocabulary vocabulary = vocabulary_of(merges);
    const auto tokenizer = make(vocabulary);
    for (int text = 0; text < 20; ++text) {
      std::string word;
      for (uint64_t i = prng.below(40); i > 0; --i) word.push_back("aabc"[prng.below(4)]);
      std::vector<std::string> parts;
      const std::vector<TokenId> ids = tokenizer->encode(word).value();
      for (const TokenId id : ids) {
        parts.push_back(vocabulary.tokens[static_cast<size_t>(id)].text);
      }
      EXPECT_EQ(parts, merged_naively(merges, word)) << word;
    }
  }
}

TEST(BpeTokenizer, GivesAnyBytesBack) {
  Json file = fixture_json("bpe.json");
  file["normalizer"] = nullptr;  // NFC would change them
  const auto tokenizer = tokenizer_of(file).value();
  Prng prng(3);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_bytes(prng, 60);
    const std::vector<TokenId> ids = tokenizer->encode(text).value();
    ASSERT_EQ(tokenizer->decode(ids).value(), text) << to_hex(as_bytes(text));
  }
}

// What is shown as it comes, token by token, is what is shown at once.
TEST(BpeTokenizer, DecodesTheSameInParts) {
  const auto tokenizer = fixture();
  for (const std::string& text : fixture_texts()) {
    const std::vector<TokenId> ids = tokenizer->encode(text).value();
    std::string joined;
    for (const TokenId id : ids) joined += tokenizer->decode({&id, 1}).value();
    EXPECT_EQ(joined, tokenizer->decode(ids).value());
  }
  EXPECT_EQ(tokenizer->decode({}).value(), "");
  for (const TokenId id : {TokenId{-1}, static_cast<TokenId>(tokenizer->size())}) {
    EXPECT_EQ(tokenizer->decode({&id, 1}).status().code(), Code::kInvalidArgument);
  }
}

TEST(BpeTokenizer, KnowsItsTokens) {
  const auto tokenizer = fixture();
  const auto size = static_cast<TokenId>(tokenizer->size());
  EXPECT_EQ(size, 256 + 320 + 3);
  EXPECT_EQ(tokenizer->token_kind(size - 3), TokenKind::kControl);
  EXPECT_EQ(tokenizer->piece_bytes(size - 3), "<|endoftext|>");
  EXPECT_EQ(tokenizer->token_kind(size - 2), TokenKind::kUserDefined);
  EXPECT_EQ(tokenizer->piece_bytes(256), " t");
  // Control tokens give no text.
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a<|endoftext|>b").value()).value(), "ab");
  EXPECT_EQ(tokenizer->bos(), -1);
  EXPECT_EQ(tokenizer_of(fixture_json("bpe.json"), {.bos = 3, .eos_text = "<|endoftext|>"})
                .value()
                ->eos(),
            size - 3);
}

TEST(BpeTokenizer, AWordThatIsATokenIsThatTokenWhereMergesAreIgnored) {
  BpeVocabulary vocabulary = vocabulary_of({"a b", "b c", "ab c"});
  vocabulary.tokens.push_back({.text = "cab"});  // no merge makes it
  const auto cab = static_cast<TokenId>(vocabulary.tokens.size() - 1);
  EXPECT_EQ(make(vocabulary)->encode("cab").value().size(), 2U);
  vocabulary.ignore_merges = true;
  EXPECT_THAT(make(vocabulary)->encode("cab").value(), ElementsAre(cab));
  EXPECT_EQ(make(vocabulary)->encode("cabb").value().size(), 3U);
}

// Published vocabularies lack bytes that no UTF-8 has, and some control characters.
TEST(BpeTokenizer, AByteWithoutATokenIsLeftOutOrUnknown) {
  BpeVocabulary vocabulary = vocabulary_of({"a b"});
  vocabulary.tokens[0xFF].text = "\xC4\xA0\xC4\xA0";
  EXPECT_THAT(make(vocabulary)->encode("\xFF\xFF").value(), IsEmpty());
  // Its neighbours meet, as in the library.
  EXPECT_THAT(make(vocabulary)->encode("a\x01").value(), ElementsAre('a', 1));
  vocabulary.unknown = 7;
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("a\xFF\xFE").value(), ElementsAre('a', 7, 0xFE));
  EXPECT_EQ(tokenizer->token_kind(7), TokenKind::kUnknown);
  // Where every byte is a token, what a file says of unknown ones changes nothing.
  BpeVocabulary complete = vocabulary_of({"a b"});
  const Digest digest = make(complete)->digest();
  complete.unknown = 7;
  EXPECT_EQ(make(complete)->digest(), digest);
  EXPECT_EQ(make(complete)->token_kind(7), TokenKind::kNormal);
}

TEST(BpeTokenizer, TheDigestCoversWhatItDoes) {
  const BpeVocabulary base = vocabulary_of({"a b", "b c"});
  std::set<Digest> digests = {make(base)->digest()};
  size_t changes = 1;
  const auto expect_new = [&](const auto& change) {
    BpeVocabulary vocabulary = base;
    change(vocabulary);
    EXPECT_TRUE(digests.insert(make(vocabulary)->digest()).second) << "change " << changes;
    ++changes;
  };
  expect_new([](BpeVocabulary& v) { std::swap(v.merges[0], v.merges[1]); });
  expect_new([](BpeVocabulary& v) { v.merges.pop_back(); });
  expect_new([](BpeVocabulary& v) { std::swap(v.tokens[3], v.tokens[4]); });
  expect_new([](BpeVocabulary& v) { v.tokens.push_back({.text = "zz"}); });
  expect_new([](BpeVocabulary& v) { v.tokens[3].kind = TokenKind::kControl; });
  expect_new([](BpeVocabulary& v) {
    v.tokens[3].kind = TokenKind::kControl;
    v.tokens[3].find.strip_left = true;
  });
  expect_new([](BpeVocabulary& v) { v.eos = 5; });
  expect_new([](BpeVocabulary& v) { v.bos = 5; });
  expect_new([](BpeVocabulary& v) {
    v.bos = 5;
    v.add_bos = true;
  });
  expect_new([](BpeVocabulary& v) { v.ignore_merges = true; });
  expect_new([](BpeVocabulary& v) { v.pre_tokenizer.prefix_space = true; });
  expect_new([](BpeVocabulary& v) { v.pre_tokenizer.steps = {{.pattern = "a"}}; });
  expect_new([](BpeVocabulary& v) {
    v.pre_tokenizer.steps = {{.pattern = "a", .behavior = SplitBehavior::kRemoved}};
  });
  expect_new([](BpeVocabulary& v) { v.normalizer = {{.kind = NormalizerKind::kNfc}}; });
}

TEST(BpeTokenizer, NamesWhatIsWrongWithAVocabulary) {
  const auto expect = [](const auto& change, const char* message) {
    BpeVocabulary vocabulary = vocabulary_of({"a b", "b c"});
    change(vocabulary);
    const Status status = BpeTokenizer::create(std::move(vocabulary), "t.gguf").status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << message;
    EXPECT_THAT(status.message(), HasSubstr("t.gguf: "));
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  expect([](BpeVocabulary& v) { v.tokens.clear(); }, "the vocabulary is empty");
  expect([](BpeVocabulary& v) { v.tokens.resize(kVocabularyMax + 1); }, "at most 1048576");
  expect([](BpeVocabulary& v) { v.tokens[2].text = ""; }, "token 2 is empty");
  expect([](BpeVocabulary& v) { v.tokens[2].text = "\xFF"; }, "token 2 is not UTF-8: bytes ff");
  expect([](BpeVocabulary& v) { v.tokens[2].text = "a"; }, "token 97 \"a\" is there twice: also 2");
  expect([](BpeVocabulary& v) { v.tokens[2].text = std::string(1025, 'x'); },
         "token 2 has 1025 bytes; at most 1024");
  expect([](BpeVocabulary& v) { v.eos = 258; }, "the eos token has the id 258, outside");
  expect([](BpeVocabulary& v) { v.bos = -2; }, "the bos token has the id -2, outside");
  expect([](BpeVocabulary& v) { v.merges[1] = "b  c"; }, "merge 1 \"b  c\" is not two tokens");
  expect([](BpeVocabulary& v) { v.merges[1] = "bc"; }, "is not two tokens");
  expect([](BpeVocabulary& v) { v.merges[1] = "b "; }, "one of the two or the product");
  expect([](BpeVocabulary& v) { v.merges[1] = ""; }, "is not two tokens");
  expect([](BpeVocabulary& v) { v.merges[1] = "b x"; }, "one of the two or the product is not in");
  expect([](BpeVocabulary& v) { v.merges[1] = "bb c"; }, "one of the two or the product is not in");
  expect([](BpeVocabulary& v) { v.merges[1] = "a b"; }, "merge 1 \"a b\" is there twice");
  expect([](BpeVocabulary& v) { v.merges.resize(kMergesMax + 1); }, "at most 4194304");
}

// What steps make of each part of a text is bounded, and what they make of all parts.
TEST(BpeTokenizer, BoundsWhatTheNormalizerAddsToAText) {
  const std::string text = repeated("a|", size_t{128} << 10);
  const auto grown = [&](size_t times) {
    BpeVocabulary vocabulary = vocabulary_of({});
    vocabulary.tokens['|'].kind = TokenKind::kControl;
    vocabulary.normalizer = {
        {.kind = NormalizerKind::kReplace, .pattern = "a", .content = std::string(times, 'b')},
        {.kind = NormalizerKind::kReplace, .pattern = "b{64}", .content = ""}};
    return make(vocabulary)->encode(text);
  };
  EXPECT_EQ(grown(769).value().size(), text.size());
  EXPECT_EQ(grown(770).status().code(), Code::kResourceExhausted);
}

TEST(BpeTokenizer, BoundsWhatTheNormalizerMakesOfAToken) {
  const auto grown = [](size_t times) {
    BpeVocabulary vocabulary = vocabulary_of({});
    vocabulary.tokens['a'].kind = TokenKind::kUserDefined;
    vocabulary.tokens['a'].find.in_normalized = true;
    vocabulary.normalizer = {
        {.kind = NormalizerKind::kReplace, .pattern = "a", .content = std::string(times, 'b')}};
    return BpeTokenizer::create(std::move(vocabulary), "t.json").status();
  };
  EXPECT_TRUE(grown(1024).ok());
  EXPECT_EQ(grown(1025).code(), Code::kDataLoss);
  EXPECT_THAT(grown(1025).message(),
              HasSubstr("t.json: token 97 has 1025 bytes when it is normalised; at most 1024"));
  EXPECT_EQ(grown(size_t{49} << 20).code(), Code::kResourceExhausted);
}

TEST(BpeTokenizer, BoundsTheLengthOfAText) {
  const auto tokenizer = make(vocabulary_of({}));
  const std::string longest(Tokenizer::kTextBytesMax, 'a');
  EXPECT_EQ(tokenizer->encode(longest).value().size(), longest.size());
  EXPECT_EQ(tokenizer->encode(longest + "a").status().code(), Code::kInvalidArgument);
}

// A quadratic engine would be at this for hours: the time of a test has a limit (CMake).
class LongTextTest : public ::testing::TestWithParam<LongText> {};

TEST_P(LongTextTest, IsEncodedInOneGo) {
  BpeVocabulary vocabulary = vocabulary_of(
      {"a a", "aa aa", "aaaa aaaa", "\xC4\xA0 \xC4\xA0", "\xC4\xA0\xC4\xA0 \xC4\xA0\xC4\xA0"});
  vocabulary.normalizer = {{.kind = NormalizerKind::kNfc}};
  vocabulary.tokens.push_back({.text = "aaaab", .kind = TokenKind::kControl});
  const std::string text = repeated(GetParam().unit, size_t{3} << 20);
  const bool reordered = std::string_view(GetParam().name) == "MarksOutOfOrder";
  const auto check = [&](const char* name, std::string_view part) {
    vocabulary.pre_tokenizer.steps = find_pre_tokenizer(name)->steps;
    const auto tokenizer = make(vocabulary);
    const auto ids = tokenizer->encode(part);
    ASSERT_TRUE(ids.ok()) << name << ": " << ids.status().message();
    const std::string decoded = tokenizer->decode(*ids).value();
    EXPECT_EQ(decoded.size(), part.size()) << name;
    EXPECT_EQ(decoded == part, !reordered) << name;
  };
  check("llama-bpe", text);
  // A quarter of it is enough to tell; a multiple of the bytes of a character.
  for (const char* name : {"gpt-2", "falcon", "deepseek-llm", "deepseek-v3", "gpt-4o"}) {
    check(name, std::string_view(text).substr(0, 12 << 16));
  }
}

INSTANTIATE_TEST_SUITE_P(Of, LongTextTest, ::testing::ValuesIn(long_texts()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace assay
