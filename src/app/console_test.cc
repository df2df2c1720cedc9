#include "app/console.h"

#include <gtest/gtest.h>

#include <map>

namespace assay {
namespace {

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

TEST(Console, ColourOnlyOnATerminalThatWantsIt) {
  EXPECT_TRUE(text_style(true, 90, environment({})).color);
  EXPECT_FALSE(text_style(false, 90, environment({})).color);
  EXPECT_FALSE(text_style(true, 90, environment({{"NO_COLOR", "1"}})).color);
  EXPECT_TRUE(text_style(true, 90, environment({{"NO_COLOR", ""}})).color);
  EXPECT_FALSE(text_style(true, 90, environment({{"TERM", "dumb"}})).color);
}

TEST(Console, Utf8WhereTheLocaleSaysSo) {
  EXPECT_FALSE(text_style(true, 90, environment({})).utf8);
  EXPECT_TRUE(text_style(true, 90, environment({{"LANG", "de_DE.UTF-8"}})).utf8);
  EXPECT_TRUE(text_style(false, 90, environment({{"LC_CTYPE", "C.utf8"}})).utf8);
  EXPECT_FALSE(text_style(true, 90, environment({{"LC_ALL", "C"}, {"LANG", "C.UTF-8"}})).utf8);
  EXPECT_TRUE(text_style(true, 90, environment({{"LC_ALL", ""}, {"LANG", "C.UTF-8"}})).utf8);
}

TEST(Console, TheWidthStaysWithinItsBounds) {
  EXPECT_EQ(text_style(true, 20, environment({})).width, kTextWidthMin);
  EXPECT_EQ(text_style(true, 93, environment({})).width, 93U);
  EXPECT_EQ(text_style(true, 400, environment({})).width, kTextWidthMax);
  EXPECT_EQ(text_style(true, 0, environment({})).width, kTextWidthDefault);
  EXPECT_EQ(text_style(false, 93, environment({})).width, kTextWidthDefault);
}

}  // namespace
}  // namespace assay
