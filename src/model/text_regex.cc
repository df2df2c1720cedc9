#include "model/text_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

#include "model/tensor_rules.h"
#include "model/utf8.h"

namespace assay {
namespace {

// A search first sees this much of the text, and four times as much whenever what it sees could
// match longer: a search costs what it finds, and not the length of the text that follows.
constexpr size_t kWindowBytes = 128;
// Steps of the matcher (PCRE2's match limit) in one such window. The patterns in use take up to 3 a
// byte.
constexpr size_t kStepsPerByte = 8;
constexpr size_t kStepsMin = 512;
// Windows searched in vain, summed over a text, in multiples of it. The patterns in use stay below
// 4: they come back to a character at most twice, and each search widens to 4/3 of what it found.
constexpr size_t kWasteFactor = 6;
constexpr size_t kWasteMin = size_t{64} << 10;
constexpr uint32_t kHeapKibMax = 64 << 10;
constexpr uint32_t kParenthesesDepthMax = 64;

bool is_ascii_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& source)
      : rest_(pattern), source_(source) {}

  Result<std::string> run() {
    while (!rest_.empty()) {
      if (rest_.front() == '\\') {
        ASSAY_RETURN_IF_ERROR(escape());
      } else if (in_class_) {
        ASSAY_RETURN_IF_ERROR(class_character());
      } else {
        ASSAY_RETURN_IF_ERROR(character());
      }
    }
    return std::move(out_);
  }

 private:
  Status refuse(const std::string& what) const {
    return unimplemented(source_ + ": the pattern has " + what + ", which is not supported");
  }

  void copy(size_t bytes) {
    out_ += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }
  void replace(size_t bytes, std::string_view by) {
    out_ += by;
    rest_.remove_prefix(bytes);
  }

  Status escape() {
    const char kind = rest_.size() > 1 ? rest_[1] : '\0';
    if (!is_ascii_letter_or_digit(kind)) {
      if (rest_.size() < 2) return refuse("a \\ at its end");
      copy(1 + std::max<size_t>(utf8_prefix(rest_.substr(1)), 1));
      return ok_status();
    }
    switch (kind) {
      case 'n':
      case 'r':
      case 't':
      case 'f':
      case 'x':
        copy(2);
        return ok_status();
      case 'p':
      case 'P':
        if (!rest_.substr(2).starts_with('{')) return refuse("a property without braces");
        copy(std::min(rest_.find('}'), rest_.size() - 1) + 1);
        return ok_status();
      case 'b':
      case 'B':
      case 'A':
      case 'z':
        if (in_class_) break;
        copy(2);
        return ok_status();
      case 's':
        replace(2, "\\p{White_Space}");
        return ok_status();
      case 'S':
        replace(2, "\\P{White_Space}");
        return ok_status();
      case 'd':
        replace(2, "\\p{Nd}");
        return ok_status();
      case 'D':
        replace(2, "\\P{Nd}");
        return ok_status();
      case 'w':
        replace(2, in_class_ ? "\\p{Alphabetic}\\p{M}\\p{N}\\p{Pc}"
                             : "[\\p{Alphabetic}\\p{M}\\p{N}\\p{Pc}]");
        return ok_status();
      case 'W':
        if (in_class_) break;
        replace(2, "[^\\p{Alphabetic}\\p{M}\\p{N}\\p{Pc}]");
        return ok_status();
      case 'u':
        if (rest_.size() < 6) break;
        out_ += "\\x{" + std::string(rest_.substr(2, 4)) + "}";
        rest_.remove_prefix(6);
        return ok_status();
      default:
        break;
    }
    return refuse(std::string("\\") + kind + (in_class_ ? " in a class" : ""));
  }

  Status class_character() {
    const bool first = class_start_ == out_.size();
    if (rest_.front() == '[') return refuse("a [ in a class");
    if (rest_.starts_with("&&")) return refuse("&& in a class");
    if (rest_.front() == ']' && !first) in_class_ = false;
    copy(1);
    return ok_status();
  }

  Status character() {
    if (rest_.front() == '[') {
      in_class_ = true;
      copy(rest_.starts_with("[^") ? 2 : 1);
      class_start_ = out_.size();
      return ok_status();
    }
    if (rest_.starts_with("(*")) return refuse("(*");
    if (rest_.starts_with("{,")) return refuse("{,");
    if (!rest_.starts_with("(?")) {
      copy(1);
      return ok_status();
    }
    for (const std::string_view group :
         {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?i)", "(?-i:", "(?-i)"}) {
      if (!rest_.starts_with(group)) continue;
      copy(group.size());
      return ok_status();
    }
    return refuse(std::string(rest_.substr(0, 3)));
  }

  std::string_view rest_;
  const std::string& source_;
  std::string out_;
  bool in_class_ = false;
  size_t class_start_ = 0;
};

struct CompileContext {
  CompileContext() : context(pcre2_compile_context_create(nullptr)) {
    ASSAY_CHECK(context != nullptr);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, kParenthesesDepthMax);
  }
  ~CompileContext() { pcre2_compile_context_free(context); }
  CompileContext(const CompileContext&) = delete;
  CompileContext& operator=(const CompileContext&) = delete;
  pcre2_compile_context* context;
};

std::string error_text(int error) {
  PCRE2_UCHAR buffer[256];
  const int size = pcre2_get_error_message(error, buffer, sizeof(buffer));
  return size < 0 ? "error " + std::to_string(error)
                  : std::string(reinterpret_cast<const char*>(buffer), static_cast<size_t>(size));
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

Result<std::string> translated_regex(std::string_view pattern, const std::string& source) {
  return Translator(pattern, source).run();
}

std::string escaped_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    // An escaped line end or space is the character itself in both dialects.
    const bool plain = is_ascii_letter_or_digit(c) || static_cast<uint8_t>(c) >= 0x80;
    if (!plain) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

struct TextRegex::Code {
  explicit Code(pcre2_code* c) : code(c) {}
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  pcre2_code* code;
};

struct TextRegex::Effort::State {
  explicit State(size_t text_bytes)
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        waste_left(text_bytes * kWasteFactor + kWasteMin) {
    ASSAY_CHECK(data != nullptr && context != nullptr);
    pcre2_set_heap_limit(context, kHeapKibMax);
  }
  ~State() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // False when there is not that much left.
  bool waste(size_t bytes) {
    if (bytes > waste_left) return false;
    waste_left -= bytes;
    return true;
  }

  pcre2_match_data* data;
  pcre2_match_context* context;
  size_t waste_left;
  size_t growth_left = kGrowthBytesMax;
};

TextRegex::Effort::Effort(size_t text_bytes) : state_(std::make_unique<State>(text_bytes)) {}
TextRegex::Effort::~Effort() = default;

bool TextRegex::Effort::grow(size_t bytes) {
  if (bytes > state_->growth_left) return false;
  state_->growth_left -= bytes;
  return true;
}

Result<TextRegex> TextRegex::compile(std::string_view pattern, const std::string& source) {
  if (pattern.size() > kPatternBytesMax) {
    return unimplemented(source + ": a pattern of " + std::to_string(pattern.size()) +
                         " bytes; at most " + std::to_string(kPatternBytesMax) + " are supported");
  }
  ASSAY_ASSIGN_OR_RETURN(const std::string translated, translated_regex(pattern, source));
  const CompileContext context;
  int error = 0;
  PCRE2_SIZE offset = 0;
  constexpr uint32_t kOptions =
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C;
  pcre2_code* code = pcre2_compile(units(translated), translated.size(), kOptions, &error, &offset,
                                   context.context);
  if (code == nullptr) {
    return unimplemented(source + ": the pattern " + in_quotes(std::string(pattern)) +
                         " is not supported: " + error_text(error));
  }
  return TextRegex(std::make_shared<const Code>(code), std::string(pattern));
}

TextRegex::Match TextRegex::find(std::string_view text, size_t from, Effort::State& effort) const {
  size_t window = kWindowBytes;
  size_t steps_factor = 1;
  for (;;) {
    size_t end = text.size();
    if (text.size() - from > window) {
      end = from + window;
      while ((static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
    }
    const bool partial = end < text.size();
    const size_t steps = ((end - from) * kStepsPerByte + kStepsMin) * steps_factor;
    pcre2_set_match_limit(effort.context, static_cast<uint32_t>(std::min<size_t>(steps, ~0U)));
    const int result = pcre2_match(code_->code, units(text), end, from,
                                   PCRE2_NO_UTF_CHECK | (partial ? PCRE2_PARTIAL_HARD : 0U),
                                   effort.data, effort.context);
    // 0: there are more groups than places for them; the match itself is there.
    if (result >= 0) {
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(effort.data);
      return {Outcome::kFound, bounds[0], bounds[1]};
    }
    if (result == PCRE2_ERROR_NOMATCH) {
      // Nothing starts in this window: every match that could reach beyond it would be partial.
      if (!partial) return {Outcome::kNone};
      from = end;
      window = kWindowBytes;
      steps_factor = 1;
      continue;
    }
    if (result == PCRE2_ERROR_PARTIAL) {
      if (!effort.waste(end - from)) return {Outcome::kExhausted};
      window *= 4;
      continue;
    }
    // A limit was hit.
    if (!effort.waste(steps / kStepsPerByte)) return {Outcome::kExhausted};
    steps_factor *= 4;
  }
}

Status TextRegex::for_each_match(std::string_view text, Effort& effort,
                                 const std::function<void(size_t start, size_t end)>& found) const {
  size_t from = 0;
  size_t last_end = std::string_view::npos;
  while (from <= text.size()) {
    const Match match = find(text, from, *effort.state_);
    if (match.outcome == Outcome::kNone) break;
    if (match.outcome == Outcome::kExhausted) {
      return resource_exhausted("the pattern " + in_quotes(pattern_) +
                                " takes too many steps on a text of " + format_size(text.size()));
    }
    if (match.start == match.end && match.end == last_end) {
      from += std::max<size_t>(utf8_prefix(text.substr(from)), 1);
      continue;
    }
    from = match.end;
    last_end = match.end;
    found(match.start, match.end);
  }
  return ok_status();
}

}  // namespace assay
