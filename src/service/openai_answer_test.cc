#include "service/openai_answer.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/json.h"

namespace assay {
namespace {

Json parsed(const std::string& text) { return parse_json(text, "answer").value(); }
Json event(const std::string& text) {
  EXPECT_TRUE(text.starts_with("data: ") && text.ends_with("\n\n"));
  return parsed(text.substr(6));
}

OpenAiHeader header(OpenAiKind kind) {
  return {.kind = kind,
          .id = "id",
          .created_seconds = 7,
          .model = "m",
          .artifact = sha256("model"),
          .profile = "p"};
}

OpenAiChoice choice() {
  OpenAiChoice out;
  out.text = "h\u00e9";
  out.log_probabilities = true;
  out.tokens.push_back({.bytes = "h", .log_probability = -0.5F, .others = {{"h", -0.5F}}});
  out.tokens.push_back({.bytes = "\xC3", .log_probability = -1, .others = {}});
  out.tokens.push_back(
      {.bytes = "\xA9", .log_probability = -std::numeric_limits<float>::infinity(), .others = {}});
  Completion completion;
  completion.reason = FinishReason::kStop;
  completion.transcript = sha256("t");
  out.completion = completion;
  return out;
}

TEST(OpenAiAnswer, ACompletion) {
  const Json json = parsed(openai_body(header(OpenAiKind::kCompletion), {choice()}, {3, 1, 2}));
  EXPECT_EQ(json["object"], "text_completion");
  EXPECT_EQ(json["created"], 7);
  EXPECT_EQ(json["system_fingerprint"], "p:" + to_hex(sha256("model")).substr(0, 16));
  const Json& one = json["choices"][0];
  EXPECT_EQ(one["text"], "h\u00e9");
  EXPECT_EQ(one["finish_reason"], "stop");
  EXPECT_EQ(one["assay"]["transcript_sha256"], to_hex(sha256("t")));
  // Half a character is shown as one that is unknown; -inf as a number that JSON has.
  EXPECT_EQ(one["logprobs"]["tokens"], Json({"h", "\uFFFD", "\uFFFD"}));
  EXPECT_EQ(one["logprobs"]["token_logprobs"], Json({-0.5, -1.0, -9999.0}));
  EXPECT_EQ(one["logprobs"]["text_offset"], Json({0, 1, 2}));
  EXPECT_EQ(json["usage"]["total_tokens"], 5);
  EXPECT_EQ(json["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
  EXPECT_EQ(json["assay"]["artifact_sha256"], to_hex(sha256("model")));
}

TEST(OpenAiAnswer, AChat) {
  const Json json = parsed(openai_body(header(OpenAiKind::kChat), {choice()}, {}));
  EXPECT_EQ(json["object"], "chat.completion");
  const Json& one = json["choices"][0];
  EXPECT_EQ(one["message"]["role"], "assistant");
  EXPECT_EQ(one["message"]["content"], "h\u00e9");
  EXPECT_EQ(one["logprobs"]["content"][1]["bytes"], Json({0xC3}));
  EXPECT_EQ(one["logprobs"]["content"][0]["top_logprobs"][0]["token"], "h");
}

TEST(OpenAiAnswer, ChunksOfAStream) {
  OpenAiChoice first;
  first.index = 2;
  first.text = "x";
  Json json = event(openai_chunk(header(OpenAiKind::kChat), first, true));
  EXPECT_EQ(json["object"], "chat.completion.chunk");
  EXPECT_EQ(json["choices"][0]["index"], 2);
  EXPECT_EQ(json["choices"][0]["delta"], Json({{"role", "assistant"}, {"content", "x"}}));
  EXPECT_TRUE(json["choices"][0]["finish_reason"].is_null());
  EXPECT_FALSE(json.contains("assay"));
  json = event(openai_chunk(header(OpenAiKind::kChat), choice(), false));
  EXPECT_FALSE(json["choices"][0]["delta"].contains("role"));
  EXPECT_EQ(json["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(json.contains("assay"));
  json = event(openai_usage_chunk(header(OpenAiKind::kCompletion), {1, 0, 2}));
  EXPECT_TRUE(json["choices"].empty());
  EXPECT_EQ(json["usage"]["total_tokens"], 3);
}

TEST(OpenAiAnswer, Errors) {
  const Json json = parsed(openai_error_body({resource_exhausted("full"), "n"}));
  EXPECT_EQ(json["error"]["message"], "full");
  EXPECT_EQ(json["error"]["type"], "rate_limit_error");
  EXPECT_EQ(json["error"]["param"], "n");
  EXPECT_EQ(json["error"]["code"], "rate_limit_exceeded");
  EXPECT_EQ(http_status_of(Code::kResourceExhausted), 429);
  EXPECT_EQ(http_status_of(Code::kNotFound), 404);
  EXPECT_EQ(http_status_of(Code::kUnavailable), 503);
  EXPECT_EQ(http_status_of(Code::kInternal), 500);
  EXPECT_TRUE(parsed(openai_error_body({internal_error("x"), ""}))["error"]["param"].is_null());
}

}  // namespace
}  // namespace assay
