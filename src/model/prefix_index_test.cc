#include "model/prefix_index.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/prng.h"

namespace assay {
namespace {

// Against the obvious search, with strings over few letters so that many start alike.
TEST(PrefixIndex, FindsEveryPrefix) {
  Prng prng(7);
  const auto word = [&](uint64_t length_max) {
    std::string out;
    for (uint64_t i = 1 + prng.below(length_max); i > 0; --i) {
      out.push_back("ab\xFF"[prng.below(3)]);
    }
    return out;
  };
  for (int round = 0; round < 200; ++round) {
    std::set<std::string> words;
    for (uint64_t i = prng.below(30); i > 0; --i) words.insert(word(6));
    std::vector<PrefixIndex::Entry> entries;
    for (const std::string& w : words) {
      entries.push_back({w, static_cast<int32_t>(entries.size())});
    }
    const PrefixIndex index(entries);
    EXPECT_EQ(index.empty(), words.empty());
    const std::string text = word(12);
    std::vector<std::string> expected;  // by length, since all are prefixes of one text
    for (size_t bytes = 1; bytes <= text.size(); ++bytes) {
      if (words.contains(text.substr(0, bytes))) expected.push_back(text.substr(0, bytes));
    }
    std::vector<std::string> found;
    index.for_each_prefix(text, [&](const PrefixIndex::Entry& entry) {
      EXPECT_EQ(entries[static_cast<size_t>(entry.id)].text, entry.text);
      found.emplace_back(entry.text);
    });
    EXPECT_EQ(found, expected);
    const PrefixIndex::Entry* longest = index.longest_prefix(text);
    EXPECT_EQ(longest == nullptr ? "" : std::string(longest->text),
              expected.empty() ? "" : expected.back());
  }
  EXPECT_EQ(PrefixIndex().longest_prefix("a"), nullptr);
  EXPECT_EQ(PrefixIndex({{"a", 0}}).longest_prefix(""), nullptr);
}

}  // namespace
}  // namespace assay
