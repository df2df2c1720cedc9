// SentencePiece BPE with byte fallback ("spm-bpe"): the tokenizer of Llama, Mistral, Gemma, Phi-3
// and of what derives from them. One engine for three sources of the vocabulary: GGUF metadata
// (tokenizer.cc), tokenizer.model (tokenizer_model.cc) and tokenizer.json (tokenizer_json.cc).
// Tested in spm_tokenizer_test.cc against a naive quadratic engine and in tokenizer_test.cc against
// public vectors; fuzzed in tokenizer_fuzz.cc.
// Source: SentencePiece (Kudo & Richardson 2018), src/bpe_model.cc and src/normalizer.cc.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/meta_space.h"
#include "model/prefix_index.h"
#include "model/tokenizer.h"

namespace assay {

struct SpmPiece {
  std::string text;  // as the file spells it: U+2581 for a space, "<0x0A>" for a byte
  float score = 0;
  TokenKind kind = TokenKind::kNormal;
};

// What the three sources are read into. Untrusted: SpmTokenizer::create checks it.
struct SpmVocabulary {
  std::vector<SpmPiece> pieces;
  TokenId unknown = -1;  // -1: there is none
  TokenId bos = -1;
  TokenId eos = -1;
  bool add_bos = true;
  SpacePrefix space_prefix = SpacePrefix::kAlways;
  bool collapse_spaces = false;  // SentencePiece's remove_extra_whitespaces
};

class SpmTokenizer final : public Tokenizer {
 public:
  // source names the file in errors. Errors: DATA_LOSS for a vocabulary that is empty, too large,
  // has a piece that is empty, too long, not UTF-8 or there twice, a score that is NaN, some of the
  // 256 byte tokens but not all, neither byte tokens nor an unknown token, or a special id outside.
  static Result<std::unique_ptr<Tokenizer>> create(SpmVocabulary vocabulary,
                                                   const std::string& source);

  std::string_view kind() const override { return "spm-bpe"; }
  size_t size() const override { return vocabulary_.pieces.size(); }
  const std::string& piece_bytes(TokenId id) const override;
  TokenKind token_kind(TokenId id) const override;
  TokenId bos() const override { return vocabulary_.bos; }
  TokenId eos() const override { return vocabulary_.eos; }
  bool add_bos() const override { return vocabulary_.add_bos; }
  // Cost: O(n log n) in the length of text, about 40 bytes of memory a character.
  Result<std::vector<TokenId>> encode(std::string_view text) const override;
  Result<std::string> decode(std::span<const TokenId> ids) const override;
  Digest digest() const override { return digest_; }

 private:
  class Merger;
  struct Unchecked {};  // only create() can make one

 public:
  SpmTokenizer(Unchecked, SpmVocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

 private:
  Status check_pieces(const std::string& source);
  Status check_special_ids(const std::string& source);
  Status index_pieces(const std::string& source);
  void rank_pieces();
  void compute_digest();

  static constexpr uint32_t kNoRank = 0xFFFFFFFF;

  SpmVocabulary vocabulary_;
  std::vector<std::string> bytes_;  // piece_bytes()
  // 0 for the highest score; kNoRank for pieces that no merge can make. Only the order of scores
  // matters, so ranks are what the engine merges by and what the digest covers.
  std::vector<uint32_t> ranks_;
  // The pieces that text can turn into: normal, user-defined and unused ones.
  std::unordered_map<std::string_view, TokenId> ids_;
  PrefixIndex user_defined_;
  std::array<TokenId, 256> byte_ids_{};
  bool byte_fallback_ = false;
  size_t piece_bytes_max_ = 0;
  Digest digest_{};
};

}  // namespace assay
