#include "model/pre_tokenizer.h"

#include "model/byte_alphabet.h"
#include "model/utf8.h"

namespace assay {
namespace {

// The pieces of one text, from its matches and what lies between them.
class Pieces {
 public:
  Pieces(std::string_view text, SplitBehavior behavior, const PreTokenizer::Visit& visit)
      : text_(text), behavior_(behavior), visit_(visit) {}

  // Pre: the parts come in order and leave nothing out.
  void add(size_t start, size_t end, bool is_match) {
    const bool after_match = last_is_match_;
    last_is_match_ = is_match;
    if (start == end) {
      // An empty match only cuts; there is nothing of it that could go with what follows.
      if (behavior_ == SplitBehavior::kMergedWithNext) last_is_match_ = false;
      return;
    }
    if (!open_.empty() && goes_with_last(is_match, after_match)) {
      open_ = {open_.data(), open_.size() + (end - start)};
      return;
    }
    flush();
    if (behavior_ != SplitBehavior::kRemoved || !is_match) open_ = text_.substr(start, end - start);
  }

  void flush() {
    if (!open_.empty()) visit_(open_);
    open_ = {};
  }

 private:
  bool goes_with_last(bool is_match, bool after_match) const {
    switch (behavior_) {
      case SplitBehavior::kMergedWithPrevious:
        return is_match && !after_match;
      case SplitBehavior::kMergedWithNext:
        // Of several matches in a row the last one goes with what follows.
        return !is_match && after_match;
      case SplitBehavior::kContiguous:
        return is_match == after_match;
      case SplitBehavior::kIsolated:
      case SplitBehavior::kRemoved:
        break;
    }
    return false;
  }

  std::string_view text_;
  SplitBehavior behavior_;
  const PreTokenizer::Visit& visit_;
  std::string_view open_;  // the last piece, as long as something may still go with it
  bool last_is_match_ = false;
};

// A line end in a pattern can be written as itself or with a backslash; the digest has one
// spelling.
std::string with_escaped_controls(std::string_view pattern) {
  const auto escape = [](char c) {
    return c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : nullptr;
  };
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = pattern[i] == '\\' && i + 1 < pattern.size();
    if (escaped) ++i;
    if (const char* spelled = escape(pattern[i])) {
      out += spelled;
      continue;
    }
    if (escaped) out.push_back('\\');
    out.push_back(pattern[i]);
  }
  return out;
}

}  // namespace

Result<PreTokenizer> PreTokenizer::create(PreTokenizerSpec spec, const std::string& source) {
  if (spec.steps.size() > kSplitStepsMax) {
    return unimplemented(source + ": " + std::to_string(spec.steps.size()) +
                         " pre-tokenizer steps; at most " + std::to_string(kSplitStepsMax) +
                         " are supported");
  }
  PreTokenizer out;
  out.spec_ = std::move(spec);
  for (SplitStep& step : out.spec_.steps) {
    step.pattern = with_escaped_controls(step.pattern);
    ASSAY_ASSIGN_OR_RETURN(TextRegex pattern, TextRegex::compile(step.pattern, source));
    out.patterns_.push_back(std::move(pattern));
  }
  return out;
}

Status PreTokenizer::split(std::string_view text, TextRegex::Effort& effort,
                           const Visit& visit) const {
  return text.empty() ? ok_status() : split_from(0, text, effort, visit);
}

// The pieces of a step go to the next one as they come, so that nothing is held but one of each.
Status PreTokenizer::split_from(size_t step, std::string_view text, TextRegex::Effort& effort,
                                const Visit& visit) const {
  if (step == patterns_.size()) {
    visit(text);
    return ok_status();
  }
  const SplitStep& spec = spec_.steps[step];
  const std::string spelled = spec.on_alphabet ? spelled_in_alphabet(text) : std::string();
  const std::string_view seen = spec.on_alphabet ? std::string_view(spelled) : text;
  // One character of the alphabet is one byte: offsets are counted back as the matches come.
  size_t seen_at = 0;
  size_t text_at = 0;
  const auto back = [&](size_t at) {
    if (!spec.on_alphabet) return at;
    for (; seen_at < at; ++text_at) seen_at += utf8_prefix(seen.substr(seen_at));
    return text_at;
  };
  Status status;
  const Visit next = [&](std::string_view piece) {
    if (status.ok()) status = split_from(step + 1, piece, effort, visit);
  };
  Pieces pieces(text, spec.behavior, next);
  size_t last = 0;
  ASSAY_RETURN_IF_ERROR(patterns_[step].for_each_match(seen, effort, [&](size_t start, size_t end) {
    const size_t from = back(start);
    const size_t to = back(end);
    if (last < from) pieces.add(last, from, spec.invert);
    pieces.add(from, to, !spec.invert);
    last = to;
  }));
  if (last < text.size()) pieces.add(last, text.size(), spec.invert);
  pieces.flush();
  return status;
}

void PreTokenizer::append_digest(Bytes& out) const {
  append_le(out, static_cast<uint8_t>(spec_.prefix_space ? 1 : 0));
  append_le(out, static_cast<uint32_t>(spec_.steps.size()));
  for (const SplitStep& step : spec_.steps) {
    append_sized(out, step.pattern);
    append_le(out, static_cast<uint8_t>(step.behavior));
    append_le(out, static_cast<uint8_t>(step.invert ? 1 : 0));
    append_le(out, static_cast<uint8_t>(step.on_alphabet ? 1 : 0));
  }
}

}  // namespace assay
