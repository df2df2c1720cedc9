#include "model/tokenizer_json.h"

#include "model/bpe_json.h"
#include "model/spm_json.h"
#include "model/tensor_rules.h"
#include "model/tokenizer_json_parts.h"

namespace assay {

Result<AnyVocabulary> parse_tokenizer_json(std::string_view text, const TokenizerHints& hints,
                                           const std::string& source) {
  if (text.size() > kTokenizerJsonBytesMax) {
    return data_loss(source + " has " + format_size(text.size()) + "; at most " +
                     format_size(kTokenizerJsonBytesMax) + " are read");
  }
  ASSAY_ASSIGN_OR_RETURN(const TokenizerSections sections, split_sections(text, source));
  // Files of old versions leave the type out; only BPE has merges.
  const bool has_merges = json_member(sections.model, "merges") != nullptr;
  const std::string type = json_string_or(sections.model, "type", has_merges ? "BPE" : "missing");
  if (type != "BPE") {
    return unimplemented(source + ": a tokenizer of model.type " + in_quotes(type) +
                         "; supported: BPE");
  }
  if (has_pre_tokenizer(json_member(sections.root, "pre_tokenizer"), "ByteLevel")) {
    ASSAY_ASSIGN_OR_RETURN(BpeVocabulary bpe, read_bpe_json(sections, hints, source));
    return AnyVocabulary(std::move(bpe));
  }
  ASSAY_ASSIGN_OR_RETURN(SpmVocabulary spm, read_spm_json(sections, hints, source));
  return AnyVocabulary(std::move(spm));
}

void set_add_bos(AnyVocabulary& vocabulary, bool add_bos) {
  std::visit([&](auto& v) { v.add_bos = add_bos; }, vocabulary);
}

void set_add_eos(AnyVocabulary& vocabulary, bool add_eos) {
  std::visit(
      [&](auto& v) {
        if constexpr (std::is_base_of_v<Vocabulary, std::remove_reference_t<decltype(v)>>) {
          v.add_eos = add_eos;
        }
      },
      vocabulary);
}

Result<std::unique_ptr<Tokenizer>> create_tokenizer(AnyVocabulary vocabulary,
                                                    const std::string& source) {
  struct Create {
    const std::string& source;
    Result<std::unique_ptr<Tokenizer>> operator()(SpmVocabulary&& v) const {
      return SpmTokenizer::create(std::move(v), source);
    }
    Result<std::unique_ptr<Tokenizer>> operator()(BpeVocabulary&& v) const {
      return BpeTokenizer::create(std::move(v), source);
    }
  };
  return std::visit(Create{source}, std::move(vocabulary));
}

}  // namespace assay
