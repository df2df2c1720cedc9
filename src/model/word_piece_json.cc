#include "model/word_piece_json.h"

#include "model/tensor_rules.h"

namespace assay {
namespace {

constexpr uint64_t kWordCharactersMax = uint64_t{1} << 20;

// Another spelling of what stands before tokens that go on with a word becomes the usual one.
void spell_continuations(const std::string& prefix, std::vector<VocabularyToken>& tokens) {
  if (prefix == kContinuation) return;
  for (VocabularyToken& token : tokens) {
    if (token.kind != TokenKind::kNormal || !token.text.starts_with(prefix)) continue;
    token.text.replace(0, prefix.size(), kContinuation);
  }
}

}  // namespace

Result<WordPieceVocabulary> read_word_piece_json(const TokenizerSections& sections,
                                                 const TokenizerHints& hints,
                                                 const std::string& source) {
  const Json& model = sections.model;
  const Json* pre_tokenizer = json_member(sections.root, "pre_tokenizer");
  const std::string cuts =
      pre_tokenizer == nullptr ? "missing" : json_string_or(*pre_tokenizer, "type", "missing");
  if (cuts != "BertPreTokenizer") {
    return unimplemented(source + ": WordPiece with a pre_tokenizer of type " + in_quotes(cuts) +
                         "; supported: BertPreTokenizer");
  }
  JsonVocabularyReader reader(sections, source);
  ASSAY_RETURN_IF_ERROR(reader.read_vocab_object(false));
  ASSAY_RETURN_IF_ERROR(reader.read_added_tokens());
  ASSAY_RETURN_IF_ERROR(reader.fill_holes());
  ASSAY_RETURN_IF_ERROR(reader.read_post_processor());
  WordPieceVocabulary out;
  static_cast<Vocabulary&>(out) = std::move(reader.vocabulary());
  ASSAY_ASSIGN_OR_RETURN(out.normalizer,
                         read_normalizer(json_member(sections.root, "normalizer"), source));
  out.unknown = token_id_of(out, json_string_or(model, "unk_token", "[UNK]"));
  const std::string prefix = json_string_or(model, "continuing_subword_prefix", "##");
  if (prefix.empty()) {
    return unimplemented(source + ": WordPiece without model.continuing_subword_prefix");
  }
  spell_continuations(prefix, out.tokens);
  if (const Json* limit = json_member(model, "max_input_chars_per_word")) {
    if (!limit->is_number_unsigned() || limit->get<uint64_t>() > kWordCharactersMax) {
      return broken_field(source, "model.max_input_chars_per_word", "is " + limit->dump());
    }
    out.word_characters_max = static_cast<size_t>(limit->get<uint64_t>());
  }
  read_special_hints(hints, out);
  return out;
}

}  // namespace assay
