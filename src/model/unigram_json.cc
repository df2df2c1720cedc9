#include "model/unigram_json.h"

#include "model/meta_space.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

Status read_meta_space(const Json& step, const std::string& source, UnigramVocabulary& out) {
  if (json_string_or(step, "replacement", "") != kMetaSpace) {
    return unimplemented(source + ": unigram with a Metaspace pre_tokenizer for " +
                         in_quotes(json_string_or(step, "replacement", "")) +
                         "; supported: U+2581");
  }
  const std::string scheme = json_string_or(
      step, "prepend_scheme", json_bool_or(step, "add_prefix_space", true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    return broken_field(source, "pre_tokenizer.prepend_scheme", in_quotes(scheme) + " is none");
  }
  out.space_prefix = scheme == "never" ? SpacePrefix::kNone : SpacePrefix::kUnlessPresent;
  out.space_scope = scheme == "first" ? SpaceScope::kFirstPart : SpaceScope::kEveryPart;
  out.split_words = json_bool_or(step, "split", true);
  return ok_status();
}

// Metaspace, possibly after WhitespaceSplit.
Status read_cuts(const Json* pre_tokenizer, const std::string& source, UnigramVocabulary& out) {
  const Json none = Json::object();
  const Json& cuts = pre_tokenizer == nullptr ? none : *pre_tokenizer;
  const std::string type = json_string_or(cuts, "type", "missing");
  if (type == "Metaspace") return read_meta_space(cuts, source, out);
  const Json* steps = type == "Sequence" ? json_member(cuts, "pretokenizers") : nullptr;
  if (steps != nullptr && steps->is_array() && steps->size() == 2 &&
      json_string_or((*steps)[0], "type", "") == "WhitespaceSplit" &&
      json_string_or((*steps)[1], "type", "") == "Metaspace") {
    // White space of other kinds goes as spaces do.
    out.normalizer.push_back(
        {.kind = NormalizerKind::kReplace, .pattern = R"(\s)", .content = " "});
    out.collapse_spaces = true;
    return read_meta_space((*steps)[1], source, out);
  }
  return unimplemented(source + ": unigram with a pre_tokenizer of type " + in_quotes(type) +
                       "; supported: Metaspace, or WhitespaceSplit and Metaspace");
}

}  // namespace

Result<UnigramVocabulary> read_unigram_json(const TokenizerSections& sections,
                                            const TokenizerHints& hints,
                                            const std::string& source) {
  JsonVocabularyReader reader(sections, source);
  ASSAY_RETURN_IF_ERROR(
      reader.read_vocab_list(json_bool_or(sections.model, "byte_fallback", false)));
  ASSAY_RETURN_IF_ERROR(reader.read_added_tokens());
  ASSAY_RETURN_IF_ERROR(reader.fill_holes());
  ASSAY_RETURN_IF_ERROR(reader.read_post_processor());
  UnigramVocabulary out;
  static_cast<Vocabulary&>(out) = std::move(reader.vocabulary());
  if (const Json* unknown = json_member(sections.model, "unk_id")) {
    ASSAY_ASSIGN_OR_RETURN(const size_t id, json_token_id(*unknown, source, "model.unk_id"));
    out.unknown = static_cast<TokenId>(id);
  }
  ASSAY_ASSIGN_OR_RETURN(out.normalizer,
                         read_normalizer(json_member(sections.root, "normalizer"), source));
  ASSAY_RETURN_IF_ERROR(read_cuts(json_member(sections.root, "pre_tokenizer"), source, out));
  read_special_hints(hints, out);
  return out;
}

}  // namespace assay
