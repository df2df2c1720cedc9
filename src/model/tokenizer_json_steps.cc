// The steps of a normalizer and of a pre-tokenizer, from the names that the Hugging Face library
// gives them to the few forms that the engines know.
#include <array>

#include "model/tensor_rules.h"
#include "model/tokenizer_json_parts.h"

namespace assay {
namespace {

Status not_supported(const std::string& source, const std::string& what) {
  return unimplemented(source + ": " + what + " is not supported");
}

// Base64 with padding, and nothing else in it.
Result<std::string> decoded_base64(std::string_view text, const std::string& source) {
  const Status bad = data_loss(source + ": normalizer.precompiled_charsmap: not base64");
  if (text.size() % 4 != 0) return bad;
  const auto value = [](char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
  };
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    const std::string_view group = text.substr(at, 4);
    const size_t digits = std::min(group.find('='), group.size());
    const bool last = at + 4 == text.size();
    if (digits < (last ? 2U : 4U) || group.find_first_not_of('=', digits) != group.npos) return bad;
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; ++i) {
      const int digit = i < digits ? value(group[i]) : 0;
      if (digit < 0) return bad;
      bits = (bits << 6) | static_cast<uint32_t>(digit);
    }
    for (size_t i = 0; i + 1 < digits; ++i) {
      out.push_back(static_cast<char>(static_cast<uint8_t>(bits >> (16 - 8 * i))));
    }
  }
  return out;
}

// {"String": …} or {"Regex": …}, as a regular expression.
Result<std::string> read_pattern(const Json& step, const std::string& source) {
  const Json* pattern = json_member(step, "pattern");
  if (pattern != nullptr) {
    const Json* regex = json_member(*pattern, "Regex");
    if (regex != nullptr && regex->is_string()) return regex->get<std::string>();
    const Json* text = json_member(*pattern, "String");
    if (text != nullptr && text->is_string()) return escaped_regex(text->get<std::string>());
  }
  return not_supported(source, "a step of type " + in_quotes(json_string_or(step, "type", "")) +
                                   " without pattern.Regex or pattern.String");
}

class NormalizerReader {
 public:
  explicit NormalizerReader(const std::string& source) : source_(source) {}

  Status read(const Json& step) {
    const std::string type = json_string_or(step, "type", "missing");
    if (type == "Sequence") {
      const Json* steps = json_member(step, "normalizers");
      if (steps == nullptr || !steps->is_array()) {
        return broken_field(source_, "normalizer.normalizers", "no array");
      }
      for (const Json& inner : *steps) ASSAY_RETURN_IF_ERROR(read(inner));
      return ok_status();
    }
    static constexpr std::pair<std::string_view, NormalizerKind> kPlain[] = {
        {"NFC", NormalizerKind::kNfc},
        {"NFD", NormalizerKind::kNfd},
        {"NFKC", NormalizerKind::kNfkc},
        {"NFKD", NormalizerKind::kNfkd},
        {"Lowercase", NormalizerKind::kLowercase},
        {"StripAccents", NormalizerKind::kStripMarks}};
    for (const auto& [name, kind] : kPlain) {
      if (type != name) continue;
      add(kind);
      return ok_status();
    }
    return read_with_options(type, step);
  }

  NormalizerSpec take() { return std::move(out_); }

 private:
  void add(NormalizerKind kind) { out_.push_back({.kind = kind}); }

  Status read_with_options(const std::string& type, const Json& step) {
    if (type == "BertNormalizer") {
      read_bert(step);
      return ok_status();
    }
    if (type == "Strip") {
      if (json_bool_or(step, "strip_left", true)) add(NormalizerKind::kStripLeft);
      if (json_bool_or(step, "strip_right", true)) add(NormalizerKind::kStripRight);
      return ok_status();
    }
    if (type == "Prepend") {
      out_.push_back(
          {.kind = NormalizerKind::kPrepend, .content = json_string_or(step, "prepend", "")});
      return ok_status();
    }
    if (type == "Replace") {
      NormalizerStep replace{.kind = NormalizerKind::kReplace};
      ASSAY_ASSIGN_OR_RETURN(replace.pattern, read_pattern(step, source_));
      replace.content = json_string_or(step, "content", "");
      out_.push_back(std::move(replace));
      return ok_status();
    }
    if (type == "Precompiled") {
      NormalizerStep map{.kind = NormalizerKind::kCharMap};
      ASSAY_ASSIGN_OR_RETURN(
          map.content, decoded_base64(json_string_or(step, "precompiled_charsmap", ""), source_));
      if (!map.content.empty()) out_.push_back(std::move(map));
      return ok_status();
    }
    return not_supported(source_, "a normalizer of type " + in_quotes(type));
  }

  void read_bert(const Json& step) {
    const bool lowercase = json_bool_or(step, "lowercase", true);
    if (json_bool_or(step, "clean_text", true)) add(NormalizerKind::kBertClean);
    if (json_bool_or(step, "handle_chinese_chars", true)) add(NormalizerKind::kBertCjk);
    if (json_bool_or(step, "strip_accents", lowercase)) {
      add(NormalizerKind::kNfd);
      add(NormalizerKind::kStripNonspacing);
    }
    if (lowercase) add(NormalizerKind::kLowercase);
  }

  const std::string& source_;
  NormalizerSpec out_;
};

class PreTokenizerReader {
 public:
  explicit PreTokenizerReader(const std::string& source) : source_(source) {}

  Status read(const Json& step) {
    const std::string type = json_string_or(step, "type", "missing");
    if (type == "Sequence") {
      const Json* steps = json_member(step, "pretokenizers");
      if (steps == nullptr || !steps->is_array()) {
        return broken_field(source_, "pre_tokenizer.pretokenizers", "no array");
      }
      for (const Json& inner : *steps) ASSAY_RETURN_IF_ERROR(read(inner));
      return ok_status();
    }
    if (type == "ByteLevel") return read_byte_level(step);
    if (type == "Split") return read_split(step);
    if (type == "Digits") {
      add(json_bool_or(step, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
      return ok_status();
    }
    if (type == "Punctuation") {
      ASSAY_ASSIGN_OR_RETURN(const SplitBehavior behavior, behavior_of(step, "Isolated"));
      // One class: matches next to each other in one piece are the same as a longer match.
      const bool joined = behavior == SplitBehavior::kContiguous;
      add(joined ? R"([\p{P}$+<=>^`|~]+)" : R"([\p{P}$+<=>^`|~])",
          joined ? SplitBehavior::kIsolated : behavior);
      return ok_status();
    }
    if (type == "WhitespaceSplit") {
      add(R"(\s)", SplitBehavior::kRemoved);
      return ok_status();
    }
    if (type == "Whitespace") {
      // Not Oniguruma's \w but that of another library: without fractions, with joiners.
      add(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]+)"
          R"(|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\s]+)",
          SplitBehavior::kRemoved, true);
      return ok_status();
    }
    return not_supported(source_,
                         "a pre_tokenizer of type " + in_quotes(type) + " with byte-level BPE");
  }

  PreTokenizerSpec take() { return std::move(out_); }

 private:
  void add(std::string pattern, SplitBehavior behavior = SplitBehavior::kIsolated,
           bool invert = false) {
    out_.steps.push_back({std::move(pattern), behavior, invert, on_alphabet_});
  }

  Status read_byte_level(const Json& step) {
    if (on_alphabet_) return not_supported(source_, "a second ByteLevel pre_tokenizer");
    if (json_bool_or(step, "add_prefix_space", true)) {
      if (!out_.steps.empty()) {
        return not_supported(source_,
                             "a ByteLevel pre_tokenizer with add_prefix_space after "
                             "another step");
      }
      out_.prefix_space = true;
    }
    if (json_bool_or(step, "use_regex", true)) add(kGpt2Pattern);
    on_alphabet_ = true;
    return ok_status();
  }

  Status read_split(const Json& step) {
    ASSAY_ASSIGN_OR_RETURN(std::string pattern, read_pattern(step, source_));
    ASSAY_ASSIGN_OR_RETURN(const SplitBehavior behavior, behavior_of(step, "Isolated"));
    add(std::move(pattern), behavior, json_bool_or(step, "invert", false));
    return ok_status();
  }

  Result<SplitBehavior> behavior_of(const Json& step, const char* otherwise) const {
    static constexpr std::string_view kNames[] = {"Isolated", "Removed", "MergedWithPrevious",
                                                  "MergedWithNext", "Contiguous"};
    const std::string name = json_string_or(step, "behavior", otherwise);
    for (size_t i = 0; i < std::size(kNames); ++i) {
      if (name == kNames[i]) return static_cast<SplitBehavior>(i);
    }
    return broken_field(source_, "pre_tokenizer.behavior", in_quotes(name) + " is none");
  }

  const std::string& source_;
  PreTokenizerSpec out_;
  bool on_alphabet_ = false;
};

}  // namespace

Result<NormalizerSpec> read_normalizer(const Json* normalizer, const std::string& source) {
  NormalizerReader reader(source);
  if (normalizer != nullptr) ASSAY_RETURN_IF_ERROR(reader.read(*normalizer));
  return reader.take();
}

Result<PreTokenizerSpec> read_pre_tokenizer(const Json* pre_tokenizer, const std::string& source) {
  PreTokenizerReader reader(source);
  if (pre_tokenizer != nullptr) ASSAY_RETURN_IF_ERROR(reader.read(*pre_tokenizer));
  return reader.take();
}

bool has_pre_tokenizer(const Json* pre_tokenizer, std::string_view type) {
  if (pre_tokenizer == nullptr) return false;
  if (json_string_or(*pre_tokenizer, "type", "") == type) return true;
  const Json* steps = json_member(*pre_tokenizer, "pretokenizers");
  if (steps == nullptr || !steps->is_array()) return false;
  for (const Json& step : *steps) {
    if (has_pre_tokenizer(&step, type)) return true;
  }
  return false;
}

}  // namespace assay
