// The parts of tokenizer.json that all kinds of tokenizers share: the file taken apart, tokens and
// added tokens, post-processor, normalizer, pre-tokenizer. For the readers of one kind each
// (tokenizer_json.cc, bpe_json.cc, word_piece_json.cc, unigram_json.cc); heavy, for .cc files.
// Tested through them; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/pre_tokenizer.h"
#include "model/tokenizer_json.h"
#include "model/vocabulary.h"

namespace assay {

// The file, taken apart: base/json.h looks members up one after the other, which is quadratic for
// a vocabulary, so that one stays text.
struct TokenizerSections {
  Json root = Json::object();   // without model
  Json model = Json::object();  // without vocab
  std::string_view vocab;       // the value's text; empty when there is none
};
// source names the file in errors. Errors: DATA_LOSS, also for an option that is there and neither
// null nor of its type.
Result<TokenizerSections> split_sections(std::string_view text, const std::string& source);

// The member, or null when the value is no object, has no such member, or it is null.
const Json* json_member(const Json& value, const char* name);
// Options of the two types; split_sections has checked that they have them.
std::string json_string_or(const Json& value, const char* name, const char* otherwise);
bool json_bool_or(const Json& value, const char* name, bool otherwise);

// "source: field: what", DATA_LOSS.
Status broken_field(const std::string& source, const std::string& field, const std::string& what);
// A token id. Errors: DATA_LOSS.
Result<size_t> json_token_id(const Json& value, const std::string& source,
                             const std::string& field);

// The id of the token with this text; -1 when there is none.
TokenId token_id_of(const Vocabulary& vocabulary, const std::string& text);
// bos and eos from the other files of the folder, where the post-processor does not name them.
void read_special_hints(const TokenizerHints& hints, Vocabulary& vocabulary);

// Fills a vocabulary in, part by part. Each: Errors: DATA_LOSS, naming source and field.
class JsonVocabularyReader {
 public:
  JsonVocabularyReader(const TokenizerSections& sections, const std::string& source)
      : sections_(sections), source_(source) {}

  // model.vocab as an object of ids. byte_fallback: tokens spelled "<0x0A>" are bytes.
  Status read_vocab_object(bool byte_fallback);
  // model.vocab as a list of [text, score].
  Status read_vocab_list(bool byte_fallback);
  Status read_added_tokens();
  // Ids without a token: refused, or filled with unused tokens as the converters to GGUF do.
  Status check_no_holes() const;
  Status fill_holes();
  // What stands before and after a text.
  Status read_post_processor();

  Vocabulary& vocabulary() { return vocabulary_; }
  // Tokens of model.vocab, without added ones.
  size_t model_size() const { return model_size_; }

 private:
  Status broken(const std::string& field, const std::string& what) const {
    return broken_field(source_, field, what);
  }
  Status place(size_t id, VocabularyToken token, const std::string& field);
  Status read_added_token(const Json& token);
  Status read_processor(const Json& processor);
  Status read_template(const Json& processor);
  Result<TokenId> template_id(const Json& processor, const Json& special) const;

  const TokenizerSections& sections_;
  const std::string& source_;
  Vocabulary vocabulary_;
  std::vector<bool> taken_;
  size_t model_size_ = 0;
};

// The steps of a normalizer (null: none). Errors: UNIMPLEMENTED for a step that is not supported.
Result<NormalizerSpec> read_normalizer(const Json* normalizer, const std::string& source);

// The steps of a pre-tokenizer, of which one is ByteLevel. Errors: UNIMPLEMENTED.
Result<PreTokenizerSpec> read_pre_tokenizer(const Json* pre_tokenizer, const std::string& source);
// True when the pre-tokenizer or one of its steps has the type.
bool has_pre_tokenizer(const Json* pre_tokenizer, std::string_view type);

}  // namespace assay
