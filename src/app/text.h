// Text for people: colours, columns, numbers, and making text from outside safe to print. All
// functions are pure; what the terminal can do comes in as a TextStyle. Tested in text_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

inline constexpr size_t kTextWidthMin = 80;
inline constexpr size_t kTextWidthMax = 100;
inline constexpr size_t kTextWidthDefault = 88;  // where the output is no terminal

struct TextStyle {
  bool color = false;
  bool utf8 = false;
  size_t width = kTextWidthDefault;  // in [kTextWidthMin, kTextWidthMax]
};

// Drawing characters, each one column wide.
struct Glyphs {
  std::string_view horizontal, heavy, vertical, top_left, top_right, bottom_left, bottom_right;
  std::string_view axis_left, axis_right, interval_left, interval_right, point, margin;
  std::string_view equal, unequal, arrow, check, cross, dot, ellipsis, bullet, low, high;
  std::string_view bar_fill, bar_empty, delta, up_to;
  bool eighths;  // bars may end in U+258F … U+2589
};
const Glyphs& glyphs(const TextStyle& style);

enum class Paint : uint8_t {
  kBold,
  kDim,
  kGood,
  kWarn,
  kBad,
  kAccent,
  kGoodBadge,
  kWarnBadge,
  kBadBadge,
};
// The text in that colour, or as it is when the style has none.
std::string paint(const TextStyle& style, Paint paint, std::string_view text);

// Columns that the text takes: code points, colour sequences not counted. (What Assay prints of its
// own is one column a code point; a path in another script may be off by a few.)
size_t display_width(std::string_view text);
std::string pad_right(std::string text, size_t width);
std::string pad_left(std::string text, size_t width);
std::string repeat(std::string_view text, size_t count);
// At most `width` columns, the middle replaced by an ellipsis. Pre: no colour sequences in it.
std::string shorten_middle(const TextStyle& style, const std::string& text, size_t width);
// The same for a path: whole leading folders are left out first.
std::string shorten_path(const TextStyle& style, const std::string& path, size_t width);
// Lines of at most `width` columns, broken at spaces; a longer word stays whole. Pre: no colour
// sequences.
std::vector<std::string> wrap(std::string_view text, size_t width);

// Safe for a terminal: control characters and invalid UTF-8 as \xNN, and when the style is not
// UTF-8 every non-ASCII byte too. keep_layout lets newline and tab through.
std::string printable(const TextStyle& style, std::string_view text, bool keep_layout = false);
// One shell word: quoted when it needs to be.
std::string shell_quote(const std::string& text);

// log10 and powers of ten, for axes and numbers on the screen. Pre: x > 0.
double log10_of(double x);
double power_of_ten(double exponent);
// The smallest of 1, 1.5, 2, 3, 5, 7.5 times a power of ten that is not below x, at most 1. Pre: x
// > 0.
double round_up(double x);

std::string format_count(uint64_t count);          // "18,432"
std::string format_parameters(uint64_t count);     // "331K", "1.1B"
std::string format_real(double value);             // three significant digits: "0.0123", "1.2e-07"
std::string format_percent(double fraction);       // "2 %", "29.2 %", "0.022 %"
std::string format_seconds(double seconds);        // "0.84 s", "2 min 05 s", "1 h 02 min"
std::string format_rate(double bytes_per_second);  // "812 MB/s"
// The odds of a wrong verdict: "1 time in 100".
std::string format_odds(double probability);
// exp(log_value) in decimal: "312", "3.1e+17".
std::string format_exp(double log_value);

}  // namespace assay
