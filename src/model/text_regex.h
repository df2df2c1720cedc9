// Regular expressions over UTF-8 text as tokenizers write them, in the dialect of Oniguruma that
// the Hugging Face library uses, matched by PCRE2. A pattern comes from a model file and a text
// from anybody: neither may take more than linear time. Tested in text_regex_test.cc; fuzzed in
// tokenizer_fuzz.cc.
//
// Where the two differ, patterns are rewritten before they are compiled:
// - \s is the Unicode property White_Space. PCRE2's own \s also has U+180E, which has not been
//   white space since Unicode 6.3.
// - \w has all letters, marks, numbers and connectors. PCRE2's own has no marks.
// - ^ and $ match at the ends of lines, a line ends with "\n" alone, and so does what . matches.
// - \v is one character and \h is a hexadecimal digit in Oniguruma: refused, nobody writes them.
// What is left are the versions of Unicode: PCRE2 10.42 has 14.0, other libraries follow other
// years, so that characters assigned in between are unassigned here and letters there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace assay {

// The pattern in PCRE2's dialect. Errors: UNIMPLEMENTED, starting with source, for a construct that
// means something else there or that no tokenizer needs (recursion, named groups, set operations in
// classes, verbs).
Result<std::string> translated_regex(std::string_view pattern, const std::string& source);
// A pattern that matches the text and nothing else.
std::string escaped_regex(std::string_view text);

class TextRegex {
 public:
  static constexpr size_t kPatternBytesMax = size_t{8} << 10;

  // What one text may cost, over all its parts and all patterns and searches in them; reused by all
  // of them.
  // Threads: one at a time.
  class Effort {
   public:
    // All that normalisation adds to a text, or takes away again, may be this long.
    static constexpr size_t kGrowthBytesMax = size_t{48} << 20;

    // text_bytes: length of the whole text. Steps are proportional to it.
    explicit Effort(size_t text_bytes);
    ~Effort();
    Effort(const Effort&) = delete;
    Effort& operator=(const Effort&) = delete;

    // A part of the text has become so much longer. False when more than kGrowthBytesMax came
    // together.
    [[nodiscard]] bool grow(size_t bytes);

   private:
    friend class TextRegex;
    struct State;
    std::unique_ptr<State> state_;
  };

  // source names the pattern in errors. Errors: UNIMPLEMENTED for a pattern that is too long, not
  // translated or not understood by PCRE2.
  static Result<TextRegex> compile(std::string_view pattern, const std::string& source);

  // Calls found(start, end) for each match from left to right, as Oniguruma finds them one after
  // the other: matches do not overlap, and an empty one does not touch the one before.
  // Pre: text is valid UTF-8. Errors: RESOURCE_EXHAUSTED when the effort is used up, which patterns
  // that look at every character a bounded number of times never do. Threads: const-safe.
  Status for_each_match(std::string_view text, Effort& effort,
                        const std::function<void(size_t start, size_t end)>& found) const;

 private:
  struct Code;
  TextRegex(std::shared_ptr<const Code> code, std::string pattern)
      : code_(std::move(code)), pattern_(std::move(pattern)) {}

  enum class Outcome : uint8_t { kFound, kNone, kExhausted };
  struct Match {
    Outcome outcome;
    size_t start = 0;
    size_t end = 0;
  };
  Match find(std::string_view text, size_t from, Effort::State& effort) const;

  std::shared_ptr<const Code> code_;
  std::string pattern_;
};

}  // namespace assay
