#include "model/jinja_text.h"

#include <algorithm>

#include "model/jinja_lexer.h"
#include "model/jinja_value.h"
#include "model/unicode.h"

namespace assay::jinja {
namespace {

// Calls visit(character, its bytes) for each character of text, in order.
template <typename Visit>
void for_each_character(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(1, c.bytes));
    visit(c.bytes == 0 ? uint32_t{0xFFFD} : c.value, bytes);
    text.remove_prefix(bytes.size());
  }
}

// The characters whose upper case is several, of those that occur in names and prose.
std::string_view long_upper_case(uint32_t c) {
  switch (c) {
    case 0xDF:
      return "SS";
    case 0x149:
      return "\xCA\xBCN";
    case 0x1F0:
      return "J\xCC\x8C";
    case 0x587:
      return "\xD4\xB5\xD5\x92";
    case 0xFB00:
      return "FF";
    case 0xFB01:
      return "FI";
    case 0xFB02:
      return "FL";
    case 0xFB03:
      return "FFI";
    case 0xFB04:
      return "FFL";
    case 0xFB05:
    case 0xFB06:
      return "ST";
    default:
      return {};
  }
}

void append_upper(std::string& out, uint32_t c) {
  const std::string_view many = long_upper_case(c);
  if (many.empty()) {
    append_utf8(out, upper_case_of(c));
  } else {
    out += many;
  }
}

void append_title(std::string& out, uint32_t c) {
  const std::string_view many = long_upper_case(c);
  if (many.empty()) {
    append_utf8(out, title_case_of(c));
  } else if (c == 0x149 || c == 0x1F0) {
    out += many;
  } else {
    // One capital, the rest small.
    const size_t first = character_bytes(many);
    out += many.substr(0, first);
    out += assay::lower_case(many.substr(first));
  }
}

constexpr uint32_t kSigma = 0x3A3;
constexpr uint32_t kFinalSigma = 0x3C2;

// The characters that stand between letters without ending a word: marks and what joins.
bool is_case_ignorable(uint32_t c) {
  return is_mark(c) || is_control(c) || c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' ||
         c == 0xA8 || c == 0xAD || c == 0xAF || c == 0xB4 || c == 0xB7 || c == 0xB8 || c == 0x2019;
}

bool starts_with_cased(std::string_view text) {
  bool cased = false;
  bool decided = false;
  while (!decided && !text.empty()) {
    const CodePoint c = first_code_point(text);
    if (!is_case_ignorable(c.value)) {
      cased = is_cased(c.value);
      decided = true;
    }
    text.remove_prefix(std::max<size_t>(1, c.bytes));
  }
  return cased;
}

bool ends_with_cased(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = last_code_point(text);
    if (!is_case_ignorable(c.value)) return is_cased(c.value);
    text.remove_suffix(std::max<size_t>(1, c.bytes));
  }
  return false;
}

void append_lower(std::string& out, std::string_view text, std::string_view bytes, uint32_t c) {
  if (c != kSigma) {
    out += assay::lower_case(bytes);
    return;
  }
  const auto at = static_cast<size_t>(bytes.data() - text.data());
  const bool is_final =
      ends_with_cased(text.substr(0, at)) && !starts_with_cased(text.substr(at + bytes.size()));
  append_utf8(out, is_final ? kFinalSigma : assay::first_code_point("\xCF\x83").value);
}

bool holds_character(std::string_view set, std::string_view character) {
  for (size_t at = set.find(character); at != set.npos; at = set.find(character, at + 1)) {
    if ((static_cast<uint8_t>(set[at]) & 0xC0U) != 0x80) return true;
  }
  return false;
}

bool is_line_end(uint32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

std::vector<std::string_view> split_at_space(std::string_view text, const SplitOptions& options) {
  std::vector<std::string_view> out;
  const Side near = options.from_right ? Side::kRight : Side::kLeft;
  for (;;) {
    text = stripped(text, near);
    if (text.empty()) return out;
    if (options.splits_max >= 0 && static_cast<int64_t>(out.size()) == options.splits_max) {
      // What is left keeps its inner space, and loses that at its other end as Python has it.
      out.push_back(options.from_right ? stripped(text, Side::kRight) : text);
      return out;
    }
    size_t bytes = 0;
    while (bytes < text.size()) {
      const CodePoint c = options.from_right ? last_code_point(text.substr(0, text.size() - bytes))
                                             : first_code_point(text.substr(bytes));
      if (is_space(c.value)) break;
      bytes += std::max<size_t>(1, c.bytes);
    }
    out.push_back(options.from_right ? text.substr(text.size() - bytes) : text.substr(0, bytes));
    if (options.from_right) {
      text.remove_suffix(bytes);
    } else {
      text.remove_prefix(bytes);
    }
  }
}

}  // namespace

std::string_view stripped(std::string_view text, Side side, std::optional<std::string_view> of) {
  const auto goes = [&](const CodePoint& c, std::string_view bytes) {
    return of ? holds_character(*of, bytes) : is_space(c.value);
  };
  while (side != Side::kRight && !text.empty()) {
    const CodePoint c = first_code_point(text);
    if (c.bytes == 0 || !goes(c, text.substr(0, c.bytes))) break;
    text.remove_prefix(c.bytes);
  }
  while (side != Side::kLeft && !text.empty()) {
    const CodePoint c = last_code_point(text);
    if (c.bytes == 0 || !goes(c, text.substr(text.size() - c.bytes))) break;
    text.remove_suffix(c.bytes);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, const SplitOptions& options) {
  std::vector<std::string_view> out;
  if (!options.separator) {
    out = split_at_space(text, options);
  } else {
    const std::string_view separator = *options.separator;
    while (options.splits_max < 0 || static_cast<int64_t>(out.size()) < options.splits_max) {
      const size_t at = options.from_right ? text.rfind(separator) : text.find(separator);
      if (at == text.npos) break;
      const std::string_view after = text.substr(at + separator.size());
      out.push_back(options.from_right ? after : text.substr(0, at));
      text = options.from_right ? text.substr(0, at) : after;
    }
    out.push_back(text);
  }
  if (options.from_right) std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = first_code_point(text.substr(at));
    const size_t bytes = std::max<size_t>(1, c.bytes);
    if (!is_line_end(c.value)) {
      at += bytes;
      continue;
    }
    const size_t end = text.substr(at).starts_with("\r\n") ? at + 2 : at + bytes;
    out.push_back(text.substr(begin, (keep_ends ? end : at) - begin));
    begin = at = end;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

size_t count_of(std::string_view text, std::string_view part) {
  if (part.empty()) return character_count(text) + 1;
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t count_max) {
  std::string out;
  int64_t count = 0;
  const auto may = [&] { return count_max < 0 || count < count_max; };
  if (from.empty()) {
    // Between all characters, as in Python.
    for (; !text.empty(); ++count) {
      if (may()) out += to;
      const size_t bytes = character_bytes(text);
      out += text.substr(0, bytes);
      text.remove_prefix(bytes);
    }
    if (may()) out += to;
    return out;
  }
  for (; may(); ++count) {
    const size_t at = text.find(from);
    if (at == text.npos) break;
    out += text.substr(0, at);
    out += to;
    text.remove_prefix(at + from.size());
  }
  out += text;
  return out;
}

std::string upper_case(std::string_view text) {
  std::string out;
  for_each_character(text, [&](uint32_t c, std::string_view) { append_upper(out, c); });
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out;
  for_each_character(
      text, [&](uint32_t c, std::string_view bytes) { append_lower(out, text, bytes, c); });
  return out;
}

std::string title_case(std::string_view text) {
  std::string out;
  bool in_word = false;
  for_each_character(text, [&](uint32_t c, std::string_view bytes) {
    if (in_word) {
      append_lower(out, text, bytes, c);
    } else {
      append_title(out, c);
    }
    in_word = is_cased(c);
  });
  return out;
}

std::string capitalized(std::string_view text) {
  std::string out;
  for_each_character(text, [&](uint32_t c, std::string_view bytes) {
    if (out.empty()) {
      append_title(out, c);
    } else {
      append_lower(out, text, bytes, c);
    }
  });
  return out;
}

std::string title_words(std::string_view text) {
  std::string out;
  bool at_start = true;
  for_each_character(text, [&](uint32_t c, std::string_view bytes) {
    const bool separates = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (at_start) {
      append_upper(out, c);
    } else {
      append_lower(out, text, bytes, c);
    }
    at_start = separates;
  });
  return out;
}

std::string_view characters(std::string_view text, size_t begin, size_t end) {
  const auto skip = [](std::string_view rest, size_t count) {
    size_t at = 0;
    for (; count > 0 && at < rest.size(); --count) at += character_bytes(rest.substr(at));
    return at;
  };
  const size_t from = skip(text, begin);
  return text.substr(from, skip(text.substr(from), end - begin));
}

}  // namespace assay::jinja
