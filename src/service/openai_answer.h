// What the OpenAI-compatible API answers: completions, chunks of streams and errors as JSON texts,
// from the steps of a batcher. No connection and no model here. Tested in openai_answer_test.cc.
// Source: OpenAI's API reference; what it has no field for stands in "assay".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inference/request.h"
#include "model/tokenizer.h"
#include "service/openai_request.h"

namespace assay {

enum class OpenAiKind : uint8_t { kCompletion, kChat };

// What all messages of an answer say.
struct OpenAiHeader {
  OpenAiKind kind{};
  std::string id;
  uint64_t created_seconds = 0;  // Unix time
  std::string model;
  Digest artifact{};
  std::string profile;
};

// A token with what was computed about it.
struct OpenAiToken {
  std::string bytes;
  bool has_log_probability = true;  // the first of an echoed prompt has none
  float log_probability = 0;
  struct Other {
    std::string bytes;
    float log_probability = 0;
  };
  std::vector<Other> others;
};

// What is known of a choice: of a stream's chunk, what is new.
struct OpenAiChoice {
  size_t index = 0;
  std::string text;
  bool log_probabilities = false;
  std::vector<OpenAiToken> tokens;
  size_t text_offset = 0;                // characters before the first of tokens
  std::optional<Completion> completion;  // once it is over
};

struct OpenAiUsage {
  size_t prompt_tokens = 0;
  size_t cached_tokens = 0;
  size_t completion_tokens = 0;
};

// The whole answer.
std::string openai_body(const OpenAiHeader& header, const std::vector<OpenAiChoice>& choices,
                        const OpenAiUsage& usage);
// A server-sent event: "data: {...}\n\n". is_first: of its choice.
std::string openai_chunk(const OpenAiHeader& header, const OpenAiChoice& choice, bool is_first);
std::string openai_usage_chunk(const OpenAiHeader& header, const OpenAiUsage& usage);
inline constexpr std::string_view kOpenAiStreamEnd = "data: [DONE]\n\n";

// Of UTF-8.
size_t count_characters(std::string_view text);

// {"error": {...}}, and the status of HTTP that goes with it.
std::string openai_error_body(const OpenAiError& error);
int http_status_of(Code code);

}  // namespace assay
