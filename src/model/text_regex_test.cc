#include "model/text_regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> matches(const std::string& pattern, const std::string& text) {
  const TextRegex regex = TextRegex::compile(pattern, "t").value();
  TextRegex::Effort effort(text.size());
  std::vector<std::string> out;
  const Status status = regex.for_each_match(text, effort, [&](size_t start, size_t end) {
    out.push_back(text.substr(start, end - start));
  });
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

TEST(TextRegex, FindsMatchesOneAfterTheOther) {
  EXPECT_THAT(matches("a+", "aabaca"), ElementsAre("aa", "a", "a"));
  EXPECT_THAT(matches("x", "aab"), IsEmpty());
  EXPECT_THAT(matches("x", ""), IsEmpty());
  // An empty match does not touch the one before; Oniguruma's rule.
  EXPECT_THAT(matches("a*", "baac"), ElementsAre("", "aa", ""));
  EXPECT_THAT(matches("(?<=b)c|b", "bc"), ElementsAre("b", "c"));
  EXPECT_THAT(matches("(a)(b)(c)", "abc"), ElementsAre("abc"));
}

TEST(TextRegex, ReadsOnigurumasDialect) {
  // White space is the Unicode property: U+0085 is, U+180E and U+200B are not.
  EXPECT_THAT(matches(R"(\s)", " \xC2\x85\xE1\xA0\x8E\xE2\x80\x8B\xE3\x80\x80"),
              ElementsAre(" ", "\xC2\x85", "\xE3\x80\x80"));
  EXPECT_THAT(matches(R"([^\S ])", " \tx"), ElementsAre("\t"));
  // A mark is part of a word.
  EXPECT_THAT(matches(R"(\w+)", "e\xCC\x81_1 -"), ElementsAre("e\xCC\x81_1"));
  EXPECT_THAT(matches(R"([\w-]+)", "a-b c"), ElementsAre("a-b", "c"));
  EXPECT_THAT(matches(R"(\W)", "a-"), ElementsAre("-"));
  EXPECT_THAT(matches(R"(\d)", "1\xC2\xBD\xD9\xA3"), ElementsAre("1", "\xD9\xA3"));
  // Ends of lines, of which there is one kind.
  EXPECT_THAT(matches(R"(.$)", "ab\r\nc\n"), ElementsAre("\r", "c"));
  EXPECT_THAT(matches(R"(^.)", "ab\ncd"), ElementsAre("a", "c"));
  EXPECT_THAT(matches(R"(\u00e9)", "\xC3\xA9"), ElementsAre("\xC3\xA9"));
  EXPECT_THAT(matches("(?i:'s)", "'S's'\xC5\xBF"), ElementsAre("'S", "'s", "'\xC5\xBF"));
  EXPECT_THAT(matches("[]a]", "]a"), ElementsAre("]", "a"));
}

TEST(TextRegex, NamesWhatItDoesNotRead) {
  for (const char* pattern :
       {"(?<n>a)",
        "(?R)",
        "(*FAIL)",
        "(?C1)",
        "(?1)",
        "(a)\\1",
        "\\K",
        "\\C",
        "\\h",
        "\\v",
        "\\G",
        "[a[b]]",
        "[a&&b]",
        "[[:alpha:]]",
        "[\\W]",
        "[\\b]",
        "\\p{NoSuch}",
        "\\pL",
        "(",
        "a{,3}",
        "(?s:a)",
        "\\",
        "\\u12",
        "(?P<n>a)",
        "(?#x)",
        "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((a)))))))))))))))))))))))"
        ")))))))))))))))))))))))))))))))))))))))))))"}) {
    const auto regex = TextRegex::compile(pattern, "t.json");
    ASSERT_FALSE(regex.ok()) << pattern;
    EXPECT_EQ(regex.status().code(), Code::kUnimplemented) << pattern;
    EXPECT_THAT(regex.status().message(), HasSubstr("t.json: ")) << pattern;
  }
  EXPECT_FALSE(TextRegex::compile(std::string(TextRegex::kPatternBytesMax + 1, 'a'), "t").ok());
}

TEST(TextRegex, EscapesAnyText) {
  const std::string text = "a.b*c[d]\\e f\n\xC3\xA9{2}(?i)#";
  EXPECT_THAT(matches(escaped_regex(text), "x" + text + "y"), ElementsAre(text));
}

// What is found does not depend on how much of the text a search sees at first.
TEST(TextRegex, FindsTheSameAcrossWindows) {
  for (const size_t before : {0U, 1U, 100U, 126U, 127U, 128U, 129U, 300U, 2000U}) {
    for (const size_t length : {1U, 127U, 128U, 129U, 513U, 5000U}) {
      const std::string gap(before, '-');
      const std::string word(length, 'a');
      EXPECT_THAT(matches("a+(?!a)", gap + word + gap), ElementsAre(word));
      const std::string wide = "\xE6\x88\x91" + word + "\xE6\x88\x91";
      EXPECT_THAT(matches(R"(\p{Han}a+\p{Han})", gap + wide +
                                                     "\xE6"
                                                     "\x88\x91"),
                  ElementsAre(wide));
      EXPECT_THAT(matches("a+$", gap + word), ElementsAre(word));
      EXPECT_THAT(matches("(?<=-)a+", gap + word).size(), before == 0 ? 0U : 1U)
          << before << " " << length;
    }
  }
}

TEST(TextRegex, AHostilePatternRunsOutOfEffort) {
  const std::string text(size_t{64} << 10, 'a');
  for (const char* pattern : {"(a+)+[bc]", "(a|aa)+[bc]", "(?=a*[bc])a|a", "(?:a?){60}a{60}[bc]"}) {
    const TextRegex regex = TextRegex::compile(pattern, "t").value();
    TextRegex::Effort effort(text.size());
    const Status status = regex.for_each_match(text, effort, [](size_t, size_t) {});
    EXPECT_EQ(status.code(), Code::kResourceExhausted) << pattern;
    EXPECT_THAT(status.message(), HasSubstr("takes too many steps on a text of 64.00 KiB"))
        << pattern;
  }
}

}  // namespace
}  // namespace assay
