// Byte-level BPE ("bpe"): the tokenizer of GPT-2, Llama 3, Qwen, DeepSeek, Falcon and of most
// models since. A text is cut into words (pre_tokenizer.h); a word is a list of bytes, and the pair
// of neighbours that was merged first in training is merged first. One engine for all sources: GGUF
// metadata (tokenizer_gguf.cc), tokenizer.json and vocab.json with merges.txt (bpe_json.cc).
// Tested in bpe_tokenizer_test.cc against a naive quadratic engine and against the Hugging Face
// library, and in tokenizer_test.cc against public vectors; fuzzed in tokenizer_fuzz.cc.
// Source: GPT-2, src/encoder.py; Hugging Face tokenizers, models/bpe.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/pre_tokenizer.h"
#include "model/vocabulary.h"

namespace assay {

inline constexpr size_t kMergesMax = size_t{1} << 22;

// Untrusted: BpeTokenizer::create checks it. Tokens of kind normal and unused are spelled in the
// byte alphabet, the others are text.
struct BpeVocabulary : Vocabulary {
  std::vector<std::string> merges;  // "left right", the best first
  PreTokenizerSpec pre_tokenizer;
  bool ignore_merges = false;  // a word that is a token is that token, whatever merges make of it
};

class BpeTokenizer final : public VocabularyTokenizer {
 public:
  // source names the file in errors. Errors: as VocabularyTokenizer; DATA_LOSS for too many merges,
  // and for a merge that is not two tokens, whose product is no token, or that is there twice;
  // UNIMPLEMENTED for a pre-tokenizer that is not supported.
  static Result<std::unique_ptr<Tokenizer>> create(BpeVocabulary vocabulary,
                                                   const std::string& source);

  std::string_view kind() const override { return "bpe"; }
  Result<std::string> decode(std::span<const TokenId> ids) const override;

 protected:
  Status encode_part(std::string_view text, bool at_start, TextRegex::Effort& effort,
                     std::vector<TokenId>& ids) const override;

 private:
  class Merger;
  struct Unchecked {};  // only create() can make one
  struct Merge {
    TokenId left;
    TokenId right;
    TokenId product;
  };
  // A merge as its left token sees it.
  struct Partner {
    TokenId right;
    uint32_t rank;
  };

 public:
  BpeTokenizer(Unchecked, Vocabulary vocabulary) : VocabularyTokenizer(std::move(vocabulary)) {}

 private:
  void spell_tokens();
  Status read_merges(const std::vector<std::string>& merges, const std::string& source);
  Status index_merges(const std::vector<std::string>& merges, const std::string& source);
  // The merge of the two, or null.
  const Partner* find_merge(TokenId left, TokenId right) const;
  void compute_digest();

  PreTokenizer pre_tokenizer_;
  bool ignore_merges_ = false;
  std::array<TokenId, 256> byte_ids_{};  // -1: the vocabulary has no token for the byte
  std::vector<Merge> merges_;            // by rank
  // The merges of a left token, by right token, are those from partners_start_[left] to
  // partners_start_[left + 1]: no hash that a hostile file could choose its pairs for.
  std::vector<Partner> partners_;
  std::vector<uint32_t> partners_start_;
  std::unordered_map<std::string_view, TokenId> words_;  // with ignore_merges
};

}  // namespace assay
