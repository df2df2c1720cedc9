// Normalisation: what happens to a text before it is cut into words. A list of steps, as the
// Hugging Face library names them; a file that has others is refused. Takes any bytes: what is no
// UTF-8 goes through every step unchanged. Tested in text_normalizer_test.cc; fuzzed in
// tokenizer_fuzz.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/char_map.h"
#include "model/text_regex.h"

namespace assay {

// The values are part of the tokenizer digest.
enum class NormalizerKind : uint8_t {
  kNfc = 0,
  kNfd = 1,
  kNfkc = 2,
  kNfkd = 3,
  kLowercase = 4,
  kStripMarks = 5,       // categories M*
  kStripNonspacing = 6,  // category Mn
  kBertClean = 7,        // control characters go, white space becomes spaces
  kBertCjk = 8,          // spaces around ideographs
  kStripLeft = 9,        // white space at the start
  kStripRight = 10,
  kPrepend = 11,  // content before a text that is not empty
  kReplace = 12,  // each match of pattern by content
  kCharMap = 13,  // char_map.h; content is the map
};

struct NormalizerStep {
  NormalizerKind kind = NormalizerKind::kNfc;
  std::string pattern = {};
  std::string content = {};
  bool operator==(const NormalizerStep&) const = default;
};
using NormalizerSpec = std::vector<NormalizerStep>;

inline constexpr size_t kNormalizerStepsMax = 32;

class TextNormalizer {
 public:
  // What a text may become, after any step; steps from a hostile file could make it any length.
  static constexpr size_t kNormalizedBytesMax = size_t{48} << 20;

  TextNormalizer() = default;
  // Errors: UNIMPLEMENTED for too many steps and for patterns (TextRegex::compile); DATA_LOSS for a
  // map that is damaged.
  static Result<TextNormalizer> create(const NormalizerSpec& spec, const std::string& source);

  bool is_identity() const { return steps_.empty(); }
  // Errors: RESOURCE_EXHAUSTED when the text becomes too long, by itself or with what else the
  // effort was spent on, or a pattern takes too many steps.
  Result<std::string> apply(std::string_view text, TextRegex::Effort& effort) const;

 private:
  struct Step {
    NormalizerStep spec;
    std::shared_ptr<const TextRegex> pattern;  // of kReplace
    std::shared_ptr<const CharMap> map;        // of kCharMap
  };
  static Result<std::string> apply_step(const Step& step, std::string text,
                                        TextRegex::Effort& effort);
  static Result<std::string> replace(const Step& step, std::string_view text,
                                     TextRegex::Effort& effort);

  std::vector<Step> steps_;
};

// docs/formats/tokenizer-digest.md
void append_digest(Bytes& out, const NormalizerSpec& spec);

}  // namespace assay
