#include "app/text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assay {
namespace {

constexpr TextStyle kUtf8{.color = false, .utf8 = true};
constexpr TextStyle kAscii{.color = false, .utf8 = false};
constexpr TextStyle kColor{.color = true, .utf8 = true};

TEST(Text, EveryGlyphFitsItsAlphabet) {
  const Glyphs& g = glyphs(kAscii);
  for (const std::string_view glyph :
       {g.horizontal,   g.heavy,     g.vertical,   g.top_left,      g.top_right,      g.bottom_left,
        g.bottom_right, g.axis_left, g.axis_right, g.interval_left, g.interval_right, g.point,
        g.margin,       g.equal,     g.unequal,    g.arrow,         g.check,          g.cross,
        g.ellipsis,     g.bar_fill,  g.bar_empty,  g.delta,         g.up_to}) {
    for (const char c : glyph) EXPECT_TRUE(c > 0x20 && c < 0x7F) << glyph;
  }
}

TEST(Text, ColourAddsNoWidthAndIsAbsentWithoutIt) {
  EXPECT_EQ(paint(kUtf8, Paint::kBad, "x"), "x");
  const std::string red = paint(kColor, Paint::kBad, "ab");
  EXPECT_EQ(red, "\033[31mab\033[0m");
  EXPECT_EQ(display_width(red), 2U);
  EXPECT_EQ(pad_right(red, 4), red + "  ");
  EXPECT_EQ(pad_left("δ", 3), "  δ");
}

TEST(Text, WrapKeepsWordsAndTheWidth) {
  const std::string text = "one two three four five six seven eight nine ten eleven twelve";
  for (size_t width = 6; width < 40; ++width) {
    std::string joined;
    for (const std::string& line : wrap(text, width)) {
      EXPECT_LE(display_width(line), width);
      joined += (joined.empty() ? "" : " ") + line;
    }
    EXPECT_EQ(joined, text);
  }
  EXPECT_TRUE(wrap("", 10).empty());
  EXPECT_EQ(wrap("incomprehensible", 5), std::vector<std::string>{"incomprehensible"});
}

TEST(Text, WrapKeepsThePercentSignWithItsNumber) {
  const std::vector<std::string> lines = wrap("differ by 29.2 % today", 15);
  EXPECT_EQ(lines, (std::vector<std::string>{"differ by", "29.2 % today"}));
}

TEST(Text, ShorteningKeepsTheEndsAndTheWidth) {
  const std::string name = "a-very-long-name-of-a-model-Q8_0.gguf";
  for (size_t width = 5; width < name.size(); ++width) {
    for (const TextStyle& style : {kUtf8, kAscii}) {
      EXPECT_EQ(display_width(shorten_middle(style, name, width)), width);
    }
  }
  EXPECT_EQ(shorten_middle(kUtf8, name, 12), "a-ve…_0.gguf");
  EXPECT_EQ(shorten_middle(kUtf8, name, name.size()), name);
}

TEST(Text, PathsLoseLeadingFoldersFirst) {
  const std::string path = "one/two/three/model.gguf";
  EXPECT_EQ(shorten_path(kUtf8, path, 24), path);
  EXPECT_EQ(shorten_path(kUtf8, path, 23), "…/two/three/model.gguf");
  EXPECT_EQ(shorten_path(kUtf8, path, 12), "…/model.gguf");
  EXPECT_EQ(display_width(shorten_path(kUtf8, path, 8)), 8U);
  EXPECT_EQ(shorten_path(kAscii, "a/b/", 3), "b/");
}

TEST(Text, NothingFromOutsideCanSteerTheTerminal) {
  EXPECT_EQ(printable(kUtf8, "a\033[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable(kUtf8,
                      "\xC2\x9B"
                      "31m"),
            "\\xc2\\x9b31m");  // the one-character CSI
  EXPECT_EQ(printable(kUtf8, "tab\tline\n"), "tab\\x09line\\x0a");
  EXPECT_EQ(printable(kUtf8, "tab\tline\n", true), "tab\tline\n");
  EXPECT_EQ(printable(kUtf8, "\xFFé"), "\\xffé");
  EXPECT_EQ(printable(kAscii, "é"), "\\xc3\\xa9");
}

TEST(Text, ShellQuotingSurvivesAShell) {
  EXPECT_EQ(shell_quote("dir/model-1.gguf"), "dir/model-1.gguf");
  EXPECT_EQ(shell_quote("my model"), "'my model'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("$HOME"), "'$HOME'");
}

TEST(Text, NumbersReadAsPeopleWriteThem) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_parameters(331328), "331K");
  EXPECT_EQ(format_parameters(999'999), "1M");
  EXPECT_EQ(format_parameters(1'100'048'384), "1.1B");
  EXPECT_EQ(format_real(0), "0");
  EXPECT_EQ(format_real(0.01234), "0.0123");
  EXPECT_EQ(format_real(1.23e-7), "1.2e-07");
  EXPECT_EQ(format_percent(0.02), "2 %");
  EXPECT_EQ(format_percent(0.2921), "29.2 %");
  EXPECT_EQ(format_percent(0.000223), "0.0223 %");
  EXPECT_EQ(format_percent(1), "100 %");
  EXPECT_EQ(format_percent(0.99999), "99.99 %") << "nearly all is not all";
  EXPECT_EQ(format_seconds(0.839), "0.84 s");
  EXPECT_EQ(format_seconds(125), "2 min 05 s");
  EXPECT_EQ(format_seconds(7500), "2 h 05 min");
  EXPECT_EQ(format_rate(812e6), "812 MB/s");
  EXPECT_EQ(format_odds(0.01), "1 time in 100");
  EXPECT_EQ(format_odds(0.05), "1 time in 20");
  EXPECT_EQ(format_odds(0.3), "1 time in 3");
}

TEST(Text, ExponentialsNeverOverflow) {
  EXPECT_EQ(format_exp(0), "1");
  EXPECT_EQ(format_exp(std::log(200.0)), "200");
  EXPECT_EQ(format_exp(94.5), "1.1e+41");
  EXPECT_EQ(format_exp(1e5), "2.8e+43429");
  EXPECT_EQ(format_exp(std::log(9.99e20)), "1.0e+21");
}

TEST(Text, AxisEndsAreRoundAndNotBelowTheValue) {
  for (double x = 1e-9; x < 1; x *= 1.07) {
    const double up = round_up(x);
    EXPECT_GE(up, x * (1 - 1e-9));
    EXPECT_LE(up, x * 1.7);
  }
  EXPECT_DOUBLE_EQ(round_up(0.37), 0.5);
  EXPECT_DOUBLE_EQ(round_up(7), 1);
}

}  // namespace
}  // namespace assay
