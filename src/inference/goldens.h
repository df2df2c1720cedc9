// Goldens: what a model must answer, pinned in a file beside it (MODEL.goldens.json). A golden's
// digest is the transcript of the request that it describes, so that anybody can ask for it.
// docs/formats/goldens.md is the specification. Tested in goldens_test.cc, fuzzed in
// goldens_fuzz.cc.
#pragma once

#include <string>
#include <vector>

#include "inference/transcript.h"

namespace assay {

struct Golden {
  std::string id;  // 1 to 128 of [A-Za-z0-9._-]
  std::vector<TokenId> prompt;
  size_t max_tokens = 0;  // generated greedily; 0: the prompt is scored alone
  Digest transcript{};

  // Scores the prompt, then generates at temperature 0, whatever the end token.
  InferenceRequest request() const;
};

struct Goldens {
  Digest artifact{};  // of the model that they were made with
  std::vector<Golden> vectors;
};

inline constexpr size_t kGoldensMax = 1000;
inline constexpr size_t kGoldensBytesMax = size_t{16} << 20;

// Errors: NOT_FOUND (no such file), DATA_LOSS (names file, field and value).
Result<Goldens> read_goldens(const std::string& path);
Result<Goldens> parse_goldens(std::string_view text, std::string_view source);
std::string format_goldens(const Goldens& goldens);
// Where the goldens of a model lie: beside its file, or inside its folder as goldens.json.
std::string goldens_path(const std::string& model_path);

}  // namespace assay
