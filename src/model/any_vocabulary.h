// A vocabulary of any kind, as a file gave it, before it is checked and becomes a tokenizer. Tested
// in tokenizer_test.cc.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "base/result.h"
#include "model/bpe_tokenizer.h"
#include "model/spm_tokenizer.h"
#include "model/unigram_tokenizer.h"
#include "model/word_piece_tokenizer.h"

namespace assay {

using AnyVocabulary =
    std::variant<SpmVocabulary, BpeVocabulary, WordPieceVocabulary, UnigramVocabulary>;

void set_add_bos(AnyVocabulary& vocabulary, bool add_bos);
void set_add_eos(AnyVocabulary& vocabulary, bool add_eos);  // nothing for SentencePiece BPE

// Errors: as the create of each kind.
Result<std::unique_ptr<Tokenizer>> create_tokenizer(AnyVocabulary vocabulary,
                                                    const std::string& source);

}  // namespace assay
