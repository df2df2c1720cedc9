#include "service/openai_answer.h"

#include <cmath>

#include "base/json.h"
#include "inference/text_stream.h"

namespace assay {
namespace {

// JSON has no infinity; OpenAI gives this for what cannot happen.
constexpr double kImpossible = -9999;

Json log_probability(float x) {
  const double value = static_cast<double>(x);
  return std::isfinite(value) ? Json(value) : Json(kImpossible);
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json bytes_json(std::string_view bytes) {
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return list;
}

// {"tokens": [...], "token_logprobs": [...], "top_logprobs": [...], "text_offset": [...]}
Json completion_log_probabilities(const OpenAiChoice& choice) {
  Json tokens = Json::array();
  Json values = Json::array();
  Json tops = Json::array();
  Json offsets = Json::array();
  size_t offset = choice.text_offset;
  for (const OpenAiToken& token : choice.tokens) {
    const std::string text = replace_invalid_utf8(token.bytes);
    tokens.push_back(text);
    offsets.push_back(offset);
    offset += count_characters(text);
    values.push_back(token.has_log_probability ? log_probability(token.log_probability) : Json());
    Json top = Json::object();
    for (const OpenAiToken::Other& other : token.others) {
      top[replace_invalid_utf8(other.bytes)] = log_probability(other.log_probability);
    }
    tops.push_back(token.has_log_probability ? top : Json());
  }
  return {{"tokens", tokens},
          {"token_logprobs", values},
          {"top_logprobs", tops},
          {"text_offset", offsets}};
}

Json chat_log_probabilities(const OpenAiChoice& choice) {
  Json content = Json::array();
  for (const OpenAiToken& token : choice.tokens) {
    Json others = Json::array();
    for (const OpenAiToken::Other& other : token.others) {
      others.push_back({{"token", replace_invalid_utf8(other.bytes)},
                        {"logprob", log_probability(other.log_probability)},
                        {"bytes", bytes_json(other.bytes)}});
    }
    content.push_back({{"token", replace_invalid_utf8(token.bytes)},
                       {"logprob", log_probability(token.log_probability)},
                       {"bytes", bytes_json(token.bytes)},
                       {"top_logprobs", others}});
  }
  return {{"content", content}, {"refusal", Json()}};
}

Json finish_reason(const OpenAiChoice& choice) {
  if (!choice.completion) return {};
  return choice.completion->reason == FinishReason::kLength ? "length" : "stop";
}

// What a choice says besides its text.
void add_common(const OpenAiHeader& header, const OpenAiChoice& choice, Json& out) {
  Json log_probabilities;
  if (choice.log_probabilities) {
    log_probabilities = header.kind == OpenAiKind::kChat ? chat_log_probabilities(choice)
                                                         : completion_log_probabilities(choice);
  }
  out["logprobs"] = std::move(log_probabilities);
  out["finish_reason"] = finish_reason(choice);
  if (choice.completion) {
    out["assay"] = {{"transcript_sha256", to_hex(choice.completion->transcript)}};
  }
}

Json message_of(const OpenAiHeader& header, const char* object) {
  return {{"id", header.id},
          {"object", object},
          {"created", header.created_seconds},
          {"model", header.model},
          {"system_fingerprint", header.profile + ":" + to_hex(header.artifact).substr(0, 16)}};
}

void add_assay(const OpenAiHeader& header, Json& out) {
  out["assay"] = {{"artifact_sha256", to_hex(header.artifact)}, {"profile", header.profile}};
}

Json usage_json(const OpenAiUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

const char* chunk_object(OpenAiKind kind) {
  return kind == OpenAiKind::kChat ? "chat.completion.chunk" : "text_completion";
}

}  // namespace

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

std::string openai_body(const OpenAiHeader& header, const std::vector<OpenAiChoice>& choices,
                        const OpenAiUsage& usage) {
  const bool is_chat = header.kind == OpenAiKind::kChat;
  Json out = message_of(header, is_chat ? "chat.completion" : "text_completion");
  out["choices"] = Json::array();
  for (const OpenAiChoice& choice : choices) {
    Json one = {{"index", choice.index}};
    if (is_chat) {
      one["message"] = {{"role", "assistant"}, {"content", choice.text}, {"refusal", Json()}};
    } else {
      one["text"] = choice.text;
    }
    add_common(header, choice, one);
    out["choices"].push_back(std::move(one));
  }
  out["usage"] = usage_json(usage);
  add_assay(header, out);
  return dump(out);
}

std::string openai_chunk(const OpenAiHeader& header, const OpenAiChoice& choice, bool is_first) {
  Json out = message_of(header, chunk_object(header.kind));
  Json one = {{"index", choice.index}};
  if (header.kind == OpenAiKind::kChat) {
    Json delta = Json::object();
    if (is_first) delta["role"] = "assistant";
    if (is_first || !choice.text.empty()) delta["content"] = choice.text;
    one["delta"] = std::move(delta);
  } else {
    one["text"] = choice.text;
  }
  add_common(header, choice, one);
  out["choices"] = Json::array({std::move(one)});
  if (choice.completion) add_assay(header, out);
  return "data: " + dump(out) + "\n\n";
}

std::string openai_usage_chunk(const OpenAiHeader& header, const OpenAiUsage& usage) {
  Json out = message_of(header, chunk_object(header.kind));
  out["choices"] = Json::array();
  out["usage"] = usage_json(usage);
  return "data: " + dump(out) + "\n\n";
}

int http_status_of(Code code) {
  switch (code) {
    case Code::kOk:
      return 200;
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
    case Code::kUnimplemented:  // the client asked for what there is not: it need not ask again
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
    case Code::kFailedPrecondition:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kAborted:
      return 409;
    case Code::kResourceExhausted:
      return 429;
    case Code::kCancelled:
      return 499;
    case Code::kUnavailable:
      return 503;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss:
      break;
  }
  return 500;
}

std::string openai_error_body(const OpenAiError& error) {
  const int status = http_status_of(error.status.code());
  const char* type = "server_error";
  if (status < 500) type = "invalid_request_error";
  if (status == 429) type = "rate_limit_error";
  if (status == 403) type = "permission_error";
  Json code;
  if (status == 404) code = "model_not_found";
  if (status == 429) code = "rate_limit_exceeded";
  if (status == 503) code = "unavailable";
  if (status == 504) code = "timeout";
  Json parameter;
  if (!error.parameter.empty()) parameter = error.parameter;
  const Json out = {{"error",
                     {{"message", error.status.message()},
                      {"type", type},
                      {"param", std::move(parameter)},
                      {"code", std::move(code)}}}};
  return dump(out);
}

}  // namespace assay
