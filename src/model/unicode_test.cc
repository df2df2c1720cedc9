#include "model/unicode.h"

#include <gtest/gtest.h>

#include "model/utf8.h"

namespace assay {
namespace {

std::string utf8(std::initializer_list<uint32_t> points) {
  std::string out;
  for (const uint32_t c : points) append_utf8(out, c);
  return out;
}

TEST(Unicode, CodePointsComeBack) {
  for (const uint32_t c :
       {0U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xD7FFU, 0xE000U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    const std::string text = utf8({c});
    EXPECT_EQ(first_code_point(text + "x").value, c);
    EXPECT_EQ(first_code_point(text + "x").bytes, text.size());
    EXPECT_EQ(last_code_point("x" + text).value, c);
    EXPECT_EQ(last_code_point("x" + text).bytes, text.size());
  }
  EXPECT_EQ(first_code_point("").bytes, 0U);
  EXPECT_EQ(first_code_point("\xC3").bytes, 0U);
  EXPECT_EQ(last_code_point("a\xA9").bytes, 0U);
  EXPECT_EQ(last_code_point("\xC3").bytes, 0U);
}

TEST(Unicode, KnowsWhiteSpace) {
  for (const uint32_t c : {0x09U, 0x0AU, 0x0BU, 0x0CU, 0x0DU, 0x20U, 0x85U, 0xA0U, 0x1680U, 0x2000U,
                           0x200AU, 0x2028U, 0x2029U, 0x202FU, 0x205FU, 0x3000U}) {
    EXPECT_TRUE(is_white_space(c)) << c;
  }
  for (const uint32_t c : {0x08U, 0x0EU, 0x1CU, 0x1FU, 0x61U, 0x180EU, 0x200BU, 0x2060U, 0xFEFFU}) {
    EXPECT_FALSE(is_white_space(c)) << c;
  }
}

TEST(Unicode, KnowsCategories) {
  EXPECT_TRUE(is_punctuation('$') && is_punctuation('_') && is_punctuation(0x2026));
  EXPECT_FALSE(is_punctuation('a') || is_punctuation(0xA3) || is_punctuation(' '));
  EXPECT_TRUE(is_nonspacing_mark(0x301) && is_mark(0x301) && is_mark(0x903) && is_mark(0x20DD));
  EXPECT_FALSE(is_nonspacing_mark(0x903) || is_mark('a'));
  EXPECT_TRUE(is_control(0) && is_control(0xAD) && is_control(0xE000));
  EXPECT_FALSE(is_control('a') || is_control(0x301) || is_control(0x378) || is_control(0xFFFE));
  EXPECT_TRUE(is_word('_') && is_word('9') && is_word(0x301) && is_word(0x6211));
  EXPECT_FALSE(is_word('-') || is_word(0xBD) || is_word(' '));
  EXPECT_TRUE(is_cjk_ideograph(0x6211) && is_cjk_ideograph(0x20000));
  EXPECT_FALSE(is_cjk_ideograph(0x3042) || is_cjk_ideograph(0xAC00));
}

TEST(Unicode, Normalises) {
  const std::string composed = utf8({0xE9, 0x1E0D, 0x307, 0xAC01});
  const std::string marks = utf8({'e', 0x301, 'd', 0x307, 0x323, 0x1100, 0x1161, 0x11A8});
  const std::string ordered = utf8({'e', 0x301, 'd', 0x323, 0x307, 0x1100, 0x1161, 0x11A8});
  EXPECT_EQ(normalized(marks, NormalForm::kNfc), composed);
  EXPECT_EQ(normalized(composed, NormalForm::kNfd), ordered);
  EXPECT_EQ(normalized(utf8({0xFB01, 0xBD, 0xFF21}), NormalForm::kNfkc),
            utf8({'f', 'i', '1', 0x2044, '2', 'A'}));
  EXPECT_EQ(normalized(utf8({0xFB01}), NormalForm::kNfc), utf8({0xFB01}));
  EXPECT_EQ(normalized(utf8({0xFDFA}), NormalForm::kNfkd).size(), 33U);
  // A character that composes with nothing (composition exclusion), and one that becomes another.
  EXPECT_EQ(normalized(utf8({0x958}), NormalForm::kNfc), utf8({0x915, 0x93C}));
  EXPECT_EQ(normalized(utf8({0x212B}), NormalForm::kNfc), utf8({0xC5}));
  // What is no UTF-8 stays, and parts the text.
  EXPECT_EQ(normalized("e\xFF\xCC\x81", NormalForm::kNfc), "e\xFF\xCC\x81");
}

TEST(Unicode, LowersAndFilters) {
  EXPECT_EQ(lower_case("A\xC3\x84\xFF\xCE\xA3"), "a\xC3\xA4\xFF\xCF\x83");
  EXPECT_EQ(lower_case(utf8({0x130})), utf8({'i', 0x307}));
  EXPECT_EQ(lower_case(utf8({0x1E9E, 0x10400})), utf8({0xDF, 0x10428}));
  EXPECT_EQ(filtered("a1\xFF"
                     "b2",
                     [](uint32_t c) { return c > '9'; }),
            "a\xFF"
            "b");
}

TEST(Unicode, SplitsIntoRuns) {
  std::vector<std::pair<std::string, bool>> runs;
  for_each_utf8_run(
      "\xFF\xFE"
      "a\xC3\xA9\xC3"
      "b",
      [&](std::string_view run, bool valid) { runs.emplace_back(run, valid); });
  const std::vector<std::pair<std::string, bool>> expected = {
      {"\xFF\xFE", false}, {"a\xC3\xA9", true}, {"\xC3", false}, {"b", true}};
  EXPECT_EQ(runs, expected);
}

}  // namespace
}  // namespace assay
