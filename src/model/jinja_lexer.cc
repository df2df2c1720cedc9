#include "model/jinja_lexer.h"

#include <array>
#include <charconv>
#include <optional>

#include "model/unicode.h"

namespace assay::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<uint8_t>(c) >= 0x80;
}
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// \r\n and \r as \n, and without the one at the end.
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      out.push_back('\n');
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

size_t leading_space(std::string_view text) {
  size_t bytes = 0;
  while (bytes < text.size()) {
    const CodePoint c = first_code_point(text.substr(bytes));
    if (!is_space(c.value)) break;
    bytes += c.bytes;
  }
  return bytes;
}

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = last_code_point(text);
    if (!is_space(c.value)) break;
    text.remove_suffix(c.bytes);
  }
  return text;
}

enum class Tag : uint8_t { kVariable, kBlock, kComment, kRaw };

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view name)
      : source_(with_plain_newlines(source)), rest_(source_), name_(name) {}

  Result<std::vector<Token>> run() {
    while (!rest_.empty()) ASSAY_RETURN_IF_ERROR(text_and_tag());
    add(TokenType::kEnd);
    return std::move(tokens_);
  }

 private:
  Status error(const std::string& what) const {
    return data_loss(place(name_, line_, column_) + what);
  }

  // Goes on by bytes, counting lines and columns.
  void skip(size_t bytes) {
    for (const char c : rest_.substr(0, bytes)) {
      if (c == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<uint8_t>(c) & 0xC0U) != 0x80) {
        ++column_;
      }
    }
    rest_.remove_prefix(bytes);
  }

  Token& add(TokenType type, std::string text = {}) {
    tokens_.push_back({.type = type, .text = std::move(text), .line = line_, .column = column_});
    return tokens_.back();
  }

  // The text before the next tag, trimmed as the tag's sign and lstrip_blocks say.
  std::string_view trimmed(std::string_view text, char sign, bool strips_line) const {
    if (sign == '-') return without_trailing_space(text);
    if (sign == '+' || !strips_line) return text;
    const size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
    if (line == 0 && !line_starting_) return text;
    return leading_space(text.substr(line)) == text.size() - line ? text.substr(0, line) : text;
  }

  // {% raw %}: the bytes after the sign up to behind the tag, or 0.
  static size_t raw_tag(std::string_view tag, std::string_view word) {
    size_t at = leading_space(tag);
    if (!tag.substr(at).starts_with(word)) return 0;
    at += word.size();
    at += leading_space(tag.substr(at));
    if (tag.substr(at).starts_with("-%}")) return at + 3 + leading_space(tag.substr(at + 3));
    if (tag.substr(at).starts_with("%}")) return at + 2;
    return 0;
  }

  Status text_and_tag() {
    size_t at = 0;
    for (;; ++at) {
      at = rest_.find('{', at);
      if (at == std::string_view::npos || at + 1 >= rest_.size()) {
        if (!rest_.empty()) add(TokenType::kText, std::string(rest_));
        skip(rest_.size());
        return ok_status();
      }
      if (rest_[at + 1] == '{' || rest_[at + 1] == '%' || rest_[at + 1] == '#') break;
    }
    const char second = rest_[at + 1];
    const char after = at + 2 < rest_.size() ? rest_[at + 2] : '\0';
    const char sign = after == '-' || after == '+' ? after : '\0';
    const size_t begin = at + (sign == '\0' ? 2 : 3);
    const std::string_view text = trimmed(rest_.substr(0, at), sign, second != '{');
    if (!text.empty()) add(TokenType::kText, std::string(text));
    const size_t raw = second == '%' ? raw_tag(rest_.substr(begin), "raw") : 0;
    skip(begin);
    line_starting_ = false;
    if (second == '#') return comment();
    if (raw == 0) return expression_tag(second == '{' ? Tag::kVariable : Tag::kBlock);
    return raw_block(raw);
  }

  // The bytes that an end of a tag takes at the beginning of text, 0 when none is there: the sign,
  // the white space behind it or, with trim_blocks, one newline.
  static size_t tag_end(std::string_view text, std::string_view end, bool trims_newline) {
    if (text.starts_with('-') && text.substr(1).starts_with(end)) {
      const size_t bytes = 1 + end.size();
      return bytes + leading_space(text.substr(bytes));
    }
    if (trims_newline && text.starts_with('+') && text.substr(1).starts_with(end)) {
      return 1 + end.size();
    }
    if (!text.starts_with(end)) return 0;
    return end.size() + (trims_newline && text.substr(end.size()).starts_with('\n') ? 1 : 0);
  }

  void skip_end(size_t bytes) {
    line_starting_ = bytes > 0 && rest_[bytes - 1] == '\n';
    skip(bytes);
  }

  Status comment() {
    if (rest_.empty()) return ok_status();  // jinja2 lets it be
    // The sign, if any, belongs to the end: look for "#}" and one character before it.
    const size_t at = rest_.find("#}");
    if (at == std::string_view::npos) return error("the comment has no end");
    const bool has_sign = at > 0 && (rest_[at - 1] == '-' || rest_[at - 1] == '+');
    const size_t end = has_sign ? at - 1 : at;
    const size_t bytes = tag_end(rest_.substr(end), "#}", true);
    skip(end);
    skip_end(bytes);
    return ok_status();
  }

  Status raw_block(size_t tag) {
    skip_end(tag);
    if (rest_.empty()) return ok_status();  // jinja2 lets it be
    for (size_t at = 0;; ++at) {
      at = rest_.find("{%", at);
      if (at == std::string_view::npos) return error("the raw block has no endraw");
      const char after = at + 2 < rest_.size() ? rest_[at + 2] : '\0';
      const char sign = after == '-' || after == '+' ? after : '\0';
      const size_t word = at + (sign == '\0' ? 2 : 3);
      size_t end = word + leading_space(rest_.substr(word));
      if (!rest_.substr(end).starts_with("endraw")) continue;
      end += 6;
      end += leading_space(rest_.substr(end));
      const size_t bytes = tag_end(rest_.substr(end), "%}", true);
      if (bytes == 0) continue;
      const std::string_view text = trimmed(rest_.substr(0, at), sign, true);
      if (!text.empty()) add(TokenType::kText, std::string(text));
      skip_end(end + bytes);
      return ok_status();
    }
  }

  Status expression_tag(Tag tag) {
    const bool variable = tag == Tag::kVariable;
    const std::string_view end = variable ? "}}" : "%}";
    add(variable ? TokenType::kVariableBegin : TokenType::kBlockBegin);
    std::string open;  // the brackets that are open; none of a tag's ends counts within
    for (;;) {
      if (open.empty()) {
        const size_t bytes = tag_end(rest_, end, !variable);
        if (bytes > 0) {
          add(variable ? TokenType::kVariableEnd : TokenType::kBlockEnd);
          skip_end(bytes);
          return ok_status();
        }
      }
      if (rest_.empty()) return error(variable ? "{{ has no }}" : "{% has no %}");
      const size_t space = leading_space(rest_);
      if (space > 0) {
        skip(space);
        continue;
      }
      ASSAY_RETURN_IF_ERROR(token(open));
    }
  }

  Status token(std::string& open) {
    const char c = rest_.front();
    if (is_digit(c)) return number();
    // A float never starts with its point: that is an attribute.
    if (is_name_start(c)) {
      size_t bytes = 1;
      while (bytes < rest_.size() && is_name_part(rest_[bytes])) ++bytes;
      add(TokenType::kName, std::string(rest_.substr(0, bytes)));
      skip(bytes);
      return ok_status();
    }
    if (c == '\'' || c == '"') return string();
    return op(open);
  }

  Status op(std::string& open) {
    constexpr std::array<std::string_view, 26> kOperators = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    for (const std::string_view text : kOperators) {
      if (!rest_.starts_with(text)) continue;
      if (text == "(" || text == "[" || text == "{") {
        open.push_back(text[0]);
      } else if (text == ")" || text == "]" || text == "}") {
        const char begin = text == ")" ? '(' : text == "]" ? '[' : '{';
        if (open.empty() || open.back() != begin) {
          return error("'" + std::string(text) + "' closes nothing");
        }
        open.pop_back();
      }
      add(TokenType::kOperator, std::string(text));
      skip(text.size());
      return ok_status();
    }
    return error("the character '" +
                 std::string(rest_.substr(0, std::max<size_t>(1, first_code_point(rest_).bytes))) +
                 "' has no meaning here");
  }

  // Digits with single underscores between them.
  static size_t digits(std::string_view text, int base) {
    size_t bytes = 0;
    const auto is_one = [&](size_t at) {
      const int digit = at < text.size() ? hex_digit(text[at]) : -1;
      return digit >= 0 && digit < base;
    };
    while (is_one(bytes) ||
           (bytes > 0 && bytes < text.size() && text[bytes] == '_' && is_one(bytes + 1))) {
      ++bytes;
    }
    return bytes;
  }

  static std::string without_underscores(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c != '_') out.push_back(c);
    }
    return out;
  }

  Status integer(std::string_view text, int base, size_t bytes) {
    const std::string plain = without_underscores(text);
    int64_t value = 0;
    const auto [end, failure] =
        std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
    if (failure != std::errc()) return error("the integer " + plain + " has more than 63 bits");
    add(TokenType::kInteger, std::string(rest_.substr(0, bytes))).integer = value;
    skip(bytes);
    return ok_status();
  }

  Status decimal(size_t bytes) {
    // 08 is a zero and an eight, as in jinja2.
    if (rest_[0] == '0') {
      const size_t other = rest_.substr(0, bytes).find_first_not_of("0_");
      if (other != rest_.npos) bytes = rest_[other - 1] == '_' ? other - 1 : other;
    }
    return integer(rest_.substr(0, bytes), 10, bytes);
  }

  Status number() {
    const char letter = rest_.size() > 1 ? static_cast<char>(rest_[1] | 0x20) : '\0';
    if (rest_[0] == '0' && (letter == 'x' || letter == 'o' || letter == 'b')) {
      const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
      const size_t bytes = digits(rest_.substr(2), base);
      if (bytes > 0) return integer(rest_.substr(2, bytes), base, bytes + 2);
    }
    const size_t whole = digits(rest_, 10);
    size_t end = whole;
    // Behind a point it is an index: ll.1.0 is ll[1][0].
    const bool is_index = !tokens_.empty() && tokens_.back().text == "." &&
                          tokens_.back().type == TokenType::kOperator && rest_.data()[-1] == '.';
    if (is_index) return decimal(whole);
    if (rest_.substr(end).starts_with('.')) {
      const size_t fraction = digits(rest_.substr(end + 1), 10);
      if (fraction > 0) end += 1 + fraction;
    }
    if (end < rest_.size() && (rest_[end] | 0x20) == 'e') {
      size_t exponent = end + 1;
      if (exponent < rest_.size() && (rest_[exponent] == '+' || rest_[exponent] == '-')) ++exponent;
      const size_t count = digits(rest_.substr(exponent), 10);
      if (count > 0) end = exponent + count;
    }
    if (end == whole) return decimal(whole);
    const std::string plain = without_underscores(rest_.substr(0, end));
    double value = 0;
    const auto [stop, failure] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
    if (failure != std::errc()) return error("the number " + plain + " is out of range");
    add(TokenType::kFloat, std::string(rest_.substr(0, end))).number = value;
    skip(end);
    return ok_status();
  }

  Status string() {
    const char quote = rest_.front();
    size_t end = 1;
    while (end < rest_.size() && rest_[end] != quote) end += rest_[end] == '\\' ? 2U : 1U;
    if (end >= rest_.size()) return error("the string has no end");
    ASSAY_ASSIGN_OR_RETURN(std::string text, unescaped(rest_.substr(1, end - 1)));
    add(TokenType::kString, std::move(text));
    skip(end + 1);
    return ok_status();
  }

  // What Python's unicode-escape makes of a literal.
  Result<std::string> unescaped(std::string_view text) const {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out.push_back(text[i]);
        continue;
      }
      const char c = text[++i];  // the literal does not end in a single backslash
      constexpr std::string_view kLetters = "\\'\"abfnrtv\n";
      constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
      const size_t letter = kLetters.find(c);
      if (letter < kMeanings.size()) {
        out.push_back(kMeanings[letter]);
      } else if (c == '\n') {
        // A line goes on.
      } else if (c >= '0' && c <= '7') {
        uint32_t value = 0;
        size_t count = 0;
        for (; count < 3 && i + count < text.size(); ++count) {
          const int digit = hex_digit(text[i + count]);
          if (digit < 0 || digit > 7) break;
          value = value * 8 + static_cast<uint32_t>(digit);
        }
        append_utf8(out, value);
        i += count - 1;
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        ASSAY_ASSIGN_OR_RETURN(const uint32_t value, hex(text.substr(i + 1), count));
        append_utf8(out, value);
        i += count;
      } else if (c == 'N') {
        return unimplemented(place(name_, line_, column_) +
                             "characters by name (\\N{...}) are not supported");
      } else {
        out.push_back('\\');
        out.push_back(c);
      }
    }
    return out;
  }

  Result<uint32_t> hex(std::string_view text, size_t count) const {
    uint32_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      const int digit = i < text.size() ? hex_digit(text[i]) : -1;
      if (digit < 0) return error("an escape in the string is cut off");
      value = value << 4 | static_cast<uint32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
      return error("an escape in the string is no character");
    }
    return value;
  }

  std::string source_;
  std::string_view rest_;
  std::string_view name_;
  std::vector<Token> tokens_;
  uint32_t line_ = 1;
  uint32_t column_ = 1;
  bool line_starting_ = true;
};

}  // namespace

std::string place(std::string_view name, uint32_t line, uint32_t column) {
  return std::string(name) + ", line " + std::to_string(line) + ", column " +
         std::to_string(column) + ": ";
}

bool is_space(uint32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

Result<std::vector<Token>> tokenize(std::string_view source, std::string_view name) {
  return Lexer(source, name).run();
}

}  // namespace assay::jinja
