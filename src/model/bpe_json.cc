#include "model/bpe_json.h"

#include <algorithm>

#include "model/tensor_rules.h"

namespace assay {
namespace {

Status check_model_options(const Json& model, const std::string& source) {
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const std::string value = json_string_or(model, name, "");
    if (value.empty()) continue;
    return unimplemented(source + ": byte-level BPE with model." + name + " " + in_quotes(value));
  }
  const Json* dropout = json_member(model, "dropout");
  if (dropout != nullptr && !(dropout->is_number() && dropout->get<double>() == 0)) {
    return unimplemented(source + ": byte-level BPE with model.dropout: its ids are random");
  }
  if (json_bool_or(model, "byte_fallback", false)) {
    return unimplemented(source + ": byte-level BPE with model.byte_fallback");
  }
  return ok_status();
}

// A merge is "left right" or ["left", "right"].
Status read_merges(const Json& model, const std::string& source, std::vector<std::string>& out) {
  const Json* merges = json_member(model, "merges");
  if (merges == nullptr || !merges->is_array()) {
    return broken_field(source, "model.merges", "no array");
  }
  if (merges->size() > kMergesMax) {
    return broken_field(source, "model.merges",
                        std::to_string(merges->size()) + " merges; at most " +
                            std::to_string(kMergesMax) + " are supported");
  }
  out.reserve(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const Json& merge = (*merges)[i];
    if (merge.is_string()) {
      out.push_back(merge.get<std::string>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      out.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    } else {
      return broken_field(source, "model.merges[" + std::to_string(i) + "]", "not two tokens");
    }
  }
  return ok_status();
}

// The lines of merges.txt, without the first one that says "#version".
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool version = out.empty() && line.starts_with("#version");
    if (!line.empty() && !version) out.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

Result<BpeVocabulary> read_bpe_json(const TokenizerSections& sections, const TokenizerHints& hints,
                                    const std::string& source) {
  BpeVocabulary out;
  ASSAY_RETURN_IF_ERROR(check_model_options(sections.model, source));
  ASSAY_ASSIGN_OR_RETURN(out.pre_tokenizer,
                         read_pre_tokenizer(json_member(sections.root, "pre_tokenizer"), source));
  JsonVocabularyReader reader(sections, source);
  ASSAY_RETURN_IF_ERROR(reader.read_vocab_object(false));
  ASSAY_RETURN_IF_ERROR(reader.read_added_tokens());
  ASSAY_RETURN_IF_ERROR(reader.fill_holes());
  ASSAY_RETURN_IF_ERROR(reader.read_post_processor());
  static_cast<Vocabulary&>(out) = std::move(reader.vocabulary());
  ASSAY_ASSIGN_OR_RETURN(out.normalizer,
                         read_normalizer(json_member(sections.root, "normalizer"), source));
  out.unknown = token_id_of(out, json_string_or(sections.model, "unk_token", ""));
  out.ignore_merges = json_bool_or(sections.model, "ignore_merges", false);
  read_special_hints(hints, out);
  ASSAY_RETURN_IF_ERROR(read_merges(sections.model, source, out.merges));
  return out;
}

Result<BpeVocabulary> parse_vocab_and_merges(std::string_view vocab, std::string_view merges,
                                             const TokenizerHints& hints,
                                             const std::string& source) {
  TokenizerSections sections;
  sections.vocab = vocab;
  JsonVocabularyReader reader(sections, source);
  ASSAY_RETURN_IF_ERROR(reader.read_vocab_object(false));
  ASSAY_RETURN_IF_ERROR(reader.fill_holes());
  BpeVocabulary out;
  static_cast<Vocabulary&>(out) = std::move(reader.vocabulary());
  out.merges = lines_of(merges);
  out.pre_tokenizer.steps = {{.pattern = kGpt2Pattern}};
  read_special_hints(hints, out);
  // These files do not say what is special: the ends of a text are.
  const auto size = static_cast<TokenId>(out.tokens.size());
  for (const TokenId id : {out.bos, out.eos, token_id_of(out, "<|endoftext|>")}) {
    if (id < 0 || id >= size) continue;
    VocabularyToken& token = out.tokens[static_cast<size_t>(id)];
    token.kind = TokenKind::kControl;
    token.find = default_find_rule(token.kind);
  }
  return out;
}

}  // namespace assay
