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

std::string error_text(const Console& console, const std::string& message) {
  testing::internal::CaptureStderr();
  print_error(console, "verify", message);
  return testing::internal::GetCapturedStderr();
}

TEST(Console, AnErrorIsOneLineInAFileAndWrappedOnATerminal) {
  std::string message = "something is wrong with";
  for (int i = 0; i < 30; ++i) message += " word" + std::to_string(i);
  Console console;
  EXPECT_EQ(error_text(console, message), "assay verify: " + message + "\n");
  console.err_terminal = true;
  const std::string wrapped = error_text(console, message);
  EXPECT_TRUE(wrapped.starts_with("assay verify: something"));
  std::string joined;
  for (size_t begin = 0, end = 0; begin < wrapped.size(); begin = end + 1) {
    end = wrapped.find('\n', begin);
    EXPECT_LE(end - begin, console.err.width);
    joined +=
        (joined.empty() ? "" : " ") + wrapped.substr(begin, end - begin).substr(begin == 0 ? 0 : 2);
  }
  EXPECT_EQ(joined, "assay verify: " + message);
}

TEST(Console, AMessageFromAFileCannotSteerTheTerminal) {
  EXPECT_EQ(error_text({}, "bad name \033[2J"), "assay verify: bad name \\x1b[2J\n");
}

}  // namespace
}  // namespace assay
