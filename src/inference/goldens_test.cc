#include "inference/goldens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/json_fields.h"
#include "base/schema_validator.h"

namespace assay {
namespace {

using testing::HasSubstr;

Goldens some_goldens() {
  Goldens goldens;
  goldens.artifact = sha256("model");
  goldens.vectors.push_back({"first", {1, 2, 3}, 8, sha256("one")});
  goldens.vectors.push_back({"scored.only-2_", {0, 2147483647}, 0, sha256("two")});
  return goldens;
}

Json some_json() { return parse_json(format_goldens(some_goldens()), "test").value(); }

Json schema() {
  const auto text = read_text_file(
      std::string(ASSAY_SOURCE_DIR) + "/docs/formats/goldens.schema.json", size_t{1} << 20);
  return parse_json(text.value(), "schema").value();
}

bool conforms(const Json& json) {
  const Json rules = schema();
  return SchemaValidator(rules).check(json).empty();
}

void expect_same(const Goldens& a, const Goldens& b) {
  EXPECT_EQ(a.artifact, b.artifact);
  ASSERT_EQ(a.vectors.size(), b.vectors.size());
  for (size_t i = 0; i < a.vectors.size(); ++i) {
    EXPECT_EQ(a.vectors[i].id, b.vectors[i].id);
    EXPECT_EQ(a.vectors[i].prompt, b.vectors[i].prompt);
    EXPECT_EQ(a.vectors[i].max_tokens, b.vectors[i].max_tokens);
    EXPECT_EQ(a.vectors[i].transcript, b.vectors[i].transcript);
  }
}

TEST(Goldens, ReadsWhatItWrites) {
  const std::string text = format_goldens(some_goldens());
  const auto read = parse_goldens(text, "test");
  ASSERT_TRUE(read.ok()) << read.status().message();
  expect_same(*read, some_goldens());
  EXPECT_EQ(format_goldens(*read), text);
  EXPECT_TRUE(conforms(some_json()));
}

struct Change {
  const char* pointer;
  const char* value;  // JSON; "": the field is taken out
  const char* message;
};

class GoldensRefuse : public testing::TestWithParam<Change> {};

TEST_P(GoldensRefuse, AndNameThePlace) {
  const Change& change = GetParam();
  Json json = some_json();
  const Json::json_pointer pointer{change.pointer};
  if (*change.value == '\0') {
    json[pointer.parent_pointer()].erase(pointer.back());
  } else {
    json[pointer] = Json::parse(change.value);
  }
  const auto read = parse_goldens(json.dump(), "a.goldens.json");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), Code::kDataLoss);
  EXPECT_THAT(read.status().message(), HasSubstr("a.goldens.json: goldens"));
  EXPECT_THAT(read.status().message(), HasSubstr(change.message));
}

INSTANTIATE_TEST_SUITE_P(
    Files, GoldensRefuse,
    testing::Values(
        Change{"/schema", R"("assay.goldens.v2")", R"(.schema: "assay.goldens.v2"; expected)"},
        Change{"/profile", R"("f64")", R"(.profile: "f64"; expected "f32-fma16-v1")"},
        Change{"/artifact", "", ".artifact: the field is missing"},
        Change{"/artifact", R"("00")", ".artifact: expected 64 hexadecimal digits"},
        Change{"/note", "1", ".note: unknown field"},
        Change{"/vectors", "[]", ".vectors: expected at least one golden"},
        Change{"/vectors", "{}", ".vectors: expected an array"},
        Change{"/vectors/1/note", "1", ".vectors[1].note: unknown field"},
        Change{"/vectors/1", "[]", ".vectors[1]: expected an object"},
        Change{"/vectors/1/id", R"("first")", R"(.vectors[1].id: "first" is the id of another)"},
        Change{"/vectors/1/id", R"("")", R"(.vectors[1].id: ""; expected 1 to 128)"},
        Change{"/vectors/1/id", R"("a b")", R"(.vectors[1].id: "a b"; expected 1 to 128)"},
        Change{"/vectors/1/id", "7", ".vectors[1].id: expected a string"},
        Change{"/vectors/0/prompt", "[]", ".vectors[0].prompt: 0 tokens, expected at least 1"},
        Change{"/vectors/1/prompt", "[4]", ".vectors[1].prompt: 1 tokens, expected at least 2"},
        Change{"/vectors/0/prompt/1", "-1", ".vectors[0].prompt[1]: expected an integer from 0"},
        Change{"/vectors/0/prompt/1", "2147483648", ".vectors[0].prompt[1]: expected an integer"},
        Change{"/vectors/0/prompt/1", "1.5", ".vectors[0].prompt[1]: expected an integer from 0"},
        Change{"/vectors/0/max_tokens", "65537", ".vectors[0].max_tokens: 65537 is above the"},
        Change{"/vectors/0/max_tokens", "-1", ".vectors[0].max_tokens: expected an unsigned"},
        Change{"/vectors/0/transcript", R"("zz")", ".vectors[0].transcript: character 0 is not"}));

TEST(Goldens, AreBounded) {
  Json json = some_json();
  json["vectors"][0]["id"] = std::string(129, 'a');
  EXPECT_THAT(parse_goldens(json.dump(), "f").status().message(), HasSubstr("128 bytes"));
  json = some_json();
  json["vectors"][0]["prompt"] = std::vector<int>(kGoldenTokensMax + 1, 1);
  EXPECT_THAT(parse_goldens(json.dump(), "f").status().message(), HasSubstr("65536 elements"));
  json = some_json();
  const Json one = json["vectors"][0];
  for (size_t i = 0; i < kGoldensMax; ++i) json["vectors"].push_back(one);
  EXPECT_THAT(parse_goldens(json.dump(), "f").status().message(), HasSubstr("1000 elements"));
  const std::string spaces(kGoldensBytesMax + 1, ' ');
  EXPECT_FALSE(parse_goldens(spaces, "f").ok());
  EXPECT_FALSE(parse_goldens("", "f").ok());
  EXPECT_FALSE(parse_goldens("[[[[[[[[", "f").ok());
}

// What the schema promises to others is what the reader holds.
TEST(Goldens, TheSchemaRefusesWhatTheReaderDoes) {
  for (const auto& [pointer, value] :
       std::vector<std::pair<const char*, const char*>>{{"/schema", R"("assay.goldens.v2")"},
                                                        {"/profile", "1"},
                                                        {"/artifact", R"("00")"},
                                                        {"/note", "1"},
                                                        {"/vectors/0/id", R"("a b")"},
                                                        {"/vectors/0/prompt/1", "-1"},
                                                        {"/vectors/0/prompt/1", "2147483648"},
                                                        {"/vectors/0/max_tokens", "65537"},
                                                        {"/vectors/0/transcript", R"("zz")"},
                                                        {"/vectors/0/note", "1"}}) {
    Json json = some_json();
    json[Json::json_pointer(pointer)] = Json::parse(value);
    EXPECT_FALSE(conforms(json)) << pointer;
    EXPECT_FALSE(parse_goldens(json.dump(), "f").ok()) << pointer;
  }
}

TEST(Goldens, LieBesideAFileAndInsideAFolder) {
  const std::string folder = testing::TempDir() + "goldens_test_model";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(goldens_path(folder), folder + "/goldens.json");
  EXPECT_EQ(goldens_path(folder + "/"), folder + "/goldens.json");
  EXPECT_EQ(goldens_path(folder + "/m.gguf"), folder + "/m.gguf.goldens.json");
  std::filesystem::remove_all(folder);
}

TEST(Goldens, AreWrittenAndReadAgain) {
  const std::string path = testing::TempDir() + "goldens_test.json";
  std::filesystem::remove(path);
  EXPECT_EQ(read_goldens(path).status().code(), Code::kNotFound);
  ASSERT_TRUE(write_goldens(path, some_goldens()).ok());
  expect_same(read_goldens(path).value(), some_goldens());
  // What could not be read again is not written, and the file stays.
  Goldens bad = some_goldens();
  bad.vectors[0].id = "a\"b";
  EXPECT_EQ(write_goldens(path, bad).code(), Code::kInvalidArgument);
  bad.vectors.clear();
  EXPECT_EQ(write_goldens(path, bad).code(), Code::kInvalidArgument);
  expect_same(read_goldens(path).value(), some_goldens());
  std::filesystem::remove(path);
}

TEST(Goldens, AskForAGreedyAnswerWithEveryRow) {
  const InferenceRequest request = some_goldens().vectors[0].request();
  EXPECT_EQ(request.prompt, (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(request.max_tokens, 8U);
  EXPECT_EQ(request.sampling.temperature, 0);
  EXPECT_TRUE(request.score_prompt);
  EXPECT_TRUE(request.ignore_end_token);
  EXPECT_TRUE(request.stop.empty());
}

}  // namespace
}  // namespace assay
