// tokenizer.json of model.type WordPiece. Heavy, for .cc files. Tested in tokenizer_json_test.cc
// and word_piece_tokenizer_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include "model/tokenizer_json_parts.h"
#include "model/word_piece_tokenizer.h"

namespace assay {

// Errors: as parse_tokenizer_json.
Result<WordPieceVocabulary> read_word_piece_json(const TokenizerSections& sections,
                                                 const TokenizerHints& hints,
                                                 const std::string& source);

}  // namespace assay
