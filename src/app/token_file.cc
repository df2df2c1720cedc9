#include "app/token_file.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace assay {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string excerpt(std::string_view text) {
  constexpr size_t kShown = 20;
  std::string out;
  for (const char c : text.substr(0, kShown)) out += c >= ' ' && c <= '~' ? c : '?';
  return "'" + out + (text.size() > kShown ? "...'" : "'");
}

}  // namespace

Result<std::vector<TokenId>> parse_token_ids(std::string_view text, std::string_view source) {
  std::vector<TokenId> ids;
  size_t line = 1;
  const auto wrong = [&](const std::string& what) {
    return data_loss(std::string(source) + ", line " + std::to_string(line) + ": " + what);
  };
  bool separated = true;  // by a comma, or nothing came yet
  while (!text.empty()) {
    if (kSpace.find(text.front()) != std::string_view::npos) {
      if (text.front() == '\n') ++line;
      text.remove_prefix(1);
      continue;
    }
    if (text.front() == ',') {
      if (separated) return wrong("a comma without a token id before it");
      separated = true;
      text.remove_prefix(1);
      continue;
    }
    const std::string_view word = text.substr(0, text.find_first_of(", \t\r\n"));
    TokenId id = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size() || id < 0) {
      return wrong(excerpt(word) + " is not a token id");
    }
    if (ids.size() == kTokenFileIdsMax) {
      return wrong("more than " + std::to_string(kTokenFileIdsMax) + " token ids");
    }
    ids.push_back(id);
    separated = false;
    text.remove_prefix(word.size());
  }
  if (ids.empty()) return data_loss(std::string(source) + " holds no token id");
  return ids;
}

Result<std::vector<TokenId>> read_token_ids(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kTokenFileBytesMax));
  return parse_token_ids(text, path);
}

}  // namespace assay
