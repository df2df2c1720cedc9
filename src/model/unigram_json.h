// tokenizer.json of model.type Unigram. Heavy, for .cc files. Tested in tokenizer_json_test.cc and
// unigram_tokenizer_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include "model/tokenizer_json_parts.h"
#include "model/unigram_tokenizer.h"

namespace assay {

// Errors: as parse_tokenizer_json.
Result<UnigramVocabulary> read_unigram_json(const TokenizerSections& sections,
                                            const TokenizerHints& hints, const std::string& source);

}  // namespace assay
