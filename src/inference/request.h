// What is asked of a model that serves many at once, and what comes back. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"
#include "model/sampler.h"
#include "model/tokenizer.h"

namespace assay {

inline constexpr size_t kStopTextsMax = 16;
inline constexpr size_t kStopTextBytesMax = 256;
inline constexpr size_t kAlternativesMax = 20;
inline constexpr size_t kClientBytesMax = 256;
inline constexpr double kTemperatureMax = 100;

struct InferenceRequest {
  std::string client;           // whose share of the machine it counts against; any text
  std::vector<TokenId> prompt;  // taken as it is: nothing is added
  size_t max_tokens = 0;        // to generate; 0: the prompt is only scored
  SamplingOptions sampling;
  std::vector<std::string> stop;  // generation ends before the first of these texts
  bool ignore_end_token = false;
  bool score_prompt = false;  // a step for each token of the prompt but the first
  size_t alternatives = 0;    // to report with each step
  // Moment of the batcher's clock, in seconds, after which nobody waits for the answer.
  std::optional<double> deadline;
};

struct Alternative {
  TokenId token = 0;
  float log_probability = 0;
};

// One token of the answer. Threads: valid during the call that hands it over.
struct TokenStep {
  TokenId token = 0;
  size_t position = 0;                    // in the sequence: the first token of the prompt has 0
  bool is_prompt = false;                 // scored, not generated
  bool is_end = false;                    // the end token: it ends the answer and has no text
  float log_probability = 0;              // natural logarithm, at temperature 1
  std::vector<Alternative> alternatives;  // most likely first
  Digest logits_digest{};  // SHA-256 over the little-endian f32 logits it was chosen from
  // Of the generated text, what this token completes: whole characters that no stop text can take
  // back any more. The last of it comes with the completion.
  std::string text;
};

enum class FinishReason : uint8_t { kLength = 1, kEndToken = 2, kStop = 3 };

struct Completion {
  Status status;  // not ok: there is no answer, whatever was handed over
  FinishReason reason = FinishReason::kLength;
  std::string text;  // of the generated text, what no step has handed over
  Digest transcript{};
  size_t prompt_tokens = 0;
  size_t generated_tokens = 0;
  size_t shared_prompt_tokens = 0;  // taken from pages that another request had computed
  size_t recomputations = 0;        // times that its pages were given to others
  double queued_seconds = 0;
  double first_token_seconds = 0;  // from submission; 0 when there was none
  double total_seconds = 0;
};

// Where an answer goes. Calls come one after the other from the batcher's thread and must not
// block.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  // False: the receiver is gone; the request is cancelled.
  virtual bool on_step(const TokenStep& step) = 0;
  // Exactly once for each request that was taken.
  virtual void on_finish(const Completion& completion) = 0;
};

}  // namespace assay
