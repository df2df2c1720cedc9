// What the OpenAI-compatible API takes: JSON bodies as checked values. What OpenAI knows and this
// server cannot do is refused with its name, unless it asks for nothing. Tested in
// openai_request_test.cc, fuzzed in openai_request_fuzz.cc. Source: OpenAI's API reference for
// completions and chat completions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/chat_template.h"
#include "model/sampler.h"
#include "model/tokenizer.h"

namespace assay {

// A failure that names the parameter, for OpenAI's shape of errors.
struct OpenAiError {
  Status status;
  std::string parameter;  // empty: none in particular
};
template <typename T>
using OpenAiResult = std::variant<T, OpenAiError>;

// Text, or tokens as they are.
using OpenAiPrompt = std::variant<std::string, std::vector<TokenId>>;

inline constexpr size_t kOpenAiPromptsMax = 64;  // of one completion request
inline constexpr size_t kOpenAiChoicesMax = 16;  // n
inline constexpr size_t kOpenAiMessagesMax = 4096;

// What both kinds of requests say.
struct OpenAiGeneration {
  std::string model;  // empty: the default
  std::optional<size_t> max_tokens;
  SamplingOptions sampling{.temperature = 1};
  bool has_seed = false;  // else the server's
  std::vector<std::string> stop;
  size_t choices = 1;
  bool stream = false;
  bool include_usage = false;  // a last chunk with the usage
  bool ignore_end_token = false;
  size_t alternatives = 0;
  bool log_probabilities = false;
  std::string user;
};

struct OpenAiCompletion {
  OpenAiGeneration generation;
  std::vector<OpenAiPrompt> prompts;
  bool echo = false;
};

struct OpenAiChat {
  OpenAiGeneration generation;
  std::vector<ChatMessage> messages;
};

struct OpenAiTokenize {
  std::string model;
  std::string text;
  bool add_special = true;
};

struct OpenAiDetokenize {
  std::string model;
  std::vector<TokenId> tokens;
};

OpenAiResult<OpenAiCompletion> parse_openai_completion(std::string_view body);
OpenAiResult<OpenAiChat> parse_openai_chat(std::string_view body);
OpenAiResult<OpenAiTokenize> parse_openai_tokenize(std::string_view body);
OpenAiResult<OpenAiDetokenize> parse_openai_detokenize(std::string_view body);

}  // namespace assay
