#include "model/char_map.h"

#include <algorithm>

#include "model/tensor_rules.h"

namespace assay {
namespace {

// A unit of Darts-clone: for an inner node the offset to its children and the byte that leads to
// it; for a leaf the value.
bool has_leaf(uint32_t unit) { return ((unit >> 8) & 1) == 1; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FF; }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

}  // namespace

Result<CharMap> CharMap::parse(ByteSpan content, const std::string& source) {
  if (content.size() > kBytesMax) {
    return data_loss(source + ": a character map of " + format_size(content.size()) + "; at most " +
                     format_size(kBytesMax) + " are read");
  }
  if (content.size() < sizeof(uint32_t)) {
    return data_loss(source + ": a character map of " + std::to_string(content.size()) + " bytes");
  }
  const uint32_t trie_bytes = load_le<uint32_t>(content.data());
  const ByteSpan rest = content.subspan(sizeof(uint32_t));
  if (trie_bytes == 0 || trie_bytes % sizeof(uint32_t) != 0 || trie_bytes > rest.size()) {
    return data_loss(source + ": the character map announces a trie of " +
                     std::to_string(trie_bytes) + " bytes; it has " + std::to_string(rest.size()));
  }
  CharMap out;
  out.units_.resize(trie_bytes / sizeof(uint32_t));
  for (size_t i = 0; i < out.units_.size(); ++i) {
    out.units_[i] = load_le<uint32_t>(rest.data() + i * sizeof(uint32_t));
  }
  const ByteSpan replacements = rest.subspan(trie_bytes);
  if (replacements.empty() || replacements.back() != 0) {
    return data_loss(source + ": the replacements of the character map do not end with a zero");
  }
  out.replacements_.assign(replacements.begin(), replacements.end());
  return out;
}

CharMap::Match CharMap::longest_prefix(std::string_view text) const {
  Match best;
  const auto unit_at = [&](size_t i) { return i < units_.size() ? units_[i] : 0; };
  size_t node = offset_of(unit_at(0));
  for (size_t i = 0; i < std::min(text.size(), kKeyBytesMax); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte == 0) break;  // zero stands for the end of a string
    node ^= byte;
    const uint32_t unit = unit_at(node);
    if (label_of(unit) != byte) break;
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    const size_t at = value_of(unit_at(node));
    // The last byte is a zero, so that the replacement ends inside.
    if (at >= replacements_.size()) continue;
    best = {i + 1, std::string_view(replacements_.c_str() + at)};
  }
  return best;
}

}  // namespace assay
