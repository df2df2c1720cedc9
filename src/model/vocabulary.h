// What the tokenizers that come from the Hugging Face library have in common: a list of tokens,
// special ids, tokens that are found in a text before anything else happens to it, and
// normalisation. Readers of files (tokenizer_gguf.cc, tokenizer_json.cc, …) fill a vocabulary in,
// untrusted; a tokenizer is created from it and checks it.
// Tested through the tokenizers in bpe_tokenizer_test.cc, word_piece_tokenizer_test.cc and
// unigram_tokenizer_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/prefix_index.h"
#include "model/text_normalizer.h"
#include "model/tokenizer.h"

namespace assay {

// How a token of kind control or user-defined is found in a text.
struct FindRule {
  bool strip_left = false;  // white space before it belongs to it
  bool strip_right = false;
  bool single_word = false;    // not inside a word
  bool in_normalized = false;  // in the normalised text instead of the raw one
  bool operator==(const FindRule&) const = default;
};
// Where a file does not say: control tokens are found in the raw text, others in the normalised.
FindRule default_find_rule(TokenKind kind);

struct VocabularyToken {
  std::string text;  // as the file spells it
  TokenKind kind = TokenKind::kNormal;
  double score = 0;    // of unigram vocabularies
  FindRule find = {};  // of kinds control and user-defined
};

struct Vocabulary {
  std::vector<VocabularyToken> tokens;
  TokenId unknown = -1;  // -1: there is none
  TokenId bos = -1;
  TokenId eos = -1;
  bool add_bos = false;
  bool add_eos = false;
  NormalizerSpec normalizer;
};

// Tokens of kind control and user-defined, cut out of a text before it is tokenized: at each
// position the longest. First those of raw text, then those of normalised text.
class AddedTokens {
 public:
  AddedTokens() = default;
  // Borrows from tokens. Errors: as TextNormalizer::apply, which the tokens that are looked for in
  // normalised text go through themselves; DATA_LOSS for one that becomes too long by it.
  static Result<AddedTokens> create(const std::vector<VocabularyToken>& tokens,
                                    const TextNormalizer& normalizer);

  // A part of a text: a token, or what stands between two (id -1).
  struct Part {
    std::string_view text;
    TokenId id = -1;
  };
  // The parts of a raw or of a normalised text, in order; none is empty.
  std::vector<Part> split_raw(std::string_view text) const { return split(raw_, text); }
  std::vector<Part> split_normalized(std::string_view text) const {
    return split(normalized_, text);
  }

 private:
  std::vector<Part> split(const PrefixIndex& index, std::string_view text) const;

  PrefixIndex raw_;
  PrefixIndex normalized_;
  std::vector<FindRule> rules_;         // by id
  std::vector<std::string> spellings_;  // of normalised tokens
};

// The part of Tokenizer that follows from the vocabulary alone.
class VocabularyTokenizer : public Tokenizer {
 public:
  size_t size() const override { return vocabulary_.tokens.size(); }
  const std::string& piece_bytes(TokenId id) const override;
  TokenKind token_kind(TokenId id) const override;
  TokenId bos() const override { return vocabulary_.bos; }
  TokenId eos() const override { return vocabulary_.eos; }
  bool add_bos() const override { return vocabulary_.add_bos; }
  bool add_eos() const override { return vocabulary_.add_eos; }
  Digest digest() const override { return digest_; }
  Result<std::vector<TokenId>> encode(std::string_view text) const override;

 protected:
  explicit VocabularyTokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  // To be called first. Errors: DATA_LOSS for a vocabulary that is empty or too large, has a token
  // that is empty, too long, not UTF-8 or there twice, or a special id outside; UNIMPLEMENTED for a
  // normaliser that is not supported.
  Status check(const std::string& source);
  // Domain, kind, tokens, special ids, options and normaliser, once bytes_ is complete. What a kind
  // has beyond these is appended to it.
  Bytes digest_preimage() const;
  // What is done to a normalised text before the added tokens are looked for in it.
  virtual Result<std::string> prepare(std::string clean, bool at_start) const;
  // Appends the ids of a part of a text that holds no added token, after normalisation. at_start:
  // nothing stands before it.
  virtual Status encode_part(std::string_view text, bool at_start, TextRegex::Effort& effort,
                             std::vector<TokenId>& ids) const = 0;
  // Errors: INVALID_ARGUMENT for an id outside the vocabulary.
  Status check_id(TokenId id) const;

  Vocabulary vocabulary_;
  std::vector<std::string> bytes_;  // piece_bytes()
  TextNormalizer normalizer_;
  AddedTokens added_;
  Digest digest_{};
};

// "source: token 17"
std::string token_in(const std::string& source, size_t id);

}  // namespace assay
