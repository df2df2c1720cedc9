#include "app/prompts.h"

#include "base/file.h"
#include "model/utf8.h"
#include "verify/session.h"

namespace assay {

Result<std::vector<std::string>> parse_prompts(std::string_view text, std::string_view source) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> prompts;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t\v\f\r") == std::string_view::npos) continue;
    const std::string at = std::string(source) + ", line " + std::to_string(number) + ": ";
    if (line.size() > kPromptBytesMax) {
      return data_loss(at + "a prompt of " + std::to_string(line.size()) +
                       " bytes; the longest allowed is " + std::to_string(kPromptBytesMax));
    }
    if (!is_utf8(line)) return data_loss(at + "not UTF-8; save the file as UTF-8");
    if (prompts.size() == kChallengesMax) {
      return data_loss(at + "more than " + std::to_string(kChallengesMax) + " prompts");
    }
    prompts.emplace_back(line);
  }
  if (prompts.empty()) {
    return data_loss(std::string(source) + ": no prompt in it; write one prompt a line");
  }
  return prompts;
}

Result<std::vector<std::string>> read_prompts(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kPromptsBytesMax));
  return parse_prompts(text, path);
}

}  // namespace assay
