// tokenizer.json as far as it describes a SentencePiece BPE: model.type BPE whose text carries
// U+2581 for spaces. Such a file lists merges instead of scores; the scores follow from the order
// of the merges when the list is complete and ordered by piece, as the converters write it. Heavy,
// for .cc files. Tested in spm_json_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include "model/spm_tokenizer.h"
#include "model/tokenizer_json.h"
#include "model/tokenizer_json_parts.h"

namespace assay {

// Errors: as parse_tokenizer_json.
Result<SpmVocabulary> read_spm_json(const TokenizerSections& sections, const TokenizerHints& hints,
                                    const std::string& source);

}  // namespace assay
