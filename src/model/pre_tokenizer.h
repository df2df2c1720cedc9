// The first step of byte-level BPE: a text is cut into words, and no token reaches over a cut. Each
// step cuts the pieces of the step before. Tested in pre_tokenizer_test.cc and, against public
// vectors, in tokenizer_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/text_regex.h"

namespace assay {

// What becomes of a match. The names are those of the Hugging Face library; the values are part of
// the tokenizer digest.
enum class SplitBehavior : uint8_t {
  kIsolated = 0,            // a piece of its own
  kRemoved = 1,             // left out
  kMergedWithPrevious = 2,  // the end of the piece before
  kMergedWithNext = 3,      // the start of the piece after
  kContiguous = 4,          // matches next to each other are one piece
};

struct SplitStep {
  std::string pattern;  // text_regex.h
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // what the pattern does not match is what is cut out
  // The pattern sees each byte as its character of the byte alphabet: what stands after the step
  // that spells bytes in a Hugging Face sequence does.
  bool on_alphabet = false;
  bool operator==(const SplitStep&) const = default;
};

struct PreTokenizerSpec {
  bool prefix_space = false;  // a space before a text that does not start with one
  std::vector<SplitStep> steps;
  bool operator==(const PreTokenizerSpec&) const = default;
};

inline constexpr size_t kSplitStepsMax = 32;

class PreTokenizer {
 public:
  // Errors: UNIMPLEMENTED as TextRegex::compile, and for more than kSplitStepsMax steps.
  static Result<PreTokenizer> create(PreTokenizerSpec spec, const std::string& source);

  const PreTokenizerSpec& spec() const { return spec_; }
  // Calls visit(piece) for the pieces of text, in order; they borrow from it and none is empty.
  // Prefixing a space is the caller's. Pre: text is valid UTF-8. Errors: RESOURCE_EXHAUSTED as
  // TextRegex::for_each_match.
  using Visit = std::function<void(std::string_view piece)>;
  Status split(std::string_view text, TextRegex::Effort& effort, const Visit& visit) const;
  // docs/formats/tokenizer-digest.md
  void append_digest(Bytes& out) const;

 private:
  Status split_from(size_t step, std::string_view text, TextRegex::Effort& effort,
                    const Visit& visit) const;

  PreTokenizerSpec spec_;
  std::vector<TextRegex> patterns_;
};

// How text becomes words for a value of tokenizer.ggml.pre, and what else such a value implies.
struct PreTokenizerInfo {
  const char* name;
  std::vector<SplitStep> steps;
  bool nfc = false;            // texts are normalised to NFC first
  bool ignore_merges = false;  // a word that is a token is that token, however it comes together
  bool add_bos = false;        // where the file does not say
  bool add_eos = false;
};
// Null for a name that is not in the table.
const PreTokenizerInfo* find_pre_tokenizer(std::string_view name);
std::vector<const char*> pre_tokenizer_names();

// The pattern of the Hugging Face ByteLevel pre-tokenizer, which is GPT-2's.
extern const char* const kGpt2Pattern;

}  // namespace assay
