// The tokenizer files of a Hugging Face folder: tokenizer.json, which holds any kind of tokenizer,
// and the vocab.json with merges.txt that came before it. Each kind has its reader: spm_json.h,
// bpe_json.h, word_piece_json.h, unigram_json.h. Tested in tokenizer_json_test.cc,
// tokenizer_test.cc and for each reader beside it; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/any_vocabulary.h"

namespace assay {

inline constexpr size_t kTokenizerJsonBytesMax = size_t{64} << 20;

// What the other files of the folder say (config.json, tokenizer_config.json); used where
// tokenizer.json leaves it open. -1 or empty: not said.
struct TokenizerHints {
  TokenId bos = -1;
  TokenId eos = -1;
  std::string bos_text = {};  // not used for SentencePiece BPE
  std::string eos_text = {};
};

// source names the file in errors. Errors: DATA_LOSS for what is no such file (names the field);
// UNIMPLEMENTED for a well-formed file of options that are not supported (names them).
Result<AnyVocabulary> parse_tokenizer_json(std::string_view text, const TokenizerHints& hints,
                                           const std::string& source);
// vocab.json and merges.txt, which say no more than the tokens and merges of a GPT-2.
Result<BpeVocabulary> parse_vocab_and_merges(std::string_view vocab, std::string_view merges,
                                             const TokenizerHints& hints,
                                             const std::string& source);

}  // namespace assay
