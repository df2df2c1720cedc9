// tokenizer.model: the protocol buffer that SentencePiece writes (sentencepiece_model.proto), read
// as far as the BPE and the unigram engine need it. A bounded reader of the wire format of its own:
// three messages with a dozen fields do not pay for a generated parser, and this one bounds what it
// keeps before it keeps it. Tested in tokenizer_model_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "model/any_vocabulary.h"

namespace assay {

inline constexpr size_t kTokenizerModelBytesMax = size_t{64} << 20;

// An SpmVocabulary or a UnigramVocabulary. source names the file in errors. Errors: DATA_LOSS for
// what is no such message (names field and offset); UNIMPLEMENTED for another model type, and for
// BPE with text normalisation by a character map.
Result<AnyVocabulary> parse_tokenizer_model(ByteSpan content, const std::string& source);

}  // namespace assay
