#include "app/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/detmath.h"
#include "model/utf8.h"

namespace assay {
namespace {

constexpr Glyphs kUnicode = {
    .horizontal = "─",
    .heavy = "━",
    .vertical = "│",
    .top_left = "╭",
    .top_right = "╮",
    .bottom_left = "╰",
    .bottom_right = "╯",
    .axis_left = "├",
    .axis_right = "┤",
    .interval_left = "┣",
    .interval_right = "┫",
    .point = "●",
    .margin = "┊",
    .equal = "=",
    .unequal = "≠",
    .arrow = "◀",
    .check = "✓",
    .cross = "✗",
    .dot = "·",
    .ellipsis = "…",
    .bullet = "•",
    .low = "▕",
    .high = "▏",
    .bar_fill = "█",
    .bar_empty = "░",
    .delta = "δ",
    .up_to = "–",
    .eighths = true,
};

constexpr Glyphs kAscii = {
    .horizontal = "-",
    .heavy = "=",
    .vertical = "|",
    .top_left = "+",
    .top_right = "+",
    .bottom_left = "+",
    .bottom_right = "+",
    .axis_left = "|",
    .axis_right = "|",
    .interval_left = "[",
    .interval_right = "]",
    .point = "o",
    .margin = ":",
    .equal = "=",
    .unequal = "x",
    .arrow = "<-",
    .check = "ok",
    .cross = "FAILED",
    .dot = "-",
    .ellipsis = "...",
    .bullet = "*",
    .low = "[",
    .high = "]",
    .bar_fill = "#",
    .bar_empty = ".",
    .delta = "delta",
    .up_to = "-",
    .eighths = false,
};

constexpr double kLn10 = 2.302585092994046;

bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

template <typename... Args>
std::string format(const char* pattern, Args... args) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), pattern, args...);
  return buffer.data();
}

}  // namespace

const Glyphs& glyphs(const TextStyle& style) { return style.utf8 ? kUnicode : kAscii; }

std::string paint(const TextStyle& style, Paint paint, std::string_view text) {
  if (!style.color || text.empty()) return std::string(text);
  static constexpr std::array<std::string_view, 9> kCodes = {
      "1", "2", "32", "33", "31", "36", "1;97;42", "1;30;43", "1;97;41"};
  std::string out = "\033[";
  out += kCodes[static_cast<size_t>(paint)];
  out += 'm';
  out += text;
  out += "\033[0m";
  return out;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if (!is_continuation(text[i])) {
      ++width;
    }
  }
  return width;
}

std::string pad_right(std::string text, size_t width) {
  const size_t have = display_width(text);
  if (have < width) text.append(width - have, ' ');
  return text;
}

std::string pad_left(std::string text, size_t width) {
  const size_t have = display_width(text);
  if (have < width) text.insert(0, width - have, ' ');
  return text;
}

std::string repeat(std::string_view text, size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string shorten_middle(const TextStyle& style, const std::string& text, size_t width) {
  const std::string_view ellipsis = glyphs(style).ellipsis;
  if (display_width(text) <= width || width <= display_width(ellipsis)) return text;
  std::vector<std::string_view> points;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (end < text.size() && is_continuation(text[end])) ++end;
    points.push_back(std::string_view(text).substr(i, end - i));
    i = end;
  }
  // The end tells more than the start: it holds the file's name.
  const size_t kept = width - display_width(ellipsis);
  const size_t tail = kept * 2 / 3;
  const size_t head = kept - tail;
  std::string out;
  for (size_t i = 0; i < head; ++i) out += points[i];
  out += ellipsis;
  for (size_t i = points.size() - tail; i < points.size(); ++i) out += points[i];
  return out;
}

std::string shorten_path(const TextStyle& style, const std::string& path, size_t width) {
  if (display_width(path) <= width) return path;
  const std::string ellipsis(glyphs(style).ellipsis);
  for (size_t at = path.find('/', 1); at != std::string::npos && at + 1 < path.size();
       at = path.find('/', at + 1)) {
    std::string shorter = ellipsis + path.substr(at);
    if (display_width(shorter) <= width) return shorter;
  }
  const size_t slash = path.rfind('/', path.size() - 2);
  return shorten_middle(style, slash == std::string::npos ? path : path.substr(slash + 1), width);
}

std::vector<std::string> wrap(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    // A percent sign stays with its number: their width is taken together.
    const bool percent = text.substr(std::min(at, text.size())).starts_with('%');
    const size_t taken = display_width(word) + (percent ? 3 : 0);
    if (!line.empty() && word.front() != '%' && display_width(line) + 1 + taken > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

std::string printable(const TextStyle& style, std::string_view text, bool keep_layout) {
  std::string out;
  const auto escape = [&out](char c) {
    out += format("\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
  };
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_prefix(text.substr(i));
    const auto first = static_cast<uint8_t>(text[i]);
    // C1 controls (U+0080 … U+009F) act on some terminals like ESC does.
    const bool c1 = length == 2 && first == 0xC2 && static_cast<uint8_t>(text[i + 1]) < 0xA0;
    const bool control = length == 1 && (first < 0x20 || first == 0x7F);
    const bool layout = keep_layout && (text[i] == '\n' || text[i] == '\t');
    if (length == 0) {
      escape(text[i]);
      ++i;
      continue;
    }
    if ((control && !layout) || c1 || (length > 1 && !style.utf8)) {
      for (size_t k = 0; k < length; ++k) escape(text[i + k]);
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
  return out;
}

std::string shell_quote(const std::string& text) {
  static constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!text.empty() && text.find_first_not_of(kSafe) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

double log10_of(double x) { return det_log(x) / kLn10; }

double power_of_ten(double exponent) { return det_pow(10, exponent); }

double round_up(double x) {
  const double decade = power_of_ten(std::floor(log10_of(x)));
  for (const double step : {1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0}) {
    if (step * decade >= x * (1 - 1e-12)) return std::min(step * decade, 1.0);
  }
  return 1;
}

std::string format_count(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string format_parameters(uint64_t count) {
  const auto x = static_cast<double>(count);
  if (x < 999.5) return std::to_string(count);
  if (x < 999.5e3) return format("%.3gK", x / 1e3);
  if (x < 999.5e6) return format("%.3gM", x / 1e6);
  return format("%.3gB", x / 1e9);
}

std::string format_real(double value) {
  if (value == 0) return "0";
  const double size = std::fabs(value);
  if (size < 1e-4 || size >= 1e6) return format("%.1e", value);
  return format("%.3g", value);
}

std::string format_percent(double fraction) {
  const double percent = 100 * fraction;
  if (percent != 0 && std::fabs(percent) < 1e-3) return format("%.1e %%", percent);
  // Never rounded up to 100 %: "nearly all" is not "all".
  if (percent >= 99 && percent < 100) return format("%.4g %%", std::min(percent, 99.99));
  return format("%.3g %%", percent);
}

std::string format_seconds(double seconds) {
  if (seconds < 10) return format("%.2f s", seconds);
  if (seconds < 120) return format("%.1f s", seconds);
  const auto whole = static_cast<long long>(seconds);
  if (whole < 7200) return format("%lld min %02lld s", whole / 60, whole % 60);
  return format("%lld h %02lld min", whole / 3600, whole / 60 % 60);
}

std::string format_rate(double bytes_per_second) {
  if (bytes_per_second >= 1e9) return format("%.2f GB/s", bytes_per_second / 1e9);
  if (bytes_per_second >= 1e6) return format("%.0f MB/s", bytes_per_second / 1e6);
  return format("%.0f kB/s", bytes_per_second / 1e3);
}

std::string format_odds(double probability) {
  const double odds = std::floor(1 / probability * (1 + 1e-12));
  return "1 time in " + format_count(static_cast<uint64_t>(std::min(odds, 1e15)));
}

std::string format_exp(double log_value) {
  if (log_value < 9.2) return format("%.3g", det_exp(log_value));
  const double log10_value = log_value / kLn10;
  double exponent = std::floor(log10_value);
  double mantissa = power_of_ten(log10_value - exponent);
  if (mantissa >= 9.95) {  // would print as 10.0
    mantissa = 1;
    exponent += 1;
  }
  return format("%.1fe+%.0f", mantissa, exponent);
}

}  // namespace assay
