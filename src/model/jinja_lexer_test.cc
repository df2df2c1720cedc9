// Tokens of templates; what jinja2 makes of white space is in programs.json (jinja_eval_test.cc).
#include "model/jinja_lexer.h"

#include <gtest/gtest.h>

namespace assay::jinja {
namespace {

std::vector<Token> tokens_of(std::string_view source) {
  auto out = tokenize(source, "t");
  EXPECT_TRUE(out.ok()) << out.status().message();
  return out.ok() ? std::move(*out) : std::vector<Token>();
}

std::string error_of(std::string_view source) {
  const auto out = tokenize(source, "t");
  EXPECT_EQ(out.status().code(), Code::kDataLoss) << source;
  return out.status().message();
}

TEST(JinjaLexer, TellsTypesAndPlaces) {
  const auto tokens = tokens_of("é\n {{ größe.x }}");
  ASSERT_EQ(tokens.size(), 7U);
  EXPECT_EQ(tokens[0].type, TokenType::kText);
  EXPECT_EQ(tokens[0].text, "é\n ");
  EXPECT_EQ(tokens[1].type, TokenType::kVariableBegin);
  EXPECT_EQ(tokens[2].text, "größe");
  EXPECT_EQ(tokens[2].line, 2U);
  EXPECT_EQ(tokens[2].column, 5U);  // in characters
  EXPECT_EQ(tokens[3].text, ".");
  EXPECT_EQ(tokens[3].column, 10U);
  EXPECT_EQ(tokens[5].type, TokenType::kVariableEnd);
  EXPECT_EQ(tokens[6].type, TokenType::kEnd);
}

TEST(JinjaLexer, NumbersHaveTheirValues) {
  const auto tokens = tokens_of("{{ 1_000 0x1F 0b11 0o17 1.5 2e3 1.5E-2 l.0.5 }}");
  EXPECT_EQ(tokens[1].integer, 1000);
  EXPECT_EQ(tokens[2].integer, 31);
  EXPECT_EQ(tokens[3].integer, 3);
  EXPECT_EQ(tokens[4].integer, 15);
  EXPECT_EQ(tokens[5].number, 1.5);
  EXPECT_EQ(tokens[6].number, 2000);
  EXPECT_EQ(tokens[7].number, 0.015);
  EXPECT_EQ(tokens[10].type, TokenType::kInteger);  // behind a point, no float
  EXPECT_EQ(tokens[12].integer, 5);
}

TEST(JinjaLexer, RefusesWhatHasNoEndOrMeaning) {
  EXPECT_EQ(error_of("a\nb {{ 'x"), "t, line 2, column 6: the string has no end");
  EXPECT_EQ(error_of("{{ 'x\\'"), "t, line 1, column 4: the string has no end");
  EXPECT_EQ(error_of("{# x"), "t, line 1, column 3: the comment has no end");
  EXPECT_EQ(error_of("{{ x"), "t, line 1, column 5: {{ has no }}");
  EXPECT_EQ(error_of("{% raw %}x"), "t, line 1, column 10: the raw block has no endraw");
  EXPECT_EQ(error_of("{{ ) }}"), "t, line 1, column 4: ')' closes nothing");
  EXPECT_EQ(error_of("{{ (] }}"), "t, line 1, column 5: ']' closes nothing");
  EXPECT_EQ(error_of("{{ ? }}"), "t, line 1, column 4: the character '?' has no meaning here");
  EXPECT_EQ(error_of("{{ 99999999999999999999 }}"),
            "t, line 1, column 4: the integer 99999999999999999999 has more than 63 bits");
  EXPECT_EQ(error_of("{{ '\\x4' }}"), "t, line 1, column 4: an escape in the string is cut off");
  EXPECT_EQ(error_of("{{ '\\ud83d' }}"),
            "t, line 1, column 4: an escape in the string is no character");
  EXPECT_EQ(tokenize("{{ '\\N{DASH}' }}", "t").status().code(), Code::kUnimplemented);
}

TEST(JinjaLexer, SpaceIsThatOfPython) {
  for (const uint32_t c : {0x09U, 0x0DU, 0x1CU, 0x1FU, 0x20U, 0x85U, 0xA0U, 0x2003U, 0x3000U}) {
    EXPECT_TRUE(is_space(c)) << c;
  }
  for (const uint32_t c : {0x00U, 0x08U, 0x1BU, 0x41U, 0x200BU, 0xFEFFU}) {
    EXPECT_FALSE(is_space(c)) << c;
  }
}

}  // namespace
}  // namespace assay::jinja
