// Which strings of a fixed set does a text start with? A sorted list, narrowed down byte by byte:
// no more memory than the strings themselves, whatever a hostile set looks like.
// Tested in prefix_index_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace assay {

class PrefixIndex {
 public:
  struct Entry {
    std::string_view text;  // borrowed
    int32_t id = -1;
  };

  PrefixIndex() = default;
  // Pre: no text is empty, none is there twice.
  explicit PrefixIndex(std::vector<Entry> entries) : entries_(std::move(entries)) {
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.text < b.text; });
    for (size_t i = entries_.size(); i-- > 0;) {
      Range& range = by_byte_[static_cast<uint8_t>(entries_[i].text.front())];
      if (range.low == range.high) range.high = static_cast<uint32_t>(i + 1);
      range.low = static_cast<uint32_t>(i);
    }
  }

  bool empty() const { return entries_.empty(); }

  // Calls visit(entry) for each string that text starts with, the shortest first.
  // Cost: O(length of the longest * log of the number of strings).
  template <typename Visit>
  void for_each_prefix(std::string_view text, Visit visit) const {
    if (text.empty()) return;
    auto [low, high] = by_byte_[static_cast<uint8_t>(text.front())];
    // [low, high) are the strings that agree with the first `at` bytes of text. They are sorted, so
    // the one that ends there is the first.
    for (size_t at = 1; low < high; ++at) {
      if (entries_[low].text.size() == at) visit(entries_[low++]);
      if (low == high || at == text.size()) return;
      const auto key = static_cast<uint8_t>(text[at]);
      low = bound(low, high, at, key);
      high = bound(low, high, at, static_cast<uint32_t>(key) + 1);
    }
  }

  // The longest of them, or null.
  const Entry* longest_prefix(std::string_view text) const {
    const Entry* longest = nullptr;
    for_each_prefix(text, [&](const Entry& entry) { longest = &entry; });
    return longest;
  }

 private:
  struct Range {
    uint32_t low = 0;
    uint32_t high = 0;
  };

  // The first string of [low, high) whose byte `at` is not below key. Pre: all have such a byte.
  uint32_t bound(uint32_t low, uint32_t high, size_t at, uint32_t key) const {
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (static_cast<uint8_t>(entries_[middle].text[at]) < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  std::vector<Entry> entries_;
  std::array<Range, 256> by_byte_{};
};

}  // namespace assay
