// The dispatch over kinds, and the readers of byte-level BPE, WordPiece and unigram. SentencePiece
// BPE has its own test (spm_json_test.cc).
#include "model/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/byte_alphabet.h"
#include "model/tokenizer_json_parts.h"
#include "model/tokenizer_testing.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

// Replaces what the pointer names in a fixture, and expects a refusal with the code.
void expect(Code code, const char* file, const char* pointer, const Json& value,
            const char* message) {
  Json json = fixture_json(file);
  json[Json::json_pointer(pointer)] = value;
  const Status status = tokenizer_of(json).status();
  EXPECT_EQ(status.code(), code) << pointer << ": " << status.message();
  EXPECT_THAT(status.message(), HasSubstr("t.json: "));
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST(TokenizerJson, KnowsEachKind) {
  const auto index = [](const char* file) {
    return parse_tokenizer_json(fixture_json(file).dump(), {}, file).value().index();
  };
  EXPECT_EQ(index("lexi-nano-tokenizer.json"), 0U);
  EXPECT_EQ(index("bpe.json"), 1U);
  EXPECT_EQ(index("word-piece.json"), 2U);
  EXPECT_EQ(index("unigram.json"), 3U);
  expect(Code::kUnimplemented, "bpe.json", "/model/type", "WordLevel",
         "model.type \"WordLevel\"; supported: BPE, Unigram, WordPiece");
  // Files of old versions leave the type out.
  Json old = fixture_json("bpe.json");
  old["model"].erase("type");
  EXPECT_EQ(tokenizer_of(old).value()->kind(), "bpe");
}

// docs/formats/tokenizer-digest.md gives these values.
TEST(TokenizerJson, DigestsAreThoseOfTheFormat) {
  const std::pair<const char*, const char*> digests[] = {
      {"bpe.json", "ea8dd9acbe6ae4c14024a354e758e2dd43fe07e8bc0fe049e13b9215489e1fb1"},
      {"word-piece.json", "0364fd6c69bcffa1a5e1758ff8c194a220c59afa0bf110553097291eeb9cb10b"},
      {"unigram.json", "68aca67e8ded02a4c73c9145bbc1e565941e45f03015536f64ed97b05f5410a4"},
      {"unigram-bytes.json", "fee41aa0f37fd76ef57f0b6099fac79d6c29ece021fd785c38da78f16ed01ea0"}};
  for (const auto& [file, digest] : digests) {
    EXPECT_EQ(to_hex(tokenizer_of(fixture_json(file)).value()->digest()), digest) << file;
  }
}

TEST(TokenizerJson, NamesWhatByteLevelBpeDoesNotSupport) {
  const auto refused = [](const char* pointer, const Json& value, const char* message) {
    expect(Code::kUnimplemented, "bpe.json", pointer, value, message);
  };
  refused("/model/dropout", 0.1, "dropout");
  refused("/model/continuing_subword_prefix", "@@", "continuing_subword_prefix \"@@\"");
  refused("/model/end_of_word_suffix", "</w>", "end_of_word_suffix");
  refused("/model/byte_fallback", true, "byte_fallback");
  refused("/normalizer", {{"type", "Nmt"}}, "a normalizer of type \"Nmt\"");
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  const auto sequence = [&](const Json& first) {
    return Json{{"type", "Sequence"}, {"pretokenizers", {first, byte_level}}};
  };
  refused("/pre_tokenizer", sequence({{"type", "UnicodeScripts"}}), "type \"UnicodeScripts\"");
  refused("/pre_tokenizer", sequence(byte_level), "a second ByteLevel");
  refused("/pre_tokenizer", sequence({{"type", "Split"}}), "without pattern.Regex");
  refused("/pre_tokenizer",
          sequence({{"type", "Split"}, {"pattern", {{"Regex", "(?R)"}}}, {"behavior", "Isolated"}}),
          "the pattern has (?R");
  refused(
      "/pre_tokenizer",
      {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Digits"}}, {{"type", "ByteLevel"}}}}},
      "add_prefix_space after another step");
}

TEST(TokenizerJson, RefusesHostileByteLevelBpe) {
  const auto refused = [](const char* pointer, const Json& value, const char* message) {
    expect(Code::kDataLoss, "bpe.json", pointer, value, message);
  };
  refused("/model/vocab", Json::array(), "model.vocab");
  refused("/model/vocab", Json::object(), "one of the two or the product");
  refused("/model/vocab/!", 1, "is also that of");
  refused("/model/vocab/!", 1 << 19, "ids have no token");
  refused("/model/vocab/!", -1, "the id is -1");
  refused("/model/merges", 1, "model.merges: no array");
  refused("/model/merges/0", 1, "model.merges[0]: not two tokens");
  refused("/model/merges/0", "a b c", "merge 0 \"a b c\" is not two tokens");
  refused("/model/merges/0", "zz a", "merge 0 \"zz a\": one of the two");
  refused("/model/merges/1", fixture_json("bpe.json")["model"]["merges"][0], "is there twice");
  refused("/added_tokens/0/content", "a", "is there twice");
  refused("/added_tokens/0/id", 1, "\"<|endoftext|>\" has the id 1 of");
  refused("/pre_tokenizer",
          {{"type", "Sequence"},
           {"pretokenizers",
            {{{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "Whole"}},
             {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}},
          "pre_tokenizer.behavior: \"Whole\" is none");
}

TEST(TokenizerJson, RefusesOptionsOfAnotherType) {
  const auto refused = [](const char* file, const char* pointer, const Json& value,
                          const char* message) {
    expect(Code::kDataLoss, file, pointer, value, message);
  };
  refused("bpe.json", "/model/ignore_merges", "true",
          "t.json: model.ignore_merges: is \"true\", expected true or false");
  refused("bpe.json", "/model/unk_token", 1, "t.json: model.unk_token: is 1, expected a text");
  refused("bpe.json", "/added_tokens/1/lstrip", 1,
          "t.json: added_tokens[1].lstrip: is 1, expected true or false");
  refused("bpe.json", "/pre_tokenizer/add_prefix_space", "no",
          "t.json: pre_tokenizer.add_prefix_space: is \"no\"");
  refused("bpe.json", "/pre_tokenizer/type", {1}, "t.json: pre_tokenizer.type: is [1]");
  refused("word-piece.json", "/normalizer/strip_accents", 0, "normalizer.strip_accents: is 0");
  refused("word-piece.json", "/post_processor/cls", Json::array(), "post_processor.cls");
  refused("unigram.json", "/normalizer/normalizers/2/pattern/Regex", 1,
          "t.json: normalizer.normalizers[2].pattern.Regex: is 1, expected a text");
  refused("unigram.json", "/model/byte_fallback", 0, "t.json: model.byte_fallback: is 0");
  refused("unigram.json", "/post_processor/single", nullptr, "post_processor.single");
  refused("lexi-nano-tokenizer.json", "/model/fuse_unk", "x", "t.json: model.fuse_unk: is \"x\"");
  expect(Code::kUnimplemented, "bpe.json", "/post_processor", {{"type", "Custom"}},
         "a post_processor of type \"Custom\"");
  // Null is left out; and a token may be called like an option.
  Json json = fixture_json("unigram.json");
  const std::string digest = to_hex(tokenizer_of(json).value()->digest());
  json["model"]["byte_fallback"] = nullptr;
  json["post_processor"]["special_tokens"]["split"] = Json::object();
  EXPECT_EQ(to_hex(tokenizer_of(json).value()->digest()), digest);
}

TEST(TokenizerJson, ReadsMergesWrittenAsPairsAndHolesAsUnused) {
  Json json = fixture_json("bpe.json");
  const std::string digest = to_hex(tokenizer_of(json).value()->digest());
  for (Json& merge : json["model"]["merges"]) {
    const auto text = merge.get<std::string>();
    merge = Json::array({text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)});
  }
  EXPECT_EQ(to_hex(tokenizer_of(json).value()->digest()), digest);
  const size_t size = tokenizer_of(json).value()->size();
  json["added_tokens"].push_back({{"id", size + 2}, {"content", "<far>"}, {"special", true}});
  const auto with_holes = tokenizer_of(json).value();
  EXPECT_EQ(with_holes->size(), size + 3);
  EXPECT_EQ(with_holes->token_kind(static_cast<TokenId>(size)), TokenKind::kUnused);
  EXPECT_EQ(with_holes->piece_bytes(static_cast<TokenId>(size)),
            "[PAD" + std::to_string(size) + "]");
}

TEST(TokenizerJson, ReadsWhatGoesAroundAText) {
  Json json = fixture_json("bpe.json");
  const auto end = static_cast<TokenId>(256 + 320);
  json["post_processor"] = {{"type", "RobertaProcessing"},
                            {"sep", {"<|endoftext|>", end}},
                            {"cls", {"<mask>", end + 2}},
                            {"add_prefix_space", false}};
  const auto roberta = tokenizer_of(json).value();
  EXPECT_EQ(roberta->bos(), end + 2);
  EXPECT_EQ(roberta->eos(), end);
  EXPECT_TRUE(roberta->add_bos() && roberta->add_eos());
  const auto unigram = tokenizer_of(fixture_json("unigram.json"), {.bos = 1, .eos = 1}).value();
  EXPECT_EQ(unigram->eos(), 2);
  EXPECT_EQ(unigram->bos(), 1);
  EXPECT_TRUE(unigram->add_eos());
  EXPECT_FALSE(unigram->add_bos());
  json["post_processor"]["sep"] = "x";
  EXPECT_THAT(tokenizer_of(json).status().message(),
              HasSubstr("post_processor.sep: not a text and its id"));
}

TEST(TokenizerJson, ReadsVocabAndMergesFiles) {
  const Json json = fixture_json("bpe.json");
  std::string merges = "#version: 0.2\r\n";
  for (const Json& merge : json["model"]["merges"]) merges += merge.get<std::string>() + "\r\n";
  Json vocab = json["model"]["vocab"];
  vocab["<|endoftext|>"] = vocab.size();
  const auto read = [&](const std::string& m) {
    return parse_vocab_and_merges(vocab.dump(), m, {.eos_text = "<|endoftext|>"}, "vocab.json");
  };
  Json same = json;
  same["normalizer"] = nullptr;
  same["added_tokens"] = Json::array({same["added_tokens"][0]});
  const auto tokenizer = create_tokenizer(read(merges).value(), "vocab.json").value();
  EXPECT_EQ(to_hex(tokenizer->digest()),
            to_hex(tokenizer_of(same, {.eos_text = "<|endoftext|>"}).value()->digest()));
  EXPECT_EQ(tokenizer->eos(), 256 + 320);
  EXPECT_EQ(tokenizer->token_kind(256 + 320), TokenKind::kControl);
  EXPECT_THAT(create_tokenizer(read("a b\nz q").value(), "vocab.json").status().message(),
              HasSubstr("vocab.json: merge 1 \"z q\": one of the two"));
  EXPECT_EQ(parse_vocab_and_merges("[]", "", {}, "v").status().code(), Code::kDataLoss);
}

TEST(TokenizerJson, NamesWhatWordPieceDoesNotSupport) {
  const char* file = "word-piece.json";
  expect(Code::kUnimplemented, file, "/pre_tokenizer", {{"type", "Whitespace"}},
         "WordPiece with a pre_tokenizer of type \"Whitespace\"");
  expect(Code::kUnimplemented, file, "/pre_tokenizer", nullptr, "of type \"missing\"");
  expect(Code::kUnimplemented, file, "/model/continuing_subword_prefix", "",
         "without model.continuing_subword_prefix");
  expect(Code::kDataLoss, file, "/model/unk_token", "none", "there is no unknown token");
  expect(Code::kDataLoss, file, "/model/max_input_chars_per_word", -1,
         "max_input_chars_per_word: is -1");
  expect(Code::kDataLoss, file, "/normalizer", {{"type", "Sequence"}, {"normalizers", "x"}},
         "normalizer.normalizers: no array");
  // Another spelling of the same.
  Json json = fixture_json(file);
  const std::string digest = to_hex(tokenizer_of(json).value()->digest());
  Json vocab = Json::object();
  for (const auto& [text, id] : json["model"]["vocab"].items()) {
    vocab[text.starts_with("##") ? "@@" + text.substr(2) : text] = id;
  }
  json["model"]["vocab"] = vocab;
  json["model"]["continuing_subword_prefix"] = "@@";
  EXPECT_EQ(to_hex(tokenizer_of(json).value()->digest()), digest);
}

TEST(TokenizerJson, NamesWhatUnigramDoesNotSupport) {
  const char* file = "unigram.json";
  expect(Code::kUnimplemented, file, "/pre_tokenizer", {{"type", "Whitespace"}},
         "unigram with a pre_tokenizer of type \"Whitespace\"");
  expect(Code::kUnimplemented, file, "/pre_tokenizer/replacement", "_", "Metaspace");
  expect(Code::kDataLoss, file, "/pre_tokenizer/prepend_scheme", "last", "\"last\" is none");
  expect(Code::kDataLoss, file, "/model/vocab", Json::object(), "model.vocab");
  expect(Code::kDataLoss, file, "/model/vocab/3", {"a"}, "model.vocab[3]: not a text and its");
  expect(Code::kDataLoss, file, "/model/vocab/3/1", "x", "model.vocab[3]: not a text and its");
  expect(Code::kDataLoss, file, "/model/unk_id", 1 << 20, "model.unk_id");
  expect(Code::kDataLoss, file, "/model/unk_id", 1 << 19, "the unknown token has the id 524288");
  expect(Code::kDataLoss, file, "/model/unk_id", nullptr, "nor an unknown token");
  const char* map = "/normalizer/normalizers/0/precompiled_charsmap";
  for (const char* bad : {"A", "A===", "=AAA", "AA=A", "A A=", "AAAA====", "AB-_"}) {
    expect(Code::kDataLoss, file, map, bad, "not base64");
  }
  expect(Code::kDataLoss, file, map, "AAAA", "a character map of 3 bytes");
}

// Before transformers 4.40 the cut at white space was a step of its own.
TEST(TokenizerJson, ReadsTheOldFormOfUnigram) {
  Json json = fixture_json("unigram.json");
  json["normalizer"] = json["normalizer"]["normalizers"][0];
  json["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "WhitespaceSplit"}},
        {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}, {"add_prefix_space", true}}}}};
  const auto tokenizer = tokenizer_of(json).value();
  const auto plain = tokenizer_of(fixture_json("unigram.json")).value();
  for (const char* text : {"Hello world", "  a   b  ", "a\xE2\x80\x83z", "x"}) {
    EXPECT_EQ(tokenizer->encode(text).value(), plain->encode(text).value()) << text;
  }
}

}  // namespace
}  // namespace assay
