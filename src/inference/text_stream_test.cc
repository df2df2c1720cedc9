#include "inference/text_stream.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "model/utf8.h"

namespace assay {
namespace {

std::string all(TextStream stream, const std::vector<std::string>& pieces) {
  std::string out;
  for (const std::string& piece : pieces) {
    if (stream.stopped()) break;
    out += stream.push(piece);
    EXPECT_TRUE(is_utf8(out));
  }
  return out + stream.finish();
}

TEST(TextStream, GivesWholeCharacters) {
  TextStream stream({});
  EXPECT_EQ(stream.push("a\xC3"), "a");
  EXPECT_EQ(stream.push("\xA9z"), "\xC3\xA9z");
  EXPECT_EQ(stream.push("\xF0\x9F\x98"), "");
  EXPECT_EQ(stream.push("\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(TextStream, HoldsBackWhatAStopTextMayTake) {
  TextStream stream({"\n\n", "END"});
  EXPECT_EQ(stream.push("one\n"), "one");
  EXPECT_EQ(stream.push("two E"), "\ntwo ");
  EXPECT_EQ(stream.push("N"), "");
  EXPECT_EQ(stream.push("E"), "EN");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.push("ND and more"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, TheStopTextThatBeginsFirstCounts) {
  EXPECT_EQ(all(TextStream({"cd", "abcdef"}), {"xyabcdefgh"}), "xy");
  EXPECT_EQ(all(TextStream({"cd", "bcz"}), {"ab", "c", "d"}), "ab");
}

// However the text is cut, the outcome is what a search in the whole text gives.
TEST(TextStream, AgreesWithASearchInTheWholeText) {
  Prng prng(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> pieces;
    std::string text;
    for (uint64_t i = prng.below(12); i > 0; --i) {
      std::string piece;
      for (uint64_t n = prng.below(4); n > 0; --n) {
        const char* const parts[] = {"a", "b", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
        piece += parts[prng.below(5)];
      }
      // Cut anywhere, also inside a character.
      pieces.push_back(piece);
      text += piece;
    }
    std::vector<std::string> cut;
    for (size_t at = 0; at < text.size();) {
      const size_t n = 1 + prng.below(5);
      cut.push_back(text.substr(at, n));
      at += n;
    }
    std::vector<std::string> stop;
    for (uint64_t i = prng.below(3); i > 0; --i) {
      std::string one;
      for (uint64_t n = 1 + prng.below(3); n > 0; --n) one += prng.below(2) == 0 ? "a" : "b";
      stop.push_back(one);
    }
    size_t first = text.size();
    // A stop text that is complete earlier ends the text, also where a longer one began before.
    for (size_t end = 0; end <= text.size() && first == text.size(); ++end) {
      for (const std::string& one : stop) {
        if (end < one.size() || text.compare(end - one.size(), one.size(), one) != 0) continue;
        first = std::min(first, end - one.size());
      }
    }
    std::vector<std::string> bytes;
    for (const char c : text) bytes.emplace_back(1, c);
    EXPECT_EQ(all(TextStream(stop), bytes), text.substr(0, first));
    if (stop.size() < 2) {
      EXPECT_EQ(all(TextStream(stop), cut), text.substr(0, first));
    }
    EXPECT_EQ(all(TextStream({}), cut), text);
  }
}

}  // namespace
}  // namespace assay
