// The file of --prompts: one prompt a line. Tested in prompts_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay {

inline constexpr size_t kPromptsBytesMax = size_t{16} << 20;
inline constexpr size_t kPromptBytesMax = size_t{64} << 10;

// The lines of text that hold more than white space, without their line ends (\n or \r\n); a byte
// order mark at the start is dropped. Errors: DATA_LOSS that names source and line for a line that
// is longer than kPromptBytesMax or not UTF-8, for more than kChallengesMax prompts, and for none.
Result<std::vector<std::string>> parse_prompts(std::string_view text, std::string_view source);
// Errors: those of read_text_file and parse_prompts.
Result<std::vector<std::string>> read_prompts(const std::string& path);

}  // namespace assay
