// Conformance: the ids must be those of SentencePiece and llama.cpp, whichever file the tokenizer
// is read from.
#include "model/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "model/spm_tokenizer.h"
#include "model/tokenizer_json.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

constexpr const char* kNano = ASSAY_TESTDATA "/models/lexi-nano/";

std::unique_ptr<Tokenizer> open_at(const std::string& path) {
  return open_tokenizer(open_checkpoint(path).value()).value();
}

// A folder of its own for a test, removed at its end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-tokenizer-XXXXXX").string();
    ASSAY_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  Folder& copy(const std::string& from, const std::string& name) {
    std::filesystem::copy_file(from, path_ + "/" + name);
    return *this;
  }
  Folder& write(const std::string& name, const std::string& text) {
    std::ofstream(path_ + "/" + name) << text;
    return *this;
  }
  const std::string& path() const { return path_; }
  Checkpoint checkpoint() const {
    Checkpoint out;
    out.format = CheckpointFormat::kSafetensors;
    out.path = path_;
    return out;
  }

 private:
  std::string path_;
};

Json read_json(const std::string& path) {
  return parse_json(read_text_file(path, 64 << 20).value(), path).value();
}

std::vector<std::unique_ptr<Tokenizer>> nano_from_all_sources() {
  std::vector<std::unique_ptr<Tokenizer>> out;
  out.push_back(open_at(std::string(kNano) + "lexi-nano-f32.gguf"));
  out.push_back(open_at(std::string(kNano) + "lexi-nano-hf"));
  Folder folder;
  folder.copy(ASSAY_TESTDATA "/tokenizer/lexi-nano-tokenizer.json", "tokenizer.json");
  out.push_back(open_tokenizer(folder.checkpoint()).value());
  return out;
}

// testdata/tokenizer/SOURCE.md: ids made with the SentencePiece library.
TEST(Tokenizer, EncodesAsSentencePieceFromEverySource) {
  const Json reference = read_json(ASSAY_TESTDATA "/tokenizer/lexi-nano-sentencepiece.json");
  for (const auto& tokenizer : nano_from_all_sources()) {
    ASSERT_GT(reference["texts"].size(), 100U);
    for (const Json& entry : reference["texts"]) {
      const auto text = entry["text"].get<std::string>();
      const auto ids = entry["ids"].get<std::vector<TokenId>>();
      ASSERT_EQ(tokenizer->encode(text).value(), ids) << text;
      // A U+2581 in the text is read as a space: the one loss there is.
      if (text.find(kMetaSpace) == std::string::npos) {
        ASSERT_EQ(tokenizer->decode(ids).value(), text);
      }
    }
  }
}

TEST(Tokenizer, HasOneDigestWhateverTheSource) {
  const auto tokenizers = nano_from_all_sources();
  for (const auto& tokenizer : tokenizers) {
    EXPECT_EQ(to_hex(tokenizer->digest()), to_hex(tokenizers[0]->digest()));
    EXPECT_EQ(tokenizer->kind(), "spm-bpe");
    EXPECT_EQ(tokenizer->size(), 1024U);
    EXPECT_EQ(tokenizer->bos(), 1);
    EXPECT_EQ(tokenizer->eos(), 2);
    EXPECT_TRUE(tokenizer->add_bos());
    EXPECT_EQ(tokenizer->token_kind(0), TokenKind::kUnknown);
    EXPECT_EQ(tokenizer->token_kind(1), TokenKind::kControl);
    EXPECT_EQ(tokenizer->token_kind(3), TokenKind::kByte);
    EXPECT_EQ(tokenizer->piece_bytes(3 + 65), "A");
    EXPECT_EQ(tokenizer->piece_bytes(264), " the");
  }
  // docs/formats/tokenizer-digest.md gives this value.
  EXPECT_EQ(to_hex(tokenizers[0]->digest()),
            "2746c41a76b6c373664e8b49cfaba941d1aae3cf53c4bec32459cf00d4ad943d");
}

void check_reference(const std::string& reference_path, const Tokenizer& tokenizer) {
  const Json reference = read_json(reference_path);
  ASSERT_FALSE(reference["prompts"].empty());
  for (const Json& prompt : reference["prompts"]) {
    std::vector<TokenId> ids;
    if (tokenizer.add_bos()) ids.push_back(tokenizer.bos());
    const auto text = prompt["prompt"].get<std::string>();
    const std::vector<TokenId> encoded = tokenizer.encode(text).value();
    ids.insert(ids.end(), encoded.begin(), encoded.end());
    EXPECT_EQ(ids, prompt["tokens"].get<std::vector<TokenId>>()) << text;
  }
}

TEST(Tokenizer, GivesTheReferenceTokensOfLexiNano) {
  check_reference(std::string(kNano) + "reference.json",
                  *open_at(std::string(kNano) + "lexi-nano-f32.gguf"));
}

// Letters, digits and underscores, which the name of a test is made of.
std::string plain_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class SharedFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_directory(ASSAY_SHARED "/vocab") || !is_directory(ASSAY_SHARED "/models")) {
      GTEST_SKIP() << "left out: the public vocabularies are not at " ASSAY_SHARED;
    }
  }
};

TEST_F(SharedFiles, GivesTheReferenceTokensOfLexiLlama) {
  const std::string folder = ASSAY_SHARED "/models/lexi-llama/";
  check_reference(folder + "reference.json", *open_at(folder + "lexi-llama-f32.gguf"));
  EXPECT_EQ(to_hex(open_at(folder + "lexi-llama-f32.gguf")->digest()),
            to_hex(open_at(folder + "lexi-llama-hf")->digest()));
}

// GGUF metadata, tokenizer.json, and vocab.json with merges.txt.
TEST_F(SharedFiles, GivesTheReferenceTokensOfByteLevelModelsFromEverySource) {
  for (const auto& [name, gguf] :
       {std::pair("lexi-gpt2", "lexi-gpt2-f32"), std::pair("lexi-neox", "lexi-neox-f16")}) {
    const std::string folder = std::string(ASSAY_SHARED "/models/") + name;
    const std::string hf = folder + "/" + name + "-hf";
    Folder old;
    old.copy(hf + "/vocab.json", "vocab.json").copy(hf + "/merges.txt", "merges.txt");
    Checkpoint without_json = open_checkpoint(hf).value();
    without_json.path = old.path();
    const auto from_gguf = open_at(folder + "/" + gguf + ".gguf");
    const auto from_json = open_at(hf);
    const auto from_merges = open_tokenizer(without_json).value();
    EXPECT_EQ(to_hex(from_json->digest()), to_hex(from_gguf->digest())) << name;
    EXPECT_EQ(to_hex(from_merges->digest()), to_hex(from_gguf->digest())) << name;
    for (const Tokenizer* tokenizer : {from_gguf.get(), from_json.get(), from_merges.get()}) {
      EXPECT_EQ(tokenizer->kind(), "bpe");
      EXPECT_EQ(tokenizer->eos(), 4095);
      EXPECT_FALSE(tokenizer->add_bos());
      check_reference(folder + "/reference.json", *tokenizer);
    }
  }
}

TEST_F(SharedFiles, DecodesTheKnownStory) {
  const std::string folder = ASSAY_SHARED "/models/stories260k/";
  const auto tokenizer = open_at(folder + "stories260k-f32.gguf");
  const auto ids =
      read_json(folder + "reference.json")["prompts"][0]["greedy40"].get<std::vector<TokenId>>();
  const std::string text = tokenizer->decode(ids).value();
  EXPECT_EQ(text.substr(0, 64), "Once upon a time, there was a little girl named Lily. She loved ");
  EXPECT_EQ(tokenizer->encode(text).value(), ids);
  // Version 1 of the format leaves special ids out: the defaults are the same tokenizer.
  EXPECT_EQ(to_hex(open_at(folder + "stories260k-f32-ggufv1.gguf")->digest()),
            to_hex(tokenizer->digest()));
}

// llama.cpp's test vectors: each text ends with a separator and has a line of ids, without bos. The
// ids are those of the Hugging Face library.
constexpr const char* kVectors = ASSAY_SHARED "/vocab/ggml-vocab-";

struct VectorCase {
  std::string text;
  std::vector<TokenId> ids;
};

std::vector<VectorCase> read_vectors(const std::string& path) {
  const std::string input = read_text_file(path + ".inp", 1 << 20).value();
  std::istringstream output(read_text_file(path + ".out", 1 << 20).value());
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<VectorCase> cases;
  for (size_t at = 0, end = 0; (end = input.find(separator, at)) != std::string::npos;
       at = end + separator.size()) {
    std::string line;
    EXPECT_TRUE(std::getline(output, line));
    std::istringstream numbers(line);
    cases.push_back({input.substr(at, end - at),
                     std::vector<TokenId>{std::istream_iterator<TokenId>(numbers), {}}});
  }
  EXPECT_GT(cases.size(), 40U);
  return cases;
}

struct Published {
  const char* name;
  const char* kind;
  bool has_texts = true;
  bool is_lossless = true;  // decode gives the text back
};
void PrintTo(const Published& published, std::ostream* out) { *out << published.name; }

const Published kPublished[] = {{"llama-spm", "spm-bpe"},
                                {"phi-3", "spm-bpe"},
                                {.name = "baichuan", .kind = "spm-bpe", .has_texts = false},
                                {"deepseek-coder", "bpe"},
                                {"deepseek-llm", "bpe"},
                                {"falcon", "bpe"},
                                {"gpt-2", "bpe"},
                                {.name = "gpt-neox", .kind = "bpe", .has_texts = false},
                                {"mpt", "bpe"},
                                {"refact", "bpe"},
                                {"starcoder", "bpe"},
                                {.name = "bert-bge", .kind = "wpm", .is_lossless = false}};

class PublishedVocabulary : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedVocabulary, ReproducesItsVectors) {
  const std::string path = std::string(kVectors) + GetParam().name + ".gguf";
  if (!path_exists(path)) GTEST_SKIP() << "left out: there is no vocabulary at " << path;
  const auto tokenizer = open_at(path);
  EXPECT_EQ(tokenizer->kind(), GetParam().kind);
  if (!GetParam().has_texts) return;
  for (const auto& [text, ids] : read_vectors(path)) {
    EXPECT_EQ(tokenizer->encode(text).value(), ids) << text;
    if (GetParam().is_lossless) {
      EXPECT_EQ(tokenizer->decode(ids).value(), text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(WithTheFile, PublishedVocabulary, ::testing::ValuesIn(kPublished),
                         [](const auto& param) { return plain_name(param.param.name); });

// Texts and ids of vocabularies that are not published with them: named here so that what is not
// held stands in the list of tests. What their pre-tokenizers cut is held by pre_tokenizer_test.cc.
const char* const kWithoutVocabulary[] = {"chameleon", "command-r", "deepseek-r1-qwen",
                                          "llama-bpe", "qwen2",     "roberta-bpe"};

class VectorsWithoutVocabulary : public ::testing::TestWithParam<const char*> {};

TEST_P(VectorsWithoutVocabulary, AreLeftOut) {
  const std::string path = std::string(kVectors) + GetParam() + ".gguf";
  ASSERT_FALSE(path_exists(path)) << "it is there now: move its name up to PublishedVocabulary";
  GTEST_SKIP() << "left out: there is no vocabulary at " << path;
}

INSTANTIATE_TEST_SUITE_P(WithoutTheFile, VectorsWithoutVocabulary,
                         ::testing::ValuesIn(kWithoutVocabulary),
                         [](const auto& param) { return plain_name(param.param); });

// What lies in the folder is in one of the two lists: nothing is left out in silence.
TEST_F(SharedFiles, EveryPublicVocabularyIsTested) {
  std::set<std::string> expected;
  for (const Published& published : kPublished) {
    const std::string file = std::string(published.name) + ".gguf";
    expected.insert(file);
    if (published.has_texts) expected.insert({file + ".inp", file + ".out"});
  }
  for (const std::string name : kWithoutVocabulary) {
    expected.insert({name + ".gguf.inp", name + ".gguf.out"});
  }
  const std::string prefix = "ggml-vocab-";
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(ASSAY_SHARED "/vocab")) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix)) found.insert(name.substr(prefix.size()));
  }
  EXPECT_EQ(found, expected);
}

// A minimal GGUF tokenizer, by hand.
Checkpoint small_gguf() {
  Checkpoint out;
  out.path = "small.gguf";
  out.meta["tokenizer.ggml.model"] = std::string("llama");
  out.meta["tokenizer.ggml.tokens"] = std::vector<std::string>{"<unk>", "<s>", "</s>", "a"};
  out.meta["tokenizer.ggml.scores"] = std::vector<double>{0, 0, 0, -1};
  out.meta["tokenizer.ggml.token_type"] = std::vector<int64_t>{2, 3, 3, 1};
  return out;
}

TEST(Tokenizer, ReadsGgufOptions) {
  Checkpoint checkpoint = small_gguf();
  const auto tokenizer = open_tokenizer(checkpoint).value();
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_TRUE(tokenizer->add_bos());
  EXPECT_EQ(tokenizer->encode("a").value(), (std::vector<TokenId>{0, 3}));
  checkpoint.meta["tokenizer.ggml.add_bos_token"] = false;
  checkpoint.meta["tokenizer.ggml.add_space_prefix"] = false;
  checkpoint.meta["tokenizer.ggml.eos_token_id"] = uint64_t{3};
  const auto changed = open_tokenizer(checkpoint).value();
  EXPECT_FALSE(changed->add_bos());
  EXPECT_EQ(changed->eos(), 3);
  EXPECT_EQ(changed->encode("a").value(), (std::vector<TokenId>{3}));
}

TEST(Tokenizer, FindsTheSpacesOfUserDefinedGgufPieces) {
  Checkpoint checkpoint = small_gguf();
  checkpoint.meta["tokenizer.ggml.tokens"] =
      std::vector<std::string>{"<unk>", "<s>", "</s>", "a", "  ", "\xE2\x96\x81"};
  checkpoint.meta["tokenizer.ggml.scores"] = std::vector<double>{0, 0, 0, -1, 0, -2};
  checkpoint.meta["tokenizer.ggml.token_type"] = std::vector<int64_t>{2, 3, 3, 1, 4, 1};
  checkpoint.meta["tokenizer.ggml.add_space_prefix"] = false;
  const auto tokenizer = open_tokenizer(checkpoint).value();
  EXPECT_EQ(tokenizer->encode("a   a").value(), (std::vector<TokenId>{3, 4, 5, 3}));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{3, 4, 5, 3}).value(), "a   a");
}

TEST(Tokenizer, RefusesHostileGgufMetadata) {
  struct Case {
    const char* field;
    MetaValue value;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"tokenizer.ggml.tokens", std::string("a"), "tokenizer.ggml.tokens has the wrong type"},
      {"tokenizer.ggml.tokens", std::vector<std::string>{}, "tokens has 0 entries, token_type 4"},
      {"tokenizer.ggml.scores", std::vector<double>{0}, "scores 1"},
      {"tokenizer.ggml.token_type", std::vector<int64_t>{1}, "token_type 1"},
      {"tokenizer.ggml.token_type", std::vector<int64_t>{2, 3, 3, 7}, "of token 3 is 7"},
      {"tokenizer.ggml.token_type", std::vector<int64_t>{2, 3, 3, -1}, "of token 3 is -1"},
      {"tokenizer.ggml.bos_token_id", uint64_t{1} << 40, "1099511627776"},
      {"tokenizer.ggml.eos_token_id", uint64_t{4}, "the eos token has the id 4, outside"},
      {"tokenizer.ggml.add_bos_token", uint64_t{1}, "add_bos_token has the wrong type"},
      {"tokenizer.ggml.model", uint64_t{1}, "tokenizer.ggml.model"}};
  for (const Case& c : cases) {
    Checkpoint checkpoint = small_gguf();
    checkpoint.meta[c.field] = c.value;
    const Status status = open_tokenizer(checkpoint).status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << c.message;
    EXPECT_THAT(status.message(), HasSubstr("small.gguf"));
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
  for (const char* field :
       {"tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type"}) {
    Checkpoint checkpoint = small_gguf();
    checkpoint.meta.erase(field);
    EXPECT_EQ(open_tokenizer(checkpoint).status().code(), Code::kDataLoss) << field;
  }
}

// Minimal GGUF tokenizers of the other kinds.
Checkpoint small_bpe() {
  Checkpoint out;
  out.path = "small.gguf";
  out.meta["tokenizer.ggml.model"] = std::string("gpt2");
  out.meta["tokenizer.ggml.pre"] = std::string("gpt-2");
  out.meta["tokenizer.ggml.tokens"] = std::vector<std::string>{"a", "b", "ab", "\xC4\xA0", "<e>"};
  out.meta["tokenizer.ggml.merges"] = std::vector<std::string>{"a b"};
  out.meta["tokenizer.ggml.token_type"] = std::vector<int64_t>{1, 1, 1, 1, 3};
  return out;
}
Checkpoint small_word_piece() {
  Checkpoint out;
  out.path = "small.gguf";
  out.meta["tokenizer.ggml.model"] = std::string("bert");
  out.meta["tokenizer.ggml.tokens"] = std::vector<std::string>{"[UNK]",
                                                               "[CLS]",
                                                               "[SEP]",
                                                               "\xE2\x96\x81"
                                                               "a",
                                                               "b",
                                                               "[unused0]"};
  out.meta["tokenizer.ggml.token_type"] = std::vector<int64_t>{3, 3, 3, 1, 1, 1};
  out.meta["tokenizer.ggml.unknown_token_id"] = uint64_t{0};
  out.meta["tokenizer.ggml.cls_token_id"] = uint64_t{1};
  out.meta["tokenizer.ggml.seperator_token_id"] = uint64_t{2};
  return out;
}
Checkpoint small_unigram() {
  Checkpoint out = small_gguf();
  out.meta["tokenizer.ggml.model"] = std::string("t5");
  return out;
}

TEST(Tokenizer, ReadsGgufOfEachKind) {
  Checkpoint bpe = small_bpe();
  bpe.meta["tokenizer.ggml.eos_token_id"] = uint64_t{4};
  bpe.meta["tokenizer.ggml.unknown_token_id"] = uint64_t{0};  // byte-level BPE does not use it
  auto tokenizer = open_tokenizer(bpe).value();
  EXPECT_EQ(tokenizer->kind(), "bpe");
  EXPECT_EQ(tokenizer->encode("ab ab<e>").value(), (std::vector<TokenId>{2, 3, 2, 4}));
  EXPECT_FALSE(tokenizer->add_bos());
  EXPECT_EQ(tokenizer->eos(), 4);
  EXPECT_EQ(tokenizer->token_kind(0), TokenKind::kNormal);
  // A file from before kinds were written has normal tokens only.
  bpe.meta.erase("tokenizer.ggml.token_type");
  EXPECT_EQ(open_tokenizer(bpe).value()->token_kind(4), TokenKind::kNormal);
  // What the name of the pre-tokenizer implies, unless the file says otherwise.
  bpe.meta["tokenizer.ggml.pre"] = std::string("llama-bpe");
  bpe.meta["tokenizer.ggml.bos_token_id"] = uint64_t{4};
  EXPECT_TRUE(open_tokenizer(bpe).value()->add_bos());
  bpe.meta["tokenizer.ggml.add_bos_token"] = false;
  bpe.meta["tokenizer.ggml.add_eos_token"] = true;
  EXPECT_FALSE(open_tokenizer(bpe).value()->add_bos());
  EXPECT_TRUE(open_tokenizer(bpe).value()->add_eos());

  tokenizer = open_tokenizer(small_word_piece()).value();
  EXPECT_EQ(tokenizer->kind(), "wpm");
  EXPECT_EQ(tokenizer->encode("AB b").value(), (std::vector<TokenId>{3, 4, 0}));
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_TRUE(tokenizer->add_bos() && tokenizer->add_eos());

  tokenizer = open_tokenizer(small_unigram()).value();
  EXPECT_EQ(tokenizer->kind(), "ugm");
  EXPECT_EQ(tokenizer->encode("a").value(), (std::vector<TokenId>{0, 3}));
  EXPECT_FALSE(tokenizer->add_bos());
}

TEST(Tokenizer, RefusesHostileGgufMetadataOfEachKind) {
  struct Case {
    Checkpoint base;
    const char* field;
    MetaValue value;
    Code code;
    const char* message;
  };
  using Texts = std::vector<std::string>;
  using Ints = std::vector<int64_t>;
  const Code bad = Code::kDataLoss;
  const std::vector<Case> cases = {
      {small_bpe(), "model", std::string("rwkv"), Code::kUnimplemented, "is \"rwkv\"; supported: "},
      {small_bpe(), "pre", std::string("no-such"), Code::kUnimplemented,
       "tokenizer.ggml.pre is \"no-such\"; supported: default gpt-2"},
      {small_bpe(), "pre", uint64_t{1}, bad, "tokenizer.ggml.pre"},
      {small_bpe(), "merges", Texts{"a c"}, bad, "merge 0 \"a c\": one of the two"},
      {small_bpe(), "merges", Texts{"a b", "a b"}, bad, "merge 1 \"a b\" is there twice"},
      {small_bpe(), "merges", Ints{1}, bad, "merges has the wrong type"},
      {small_bpe(), "tokens", Texts{"a", "a", "ab", "x", "y"}, bad, "is there twice: also 0"},
      {small_bpe(), "token_type", Ints{1}, bad, "tokens has 5 entries, token_type 1"},
      {small_bpe(), "eos_token_id", uint64_t{5}, bad, "the eos token has the id 5, outside"},
      {small_bpe(), "add_bos_token", uint64_t{1}, bad, "add_bos_token has the wrong type"},
      {small_word_piece(), "unknown_token_id", uint64_t{9}, bad, "the unknown token has the id 9"},
      {small_word_piece(), "tokens", Texts{"[UNK]", "[CLS]", "[SEP]", "b", "b", "c"}, bad,
       "is there twice"},
      {small_word_piece(), "tokens", Texts{"[UNK]", "[CLS]", "[SEP]", "\xE2\x96\x81", "b", "c"},
       bad, "token 3 is empty"},
      {small_unigram(), "scores", std::vector<double>{0}, bad, "tokens has 4 entries, scores 1"},
      {small_unigram(), "scores", std::vector<double>{0, 0, 0, std::nan("")}, bad,
       "its score is not a number"},
      {small_unigram(), "precompiled_charsmap", Ints{1, 2, 3}, bad, "a character map of 3 bytes"},
      {small_unigram(), "precompiled_charsmap", Ints{4, 0, 0, 0, 0, 0, 0, 0, 300}, bad,
       "has the value 300, which is no byte"},
      {small_unigram(), "precompiled_charsmap", Texts{"x"}, bad, "has the wrong type"}};
  for (const Case& c : cases) {
    Checkpoint checkpoint = c.base;
    checkpoint.meta[std::string("tokenizer.ggml.") + c.field] = c.value;
    const Status status = open_tokenizer(checkpoint).status();
    EXPECT_EQ(status.code(), c.code) << c.message;
    EXPECT_THAT(status.message(), HasSubstr("small.gguf"));
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
}

TEST(Tokenizer, NoTokenizerIsNotFound) {
  Checkpoint gguf = small_gguf();
  gguf.meta.erase("tokenizer.ggml.model");
  EXPECT_EQ(open_tokenizer(gguf).status().code(), Code::kNotFound);
  const Folder folder;
  EXPECT_EQ(open_tokenizer(folder.checkpoint()).status().code(), Code::kNotFound);
}

TEST(Tokenizer, TokenizerConfigSaysWhetherBosIsAdded) {
  const std::string model = std::string(kNano) + "lexi-nano-hf/tokenizer.model";
  Folder folder;
  folder.copy(model, "tokenizer.model")
      .write("tokenizer_config.json", R"({"add_bos_token":false})");
  EXPECT_FALSE(open_tokenizer(folder.checkpoint()).value()->add_bos());
  for (const char* bad : {R"({"add_bos_token":"no"})", R"({"bos_token":5})",
                          R"({"eos_token":{"content":1}})", R"([])"}) {
    folder.write("tokenizer_config.json", bad);
    const Status status = open_tokenizer(folder.checkpoint()).status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << bad;
    EXPECT_THAT(status.message(), HasSubstr("tokenizer_config.json: ")) << bad;
  }
}

}  // namespace
}  // namespace assay
