// Goldens: what a model must answer, pinned in a file: beside a weight file as
// MODEL.goldens.json (model.gguf.goldens.json), inside the folder of a model as goldens.json. A
// golden's digest is the transcript of the request that it describes, so that anybody can ask for
// it. docs/formats/goldens.md is the specification. Tested in goldens_test.cc, fuzzed in
// goldens_fuzz.cc.
#pragma once

#include <string>
#include <vector>

#include "inference/transcript.h"

namespace assay {

struct Golden {
  std::string id;  // 1 to kGoldenIdBytesMax of [A-Za-z0-9._-]
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
inline constexpr size_t kGoldenIdBytesMax = 128;
inline constexpr size_t kGoldenTokensMax = 65536;  // of a prompt, and to generate

// Errors: NOT_FOUND (no such file), DATA_LOSS (names file, field and value).
Result<Goldens> read_goldens(const std::string& path);
Result<Goldens> parse_goldens(std::string_view text, std::string_view source);
std::string format_goldens(const Goldens& goldens);
// Replaces the file in one step. Errors: INVALID_ARGUMENT for what could not be read again; those
// of write_file_atomically.
Status write_goldens(const std::string& path, const Goldens& goldens);
// Where the goldens of a model lie.
std::string goldens_path(const std::string& model_path);

}  // namespace assay
