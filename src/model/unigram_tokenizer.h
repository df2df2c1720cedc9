// SentencePiece unigram ("ugm"): the tokenizer of T5, XLM-R, ALBERT. Of all ways to write a text as
// pieces, the one whose scores have the largest sum. Sources: GGUF metadata (tokenizer_gguf.cc),
// tokenizer.json (unigram_json.cc), tokenizer.model (tokenizer_model.cc). Tested in
// unigram_tokenizer_test.cc against the naive search, the SentencePiece and the Hugging Face
// library; fuzzed in tokenizer_fuzz.cc.
// Source: Kudo 2018; SentencePiece, src/unigram_model.cc, EncodeOptimized().
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "model/meta_space.h"
#include "model/prefix_index.h"
#include "model/vocabulary.h"

namespace assay {

// What the prefix and the collapsing of spaces are applied to. The values are part of the digest.
enum class SpaceScope : uint8_t {
  kEveryPart = 0,  // each text between two added tokens
  kFirstPart = 1,  // the same, but the prefix only before what starts the text
  kText = 2,       // the text with its user-defined tokens, as SentencePiece does
};

// Tokens are spelled with U+2581 for a space and "<0x0A>" for a byte.
struct UnigramVocabulary : Vocabulary {
  SpacePrefix space_prefix = SpacePrefix::kAlways;
  SpaceScope space_scope = SpaceScope::kEveryPart;
  bool collapse_spaces = false;
  bool split_words = false;  // no piece reaches over the start of a word
};

class UnigramTokenizer final : public VocabularyTokenizer {
 public:
  // source names the file in errors. Errors: as VocabularyTokenizer; DATA_LOSS for a score that is
  // not finite, some of the 256 byte tokens but not all, or neither these nor an unknown token.
  static Result<std::unique_ptr<Tokenizer>> create(UnigramVocabulary vocabulary,
                                                   const std::string& source);

  std::string_view kind() const override { return "ugm"; }
  Result<std::string> decode(std::span<const TokenId> ids) const override;

 protected:
  Result<std::string> prepare(std::string clean, bool at_start) const override;
  Status encode_part(std::string_view text, bool at_start, TextRegex::Effort& effort,
                     std::vector<TokenId>& ids) const override;

 private:
  class Lattice;
  struct Unchecked {};  // only create() can make one
  // As in UnigramVocabulary.
  struct Options {
    SpacePrefix space_prefix;
    SpaceScope space_scope;
    bool collapse_spaces;
    bool split_words;
  };

 public:
  UnigramTokenizer(Unchecked, Vocabulary vocabulary) : VocabularyTokenizer(std::move(vocabulary)) {}

 private:
  double score_of(TokenId id) const { return vocabulary_.tokens[static_cast<size_t>(id)].score; }
  Status index_pieces(const std::string& source);
  void settle_options(const Options& asked);
  void compute_digest();

  Options options_{};
  PrefixIndex pieces_;  // normal ones: the others are found before, or never
  std::array<TokenId, 256> byte_ids_{};
  bool byte_fallback_ = false;
  bool cuts_words_ = false;  // split_words, or no piece could reach over the start of a word
  double unknown_score_ = 0;
};

}  // namespace assay
