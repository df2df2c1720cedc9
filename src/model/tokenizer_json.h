// tokenizer.json: the file of the Hugging Face tokenizers library. Read as far as it describes a
// SentencePiece BPE: model.type BPE whose text carries U+2581 for spaces. Such a file lists merges
// instead of scores; the scores follow from the order of the merges when the list is complete and
// ordered by piece, as the converters write it. Tested in tokenizer_json_test.cc; fuzzed in
// tokenizer_fuzz.cc.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/spm_tokenizer.h"

namespace assay {

inline constexpr size_t kTokenizerJsonBytesMax = size_t{64} << 20;

// What the other files of the folder say (config.json, tokenizer_config.json); used where
// tokenizer.json leaves it open. -1: not said.
struct TokenizerHints {
  TokenId bos = -1;
  TokenId eos = -1;
};

// source names the file in errors. Errors: DATA_LOSS for what is no such file (names the field);
// UNIMPLEMENTED for a well-formed file of another kind of tokenizer, or of options that no
// SentencePiece model has (names them).
Result<SpmVocabulary> parse_tokenizer_json(std::string_view text, const TokenizerHints& hints,
                                           const std::string& source);

}  // namespace assay
