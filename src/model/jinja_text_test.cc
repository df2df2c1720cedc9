// Python's string functions on UTF-8; more in programs.json (jinja_eval_test.cc).
#include "model/jinja_text.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "model/jinja_value.h"

namespace assay::jinja {
namespace {

using Texts = std::vector<std::string_view>;

TEST(JinjaText, StripsWholeCharacters) {
  EXPECT_EQ(stripped("\u00a0 a \u3000", Side::kBoth), "a");
  EXPECT_EQ(stripped(" a ", Side::kLeft), "a ");
  EXPECT_EQ(stripped(" a ", Side::kRight), " a");
  // The last byte of one is not a character to strip.
  EXPECT_EQ(stripped("é", Side::kBoth, "ã"), "é");
  EXPECT_EQ(stripped("éaé", Side::kBoth, "éx"), "a");
}

TEST(JinjaText, SplitsFromEitherSide) {
  EXPECT_EQ(split("  a  b  c ", {.splits_max = 1}), (Texts{"a", "b  c "}));
  EXPECT_EQ(split(" a  b  c  ", {.splits_max = 1, .from_right = true}), (Texts{" a  b", "c"}));
  EXPECT_EQ(split("a,b,,c", {.separator = ","}), (Texts{"a", "b", "", "c"}));
  EXPECT_EQ(split("a,b,c", {.separator = ",", .splits_max = 1, .from_right = true}),
            (Texts{"a,b", "c"}));
  EXPECT_EQ(split("", {}), Texts{});
  EXPECT_EQ(split("", {.separator = ","}), Texts{""});
  EXPECT_EQ(split_lines("a\r\nb\n\nc", false), (Texts{"a", "b", "", "c"}));
}

// split and replace agree, whatever the text.
TEST(JinjaText, SplitAndReplaceAgree) {
  Prng prng(17);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (uint64_t n = prng.below(12); n > 0; --n) text += "ab"[prng.below(2)];
    const std::string part = prng.below(2) == 0 ? "a" : "ab";
    std::string joined;
    for (const auto& piece : split(text, {.separator = part})) {
      joined += (joined.empty() ? "|" : "-") + std::string(piece);
    }
    EXPECT_EQ(joined, "|" + replaced(text, part, "-", -1)) << text;
    EXPECT_EQ(split(text, {.separator = part}).size(), count_of(text, part) + 1);
  }
}

TEST(JinjaText, CaseIsThatOfUnicode) {
  EXPECT_EQ(upper_case("straße ﬁ"), "STRASSE FI");
  EXPECT_EQ(lower_case("ΟΔΟΣ ΣΑ"), "οδος σα");
  EXPECT_EQ(title_case("they're x1y"), "They'Re X1Y");
  EXPECT_EQ(title_words("they're (x-y)"), "They're (X-Y)");
  EXPECT_EQ(capitalized("éCOLE X"), "École x");
}

TEST(JinjaText, CharactersAreNotBytes) {
  EXPECT_EQ(character_count("a世é"), 3U);
  EXPECT_EQ(characters("a世é", 1, 2), "世");
  EXPECT_EQ(characters("a世é", 1, 3), "世é");
  EXPECT_EQ(characters("", 0, 0), "");
}

}  // namespace
}  // namespace assay::jinja
