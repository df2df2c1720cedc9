// Byte-level BPE from the files of a Hugging Face folder: tokenizer.json (model.type BPE with a
// ByteLevel pre-tokenizer), or vocab.json with merges.txt, which GPT-2 was published with. Heavy,
// for .cc files. Tested in tokenizer_json_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include "model/bpe_tokenizer.h"
#include "model/tokenizer_json.h"
#include "model/tokenizer_json_parts.h"

namespace assay {

// Errors: as parse_tokenizer_json.
Result<BpeVocabulary> read_bpe_json(const TokenizerSections& sections, const TokenizerHints& hints,
                                    const std::string& source);

}  // namespace assay
