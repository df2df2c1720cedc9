#include "model/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "model/utf8.h"

namespace assay {
namespace {

// Hangul syllables are composed by arithmetic, and one character decomposes into 18 at most
// (U+FDFA, compatibility).
constexpr utf8proc_ssize_t kDecompositionMax = 32;

utf8proc_category_t category(uint32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

uint8_t combining_class(int32_t c) {
  return static_cast<uint8_t>(utf8proc_get_property(c)->combining_class);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

// The canonical order of marks: by combining class, otherwise as they stood. utf8proc's own is a
// bubble sort, which is quadratic for a long run of marks; this one is not.
void sort_marks(std::vector<int32_t>& points) {
  constexpr int kPointBits = 21;
  constexpr int kClassAt = 56;
  std::vector<uint64_t> keys;  // class, place, code point: distinct, so any sort is stable
  const auto starts = [](int32_t c) { return combining_class(c) == 0; };
  for (auto at = points.begin(); at != points.end();) {
    const auto end = std::find_if(at, points.end(), starts);
    keys.clear();
    for (auto mark = at; mark != end; ++mark) {
      keys.push_back(uint64_t{combining_class(*mark)} << kClassAt |
                     uint64_t{keys.size()} << kPointBits | static_cast<uint64_t>(*mark));
    }
    std::sort(keys.begin(), keys.end());
    std::transform(keys.begin(), keys.end(), at, [](uint64_t key) {
      return static_cast<int32_t>(key & ((uint64_t{1} << kPointBits) - 1));
    });
    at = std::find_if_not(end, points.end(), starts);
  }
}

void append_normalized(std::string& out, std::string_view run, NormalForm form) {
  const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const int how = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  std::vector<int32_t> points;
  points.reserve(run.size());
  for (std::string_view rest = run; !rest.empty();) {
    const CodePoint c = first_code_point(rest);
    rest.remove_prefix(c.bytes);
    int32_t parts[kDecompositionMax];
    int boundary = 0;
    const auto count =
        utf8proc_decompose_char(static_cast<int32_t>(c.value), parts, kDecompositionMax,
                                static_cast<utf8proc_option_t>(how), &boundary);
    ASSAY_CHECK(count >= 0 && count <= kDecompositionMax);
    points.insert(points.end(), parts, parts + count);
  }
  sort_marks(points);
  auto size = static_cast<utf8proc_ssize_t>(points.size());
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) {
    size = utf8proc_normalize_utf32(
        points.data(), size, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    ASSAY_CHECK(size >= 0);
  }
  for (utf8proc_ssize_t i = 0; i < size; ++i) {
    append_utf8(out, static_cast<uint32_t>(points[static_cast<size_t>(i)]));
  }
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const size_t bytes = utf8_prefix(text);
  if (bytes == 0) return {};
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  static constexpr uint32_t kLeadMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  uint32_t value = byte(0) & kLeadMask[bytes];
  for (size_t i = 1; i < bytes; ++i) value = (value << 6) | (byte(i) & 0x3F);
  return {value, bytes};
}

CodePoint last_code_point(std::string_view text) {
  for (size_t bytes = 1; bytes <= std::min<size_t>(4, text.size()); ++bytes) {
    const CodePoint c = first_code_point(text.substr(text.size() - bytes));
    if (c.bytes == bytes) return c;
  }
  return {};
}

void append_utf8(std::string& out, uint32_t code_point) {
  uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<int32_t>(code_point), bytes);
  ASSAY_CHECK(size > 0);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

bool is_white_space(uint32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  if (c == 0x85) return true;
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL ||
         kind == UTF8PROC_CATEGORY_ZP;
}

bool is_nonspacing_mark(uint32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }

bool is_mark(uint32_t c) {
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC ||
         kind == UTF8PROC_CATEGORY_ME;
}

bool is_punctuation(uint32_t c) {
  if (c < 0x80) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  }
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool is_control(uint32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_CC && kind <= UTF8PROC_CATEGORY_CO;
}

bool is_assigned(uint32_t c) { return category(c) != UTF8PROC_CATEGORY_CN; }

bool is_cased(uint32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LT;
}

uint32_t upper_case_of(uint32_t c) {
  return static_cast<uint32_t>(utf8proc_toupper(static_cast<int32_t>(c)));
}

uint32_t title_case_of(uint32_t c) {
  return static_cast<uint32_t>(utf8proc_totitle(static_cast<int32_t>(c)));
}

bool is_word(uint32_t c) {
  const auto kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_ND) ||
         kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D;
}

bool is_cjk_ideograph(uint32_t c) {
  static constexpr uint32_t kBlocks[][2] = {
      {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
      {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kBlocks), std::end(kBlocks),
                     [&](const auto& block) { return c >= block[0] && c <= block[1]; });
}

void for_each_utf8_run(std::string_view text,
                       const std::function<void(std::string_view run, bool is_valid)>& visit) {
  size_t start = 0;
  bool valid = true;
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = utf8_prefix(text.substr(at));
    if ((bytes != 0) != valid) {
      if (at > start) visit(text.substr(start, at - start), valid);
      start = at;
      valid = bytes != 0;
    }
    at += std::max<size_t>(bytes, 1);
  }
  if (start < text.size()) visit(text.substr(start), valid);
}

std::string normalized(std::string_view text, NormalForm form) {
  if (is_ascii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for_each_utf8_run(text, [&](std::string_view run, bool is_valid) {
    if (is_valid) {
      append_normalized(out, run, form);
    } else {
      out += run;
    }
  });
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_utf8_run(text, [&](std::string_view run, bool is_valid) {
    if (!is_valid) {
      out += run;
      return;
    }
    for (; !run.empty();) {
      const CodePoint c = first_code_point(run);
      run.remove_prefix(c.bytes);
      // The one character whose lower case is two, whatever stands around it.
      if (c.value == 0x130) {
        out += "i\xCC\x87";
      } else {
        append_utf8(out, static_cast<uint32_t>(utf8proc_tolower(static_cast<int32_t>(c.value))));
      }
    }
  });
  return out;
}

std::string filtered(std::string_view text, const std::function<bool(uint32_t)>& keep) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const size_t bytes = std::max<size_t>(c.bytes, 1);
    if (c.bytes == 0 || keep(c.value)) out += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace assay
