#include "model/spm_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

// A small tokenizer that every test changes in one place.
Json small() {
  return Json::parse(R"({
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
                     {"id": 1, "content": "<s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A"}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
    "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "fuse_unk": true,
        "byte_fallback": false,
        "vocab": {"<unk>": 0, "<s>": 1, "▁": 2, "a": 3, "b": 4, "▁a": 5, "ab": 6, "▁ab": 7},
        "merges": [["▁", "a"], ["▁a", "b"], ["▁", "ab"], ["a", "b"]]}})");
}

Result<SpmVocabulary> parse(const Json& json, const TokenizerHints& hints = {}) {
  ASSAY_ASSIGN_OR_RETURN(AnyVocabulary vocabulary,
                         parse_tokenizer_json(json.dump(), hints, "t.json"));
  return std::get<SpmVocabulary>(std::move(vocabulary));
}

TEST(SpmJson, ReadsMergesAsScores) {
  const SpmVocabulary vocabulary = parse(small()).value();
  ASSERT_EQ(vocabulary.pieces.size(), 8U);
  EXPECT_EQ(vocabulary.pieces[5].score, 0);
  EXPECT_EQ(vocabulary.pieces[7].score, -1);
  EXPECT_EQ(vocabulary.pieces[6].score, -2);
  EXPECT_EQ(vocabulary.pieces[1].kind, TokenKind::kControl);
  EXPECT_EQ(vocabulary.unknown, 0);
  EXPECT_EQ(vocabulary.bos, 1);
  EXPECT_EQ(vocabulary.eos, -1);
  EXPECT_TRUE(vocabulary.add_bos);
  EXPECT_EQ(vocabulary.space_prefix, SpacePrefix::kAlways);
  EXPECT_FALSE(vocabulary.collapse_spaces);
}

TEST(SpmJson, ReadsMergesWrittenAsStrings) {
  Json json = small();
  json["model"]["merges"] = {"▁ a", "▁a b", "▁ ab", "a b"};
  const SpmVocabulary vocabulary = parse(json).value();
  const SpmVocabulary expected = parse(small()).value();
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(vocabulary.pieces[i].score, expected.pieces[i].score);
}

TEST(SpmJson, ReadsEachWayToTreatSpaces) {
  Json json = small();
  json["normalizer"] = json["normalizer"]["normalizers"][1];
  EXPECT_EQ(parse(json).value().space_prefix, SpacePrefix::kNone);
  json["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", " "}}}};
  EXPECT_EQ(parse(json).value().space_prefix, SpacePrefix::kNone);
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  EXPECT_EQ(parse(json).value().space_prefix, SpacePrefix::kUnlessPresent);
  json["pre_tokenizer"]["prepend_scheme"] = "never";
  EXPECT_EQ(parse(json).value().space_prefix, SpacePrefix::kNone);
}

TEST(SpmJson, ReadsAddedTokensAndHints) {
  Json json = small();
  json["added_tokens"].push_back({{"id", 9}, {"content", "</s>"}, {"special", true}});
  json["added_tokens"].push_back({{"id", 8}, {"content", "<tool>"}, {"special", false}});
  json["post_processor"] = nullptr;
  const SpmVocabulary vocabulary = parse(json).value();
  ASSERT_EQ(vocabulary.pieces.size(), 10U);
  EXPECT_EQ(vocabulary.pieces[8].kind, TokenKind::kUserDefined);
  EXPECT_EQ(vocabulary.pieces[9].kind, TokenKind::kControl);
  EXPECT_FALSE(vocabulary.add_bos);
  EXPECT_EQ(vocabulary.bos, 1);
  EXPECT_EQ(vocabulary.eos, 9);
  const SpmVocabulary hinted = parse(json, {.bos = 9, .eos = 1}).value();
  EXPECT_EQ(hinted.bos, 9);
  EXPECT_EQ(hinted.eos, 1);
}

TEST(SpmJson, NamesWhatIsNotSupported) {
  const auto expect = [](const char* pointer, const Json& value, const char* message) {
    Json json = small();
    json[Json::json_pointer(pointer)] = value;
    const Status status = parse(json).status();
    EXPECT_EQ(status.code(), Code::kUnimplemented) << pointer << ": " << status.message();
    EXPECT_THAT(status.message(), HasSubstr("t.json"));
    EXPECT_THAT(status.message(), HasSubstr(message));
    EXPECT_THAT(status.message(), HasSubstr("supported: BPE"));
  };
  expect("/model/dropout", 0.1, "dropout");
  expect("/model/continuing_subword_prefix", "##", "continuing_subword_prefix \"##\"");
  expect("/model/end_of_word_suffix", "</w>", "end_of_word_suffix");
  expect("/model/ignore_merges", true, "ignore_merges");
  expect("/model/fuse_unk", false, "fuse_unk");
  expect("/normalizer", nullptr, "without a normalizer");
  expect("/normalizer", {{"type", "NFKC"}}, "type \"NFKC\"");
  expect("/normalizer/normalizers/0/prepend", "_", "type \"Prepend\"");
  expect("/pre_tokenizer", {{"type", "Digits"}}, "pre_tokenizer of type \"Digits\"");
  expect("/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "▁"}}, "pre_tokenizer.split");
  // Merges that no order of scores gives.
  expect("/model/merges", Json::parse(R"([["▁", "a"], ["▁a", "b"], ["a", "b"], ["▁", "ab"]])"),
         "do not stand together");
  expect("/model/merges", Json::parse(R"([["▁", "a"], ["▁a", "b"], ["a", "b"]])"),
         "are incomplete: \"\\xe2\\x96\\x81ab\" is listed with 1 of 2");
}

TEST(SpmJson, RefusesHostileFiles) {
  const auto expect = [](const char* pointer, const Json& value, const char* message) {
    Json json = small();
    json[Json::json_pointer(pointer)] = value;
    const Status status = parse(json).status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << pointer << ": " << status.message();
    EXPECT_THAT(status.message(), HasSubstr("t.json: "));
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  expect("/model", "BPE", "model");
  expect("/model/vocab", Json::array(), "model.vocab");
  expect("/model/vocab/a", -1, "model.vocab \"a\": the id is -1");
  expect("/model/vocab/a", 3.5, "the id is 3.5");
  expect("/model/vocab/a", "3", "the id is \"3\"");
  expect("/model/vocab/a", 1e30, "the id is 1e+30");
  expect("/model/vocab/a", kVocabularyMax, "the id is 1048576");
  expect("/model/vocab/a", 4, "the id 4 of \"b\" is also that of \"a\"");
  expect("/model/vocab/a", 9, "no token has the id 3");
  expect("/model/merges", 1, "model.merges: no array");
  expect("/model/merges/0", {"a"}, "model.merges[0]: not two tokens");
  expect("/model/merges/0", "a b c", "model.merges[0]: not two tokens");
  expect("/model/merges/0", "ab", "model.merges[0]: not two tokens");
  expect("/model/merges/0", {"a", "a"}, "model.merges[0]: \"a\" + \"a\": one of the two");
  expect("/model/merges/1", {"▁", "a"}, "model.merges[1]: the merge is there twice");
  expect("/added_tokens", 1, "added_tokens: no array");
  expect("/added_tokens/0", Json::object(), "an entry has no id");
  expect("/added_tokens/0/id", 1e9, "the id is 1000000000.0");
  expect("/added_tokens/0/content", "b", "\"b\" has the id 0 of \"<unk>\"");
  expect("/normalizer/normalizers", 1, "normalizer.normalizers");
  expect("/post_processor/special_tokens", Json::object(), "no single id for \"<s>\"");
  std::string twice = small().dump();
  twice.replace(twice.find("\"b\":4"), 3, "\"a\"");
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{"), twice}) {
    EXPECT_EQ(parse_tokenizer_json(text, {}, "t.json").status().code(), Code::kDataLoss) << text;
  }
}

}  // namespace
}  // namespace assay
