#include "model/text_normalizer.h"

#include <algorithm>

#include "model/unicode.h"

namespace assay {
namespace {

Status too_long() {
  return resource_exhausted("the text becomes longer than " +
                            format_size(TextNormalizer::kNormalizedBytesMax) +
                            " when it is normalised");
}

std::string bert_clean(std::string_view text) {
  const std::string kept = filtered(text, [](uint32_t c) {
    const bool is_space = c == '\t' || c == '\n' || c == '\r';
    return c != 0 && c != 0xFFFD && (is_space || !is_control(c));
  });
  std::string out;
  out.reserve(kept.size());
  for (std::string_view rest = kept; !rest.empty();) {
    const CodePoint c = first_code_point(rest);
    const size_t bytes = std::max<size_t>(c.bytes, 1);
    out += c.bytes != 0 && is_white_space(c.value) ? " " : rest.substr(0, bytes);
    rest.remove_prefix(bytes);
  }
  return out;
}

std::string spaced_cjk(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const size_t bytes = std::max<size_t>(c.bytes, 1);
    const bool spaced = c.bytes != 0 && is_cjk_ideograph(c.value);
    if (spaced) out.push_back(' ');
    out += text.substr(0, bytes);
    if (spaced) out.push_back(' ');
    text.remove_prefix(bytes);
  }
  return out;
}

std::string_view stripped_left(std::string_view text) {
  for (;;) {
    const CodePoint c = first_code_point(text);
    if (c.bytes == 0 || !is_white_space(c.value)) return text;
    text.remove_prefix(c.bytes);
  }
}

std::string_view stripped_right(std::string_view text) {
  for (;;) {
    const CodePoint c = last_code_point(text);
    if (c.bytes == 0 || !is_white_space(c.value)) return text;
    text.remove_suffix(c.bytes);
  }
}

Result<std::string> mapped(const CharMap& map, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CharMap::Match match = map.longest_prefix(text);
    if (match.bytes != 0) {
      out += match.replacement;
      text.remove_prefix(match.bytes);
    } else {
      const size_t bytes = std::max<size_t>(first_code_point(text).bytes, 1);
      out += text.substr(0, bytes);
      text.remove_prefix(bytes);
    }
    if (out.size() > TextNormalizer::kNormalizedBytesMax) return too_long();
  }
  return out;
}

}  // namespace

Result<TextNormalizer> TextNormalizer::create(const NormalizerSpec& spec,
                                              const std::string& source) {
  if (spec.size() > kNormalizerStepsMax) {
    return unimplemented(source + ": " + std::to_string(spec.size()) +
                         " normalizer steps; at most " + std::to_string(kNormalizerStepsMax) +
                         " are supported");
  }
  TextNormalizer out;
  for (const NormalizerStep& step : spec) {
    Step compiled{.spec = step, .pattern = nullptr, .map = nullptr};
    if (step.kind == NormalizerKind::kReplace) {
      ASSAY_ASSIGN_OR_RETURN(TextRegex pattern, TextRegex::compile(step.pattern, source));
      compiled.pattern = std::make_shared<const TextRegex>(std::move(pattern));
    } else if (step.kind == NormalizerKind::kCharMap) {
      ASSAY_ASSIGN_OR_RETURN(CharMap map, CharMap::parse(as_bytes(step.content), source));
      compiled.map = std::make_shared<const CharMap>(std::move(map));
      compiled.spec.content.clear();
    }
    out.steps_.push_back(std::move(compiled));
  }
  return out;
}

Result<std::string> TextNormalizer::apply(std::string_view text, TextRegex::Effort& effort) const {
  std::string out(text);
  for (const Step& step : steps_) {
    const size_t before = out.size();
    ASSAY_ASSIGN_OR_RETURN(out, apply_step(step, std::move(out), effort));
    if (out.size() > kNormalizedBytesMax) return too_long();
    if (out.size() > before && !effort.grow(out.size() - before)) return too_long();
  }
  return out;
}

Result<std::string> TextNormalizer::apply_step(const Step& step, std::string text,
                                               TextRegex::Effort& effort) {
  switch (step.spec.kind) {
    case NormalizerKind::kNfc:
      return normalized(text, NormalForm::kNfc);
    case NormalizerKind::kNfd:
      return normalized(text, NormalForm::kNfd);
    case NormalizerKind::kNfkc:
      return normalized(text, NormalForm::kNfkc);
    case NormalizerKind::kNfkd:
      return normalized(text, NormalForm::kNfkd);
    case NormalizerKind::kLowercase:
      return lower_case(text);
    case NormalizerKind::kStripMarks:
      return filtered(text, [](uint32_t c) { return !is_mark(c); });
    case NormalizerKind::kStripNonspacing:
      return filtered(text, [](uint32_t c) { return !is_nonspacing_mark(c); });
    case NormalizerKind::kBertClean:
      return bert_clean(text);
    case NormalizerKind::kBertCjk:
      return spaced_cjk(text);
    case NormalizerKind::kStripLeft:
      return std::string(stripped_left(text));
    case NormalizerKind::kStripRight:
      return std::string(stripped_right(text));
    case NormalizerKind::kPrepend:
      return text.empty() ? std::move(text) : step.spec.content + text;
    case NormalizerKind::kReplace:
      return replace(step, text, effort);
    case NormalizerKind::kCharMap:
      return mapped(*step.map, text);
  }
  return text;
}

Result<std::string> TextNormalizer::replace(const Step& step, std::string_view text,
                                            TextRegex::Effort& effort) {
  std::string out;
  Status status;
  for_each_utf8_run(text, [&](std::string_view run, bool is_valid) {
    size_t last = 0;
    if (is_valid && status.ok()) {
      status = step.pattern->for_each_match(run, effort, [&](size_t start, size_t end) {
        out += run.substr(last, start - last);
        last = end;
        if (out.size() <= kNormalizedBytesMax) out += step.spec.content;
      });
    }
    out += run.substr(last);
  });
  ASSAY_RETURN_IF_ERROR(status);
  return out;
}

void append_digest(Bytes& out, const NormalizerSpec& spec) {
  append_le(out, static_cast<uint32_t>(spec.size()));
  for (const NormalizerStep& step : spec) {
    append_le(out, static_cast<uint8_t>(step.kind));
    append_sized(out, step.pattern);
    append_sized(out, step.content);
  }
}

}  // namespace assay
