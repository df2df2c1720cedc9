// The file of --tokens-file: token ids, for inputs that are too long for a command line. Tested in
// token_file_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/tokenizer.h"

namespace assay {

inline constexpr size_t kTokenFileBytesMax = size_t{16} << 20;
inline constexpr size_t kTokenFileIdsMax = 1'000'000;

// Ids in decimal with commas, white space or both between them. Errors: DATA_LOSS that names
// source and line for what is no id, for more than kTokenFileIdsMax ids, and for none.
Result<std::vector<TokenId>> parse_token_ids(std::string_view text, std::string_view source);
// Errors: those of read_text_file and parse_token_ids.
Result<std::vector<TokenId>> read_token_ids(const std::string& path);

}  // namespace assay
