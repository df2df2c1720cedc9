// SentencePiece's precompiled character map: a double-array trie from strings to their
// replacements, as it stands in tokenizer.model, GGUF metadata and, in base64, in tokenizer.json.
// The bytes are untrusted: every step of a walk is checked against the array. Tested in
// text_normalizer_test.cc; fuzzed in tokenizer_fuzz.cc. Source: SentencePiece, src/normalizer.cc;
// the array is that of Darts-clone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace assay {

class CharMap {
 public:
  static constexpr size_t kBytesMax = size_t{8} << 20;
  // No string of a map is longer; a walk stops here, whatever a hostile array says.
  static constexpr size_t kKeyBytesMax = 64;

  // Layout: u32 length of the trie in bytes, the trie (little-endian u32 units), replacements, each
  // ended by a zero byte. Errors: DATA_LOSS, starting with source, for lengths that do not fit, a
  // map without the last zero byte, or one that is too large.
  static Result<CharMap> parse(ByteSpan content, const std::string& source);

  struct Match {
    size_t bytes = 0;  // 0: no string of the map starts the text
    std::string_view replacement;
  };
  // The longest string of the map that text starts with.
  Match longest_prefix(std::string_view text) const;

 private:
  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace assay
