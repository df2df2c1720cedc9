#include "model/tokenizer_json.h"

#include "model/bpe_json.h"
#include "model/spm_json.h"
#include "model/tensor_rules.h"
#include "model/tokenizer_json_parts.h"
#include "model/unigram_json.h"
#include "model/word_piece_json.h"

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
  if (type == "WordPiece") {
    ASSAY_ASSIGN_OR_RETURN(WordPieceVocabulary word_piece,
                           read_word_piece_json(sections, hints, source));
    return AnyVocabulary(std::move(word_piece));
  }
  if (type == "Unigram") {
    ASSAY_ASSIGN_OR_RETURN(UnigramVocabulary unigram, read_unigram_json(sections, hints, source));
    return AnyVocabulary(std::move(unigram));
  }
  if (type != "BPE") {
    return unimplemented(source + ": a tokenizer of model.type " + in_quotes(type) +
                         "; supported: BPE, Unigram, WordPiece");
  }
  if (has_pre_tokenizer(json_member(sections.root, "pre_tokenizer"), "ByteLevel")) {
    ASSAY_ASSIGN_OR_RETURN(BpeVocabulary bpe, read_bpe_json(sections, hints, source));
    return AnyVocabulary(std::move(bpe));
  }
  ASSAY_ASSIGN_OR_RETURN(SpmVocabulary spm, read_spm_json(sections, hints, source));
  return AnyVocabulary(std::move(spm));
}

}  // namespace assay
