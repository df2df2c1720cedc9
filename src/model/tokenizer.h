// Tokenizers: text to ids and back. Conformance is tested in tokenizer_test.cc against the public
// vectors; fuzzed in tokenizer_fuzz.cc. Threads: const-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"
#include "model/checkpoint.h"

namespace assay {

using TokenId = int32_t;

// Limits of a vocabulary, in tokens and in bytes of a token.
inline constexpr size_t kVocabularyMax = size_t{1} << 20;
inline constexpr size_t kPieceBytesMax = 512;

enum class TokenKind : uint8_t { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::string_view kind() const = 0;  // "spm-bpe", "bpe", "wpm", "ugm"
  virtual size_t size() const = 0;
  // The token's own text as bytes: the byte of a byte token, a space for the meta symbol U+2581.
  virtual const std::string& piece_bytes(TokenId id) const = 0;
  virtual TokenKind token_kind(TokenId id) const = 0;
  virtual TokenId bos() const = 0;  // -1 when there is none
  virtual TokenId eos() const = 0;
  virtual bool add_bos() const = 0;
  // True when eos() ends a text, as [SEP] does for BERT (whose bos() is [CLS]).
  virtual bool add_eos() const { return false; }
  // Ids of the text, without bos and eos. Invalid UTF-8 becomes byte tokens where the vocabulary
  // has them, else unknown. Control tokens that the text spells are read as such by every kind but
  // "spm-bpe", as by the libraries that models of these kinds were trained with.
  // Errors: INVALID_ARGUMENT when text is longer than kTextBytesMax; RESOURCE_EXHAUSTED when a
  // pattern of the vocabulary's file takes too many steps on it, or normalisation lengthens it
  // beyond bounds.
  static constexpr size_t kTextBytesMax = size_t{16} << 20;
  virtual Result<std::vector<TokenId>> encode(std::string_view text) const = 0;
  // The text of ids; control tokens give nothing; ids outside the vocabulary are an
  // INVALID_ARGUMENT.
  virtual Result<std::string> decode(std::span<const TokenId> ids) const = 0;
  // Over the canonical content (kind, pieces, scores, kinds, special ids, options), independent of
  // the file format.
  virtual Digest digest() const = 0;
};

// The tokenizer of a checkpoint: from GGUF metadata, or from tokenizer.model, tokenizer.json, or
// vocab.json with merges.txt in its folder. Errors: NOT_FOUND when there is none (a caller may go
// on without); DATA_LOSS; UNIMPLEMENTED for kinds not yet built.
Result<std::unique_ptr<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint);

}  // namespace assay
