#include "model/meta_space.h"

#include <algorithm>

namespace assay {

std::string escaped_spaces(std::string_view text, SpacePrefix prefix, bool collapse) {
  if (collapse) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  if (text.empty()) return {};
  std::string out;
  out.reserve(text.size() + text.size() / 2 + kMetaSpace.size());
  if (prefix == SpacePrefix::kAlways || (prefix == SpacePrefix::kUnlessPresent &&
                                         text.front() != ' ' && !text.starts_with(kMetaSpace))) {
    out += kMetaSpace;
  }
  bool last_space = false;
  for (const char c : text) {
    if (c != ' ') {
      out.push_back(c);
    } else if (!last_space || !collapse) {
      out += kMetaSpace;
    }
    last_space = c == ' ';
  }
  while (collapse && out.ends_with(kMetaSpace)) {
    out.resize(out.size() - kMetaSpace.size());
  }
  return out;
}

std::string unescaped_spaces(std::string_view piece) {
  std::string out;
  out.reserve(piece.size());
  while (!piece.empty()) {
    if (piece.starts_with(kMetaSpace)) {
      out.push_back(' ');
      piece.remove_prefix(kMetaSpace.size());
    } else {
      out.push_back(piece.front());
      piece.remove_prefix(1);
    }
  }
  return out;
}

int byte_token_value(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece.back() != '>') return -1;
  int value = 0;
  for (const char c : piece.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace assay
