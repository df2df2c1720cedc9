#include "model/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/tokenizer_json_parts.h"
#include "model/tokenizer_testing.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> pieces_of(const PreTokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> out;
  TextRegex::Effort effort(text.size());
  const Status status =
      tokenizer.split(text, effort, [&](std::string_view piece) { out.emplace_back(piece); });
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

std::vector<std::string> split(SplitStep step, const std::string& text) {
  return pieces_of(PreTokenizer::create({.steps = {std::move(step)}}, "t").value(), text);
}

// testdata/tokenizer/SOURCE.md: the lengths of the pieces are those of the Hugging Face library.
TEST(PreTokenizer, CutsAsTheLibraryDoes) {
  const std::vector<std::string> texts = fixture_texts();
  const Json cases = fixture_json("pre-tokenizers.json");
  for (const Json& entry : cases) {
    const PreTokenizerSpec spec = read_pre_tokenizer(&entry["json"], "t").value();
    const PreTokenizer tokenizer = PreTokenizer::create(spec, "t").value();
    ASSERT_EQ(entry["bytes"].size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      std::vector<size_t> bytes;
      for (const std::string& piece : pieces_of(tokenizer, texts[i])) bytes.push_back(piece.size());
      ASSERT_EQ(bytes, entry["bytes"][i].get<std::vector<size_t>>()) << entry["json"].dump() << "\n"
                                                                     << texts[i];
    }
  }
}

// A GGUF file names what a Hugging Face folder spells out.
TEST(PreTokenizer, TableHasTheStepsOfPublishedFiles) {
  size_t names = 0;
  const Json cases = fixture_json("pre-tokenizers.json");
  for (const Json& entry : cases) {
    const auto published =
        PreTokenizer::create(read_pre_tokenizer(&entry["json"], "t").value(), "t").value();
    const auto known_as = entry["names"].get<std::vector<std::string>>();
    for (const std::string& name : known_as) {
      const PreTokenizerInfo* info = find_pre_tokenizer(name);
      ASSERT_NE(info, nullptr) << name;
      const auto known = PreTokenizer::create({.steps = info->steps}, "t").value();
      EXPECT_EQ(known.spec(), published.spec()) << name;
      ++names;
    }
  }
  EXPECT_GE(names, 20U);
}

TEST(PreTokenizer, EveryEntryOfTheTableCompiles) {
  for (const char* name : pre_tokenizer_names()) {
    const auto tokenizer = PreTokenizer::create({.steps = find_pre_tokenizer(name)->steps}, name);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    // Nothing is lost, whatever is cut.
    for (const std::string& text : fixture_texts()) {
      std::string joined;
      for (const std::string& piece : pieces_of(*tokenizer, text)) joined += piece;
      EXPECT_EQ(joined, text) << name;
    }
  }
  EXPECT_EQ(find_pre_tokenizer("no such"), nullptr);
}

TEST(PreTokenizer, HasEachBehaviourOfASplit) {
  const std::string text = "--a-b--";
  EXPECT_THAT(split({.pattern = "-"}, text), ElementsAre("-", "-", "a", "-", "b", "-", "-"));
  EXPECT_THAT(split({.pattern = "-", .behavior = SplitBehavior::kRemoved}, text),
              ElementsAre("a", "b"));
  EXPECT_THAT(split({.pattern = "-", .behavior = SplitBehavior::kMergedWithPrevious}, text),
              ElementsAre("-", "-", "a-", "b-", "-"));
  EXPECT_THAT(split({.pattern = "-", .behavior = SplitBehavior::kMergedWithNext}, text),
              ElementsAre("-", "-a", "-b", "-", "-"));
  EXPECT_THAT(split({.pattern = "-", .behavior = SplitBehavior::kContiguous}, text),
              ElementsAre("--", "a", "-", "b", "--"));
  EXPECT_THAT(split({.pattern = "-", .behavior = SplitBehavior::kRemoved, .invert = true}, text),
              ElementsAre("-", "-", "-", "-", "-"));
  EXPECT_THAT(split({.pattern = "(?=b)"}, text), ElementsAre("--a-", "b--"));
}

TEST(PreTokenizer, LooksAtTheByteAlphabetWhereTheLibraryDoes) {
  // U+00BC is the bytes C2 BC, whose second is spelled with a character that is a number.
  const SplitStep digits{.pattern = R"(\p{N}+)", .on_alphabet = true};
  EXPECT_THAT(split(digits, " 4\xC2\xBC"), ElementsAre(" ", "4", "\xC2", "\xBC"));
}

TEST(PreTokenizer, SpellsAPatternInOneWay) {
  const auto of = [](const char* pattern) {
    return PreTokenizer::create({.steps = {{.pattern = pattern}}}, "t").value().spec();
  };
  EXPECT_EQ(of("[\r\n]\t"), of(R"([\r\n]\t)"));
  EXPECT_EQ(of("[\\\n]"), of(R"([\n])"));
  EXPECT_NE(of("\\\\\n"), of("\\\n"));
  EXPECT_EQ(of("\\\\\n").steps[0].pattern, R"(\\\n)");
}

TEST(PreTokenizer, BoundsTheNumberOfSteps) {
  PreTokenizerSpec spec;
  spec.steps.resize(kSplitStepsMax + 1, {.pattern = "a"});
  const Status status = PreTokenizer::create(spec, "t.json").status();
  EXPECT_EQ(status.code(), Code::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("t.json: 33 pre-tokenizer steps"));
}

}  // namespace
}  // namespace assay
