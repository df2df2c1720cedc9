// WordPiece ("wpm"): the tokenizer of BERT. A text is cut at white space and around punctuation; a
// word is read from the left, each time the longest token; a word that cannot be read to its end is
// one unknown token. Sources: GGUF metadata (tokenizer_gguf.cc), tokenizer.json
// (word_piece_json.cc). Tested in word_piece_tokenizer_test.cc against the Hugging Face library and
// in tokenizer_test.cc against public vectors; fuzzed in tokenizer_fuzz.cc.
// Source: Hugging Face tokenizers, models/wordpiece and pre_tokenizers/bert.rs.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/prefix_index.h"
#include "model/vocabulary.h"

namespace assay {

// Stands before a token that goes on with a word. Readers of files with another spelling change it
// to this one.
inline constexpr std::string_view kContinuation = "##";

struct WordPieceVocabulary : Vocabulary {
  size_t word_characters_max = 100;  // a longer word is unknown
};

// Lower case, no accents, spaces around ideographs, as the uncased BERT models have it.
NormalizerSpec bert_normalizer();

class WordPieceTokenizer final : public VocabularyTokenizer {
 public:
  // source names the file in errors. Errors: as VocabularyTokenizer; DATA_LOSS when there is no
  // unknown token.
  static Result<std::unique_ptr<Tokenizer>> create(WordPieceVocabulary vocabulary,
                                                   const std::string& source);

  std::string_view kind() const override { return "wpm"; }
  // Words with a space between them, which is not always the text: the cuts around punctuation
  // leave no trace.
  Result<std::string> decode(std::span<const TokenId> ids) const override;

 protected:
  Status encode_part(std::string_view text, bool at_start, TextRegex::Effort& effort,
                     std::vector<TokenId>& ids) const override;

 private:
  struct Unchecked {};  // only create() can make one

 public:
  WordPieceTokenizer(Unchecked, Vocabulary vocabulary)
      : VocabularyTokenizer(std::move(vocabulary)) {}

 private:
  void index_tokens();
  void compute_digest();
  void encode_word(std::string_view word, std::vector<TokenId>& ids) const;

  size_t word_characters_max_ = 0;
  PrefixIndex starts_;
  PrefixIndex continuations_;
};

}  // namespace assay
