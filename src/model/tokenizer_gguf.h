// The tokenizer that the metadata of a GGUF file describe (tokenizer.ggml.*). Tested in
// tokenizer_test.cc and tokenizer_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include "model/checkpoint.h"
#include "model/tokenizer.h"

namespace assay {

// Errors: as open_tokenizer.
Result<std::unique_ptr<Tokenizer>> open_gguf_tokenizer(const Checkpoint& checkpoint);

}  // namespace assay
