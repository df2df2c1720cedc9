#include "service/openai_request.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

template <typename T>
const T& value(const OpenAiResult<T>& result) {
  const auto* error = std::get_if<OpenAiError>(&result);
  EXPECT_EQ(error, nullptr) << error->status.message();
  return std::get<T>(result);
}

// The parameter that the error names, and that its message holds the words.
template <typename T>
std::string refused(const OpenAiResult<T>& result, const std::string& words) {
  const auto* error = std::get_if<OpenAiError>(&result);
  if (error == nullptr) return "it was taken";
  EXPECT_EQ(error->status.code(), Code::kInvalidArgument);
  EXPECT_NE(error->status.message().find(words), std::string::npos) << error->status.message();
  return error->parameter;
}

TEST(OpenAiRequest, ACompletionWithEverything) {
  const auto result = parse_openai_completion(R"({
      "model": "m", "prompt": "Once", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9,
      "top_k": 40, "n": 2, "stream": true, "stream_options": {"include_usage": true},
      "logprobs": 5, "echo": true, "stop": ["a", "b"], "seed": 18446744073709551615,
      "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}, "best_of": 2,
      "suffix": null, "user": "u", "ignore_eos": true})");
  const OpenAiCompletion& asked = value(result);
  EXPECT_EQ(asked.generation.model, "m");
  EXPECT_EQ(std::get<std::string>(asked.prompts.at(0)), "Once");
  EXPECT_EQ(asked.generation.max_tokens, 7U);
  EXPECT_EQ(asked.generation.sampling.temperature, 0.5);
  EXPECT_EQ(asked.generation.sampling.top_p, 0.9);
  EXPECT_EQ(asked.generation.sampling.top_k, 40U);
  EXPECT_EQ(asked.generation.sampling.seed, ~uint64_t{0});
  EXPECT_TRUE(asked.generation.has_seed);
  EXPECT_EQ(asked.generation.choices, 2U);
  EXPECT_TRUE(asked.generation.stream);
  EXPECT_TRUE(asked.generation.include_usage);
  EXPECT_TRUE(asked.generation.log_probabilities);
  EXPECT_EQ(asked.generation.alternatives, 5U);
  EXPECT_TRUE(asked.echo);
  EXPECT_EQ(asked.generation.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(asked.generation.ignore_end_token);
}

TEST(OpenAiRequest, WhatIsLeftOutIsAsOpenAiHasIt) {
  const auto result = parse_openai_completion(R"({"prompt": "x", "stop": null, "seed": null})");
  const OpenAiCompletion& asked = value(result);
  EXPECT_EQ(asked.generation.max_tokens, 16U);
  EXPECT_EQ(asked.generation.sampling.temperature, 1);
  EXPECT_EQ(asked.generation.sampling.top_p, 1);
  EXPECT_EQ(asked.generation.choices, 1U);
  EXPECT_FALSE(asked.generation.has_seed);
  EXPECT_FALSE(asked.generation.stream);
  EXPECT_FALSE(asked.generation.log_probabilities);
  const auto chat = parse_openai_chat(R"({"messages": [{"role": "user", "content": "x"}]})");
  EXPECT_FALSE(value(chat).generation.max_tokens.has_value());
}

TEST(OpenAiRequest, PromptsInAllForms) {
  const auto count = [](const char* prompt) {
    const auto result = parse_openai_completion(std::string("{\"prompt\": ") + prompt + "}");
    return value(result).prompts.size();
  };
  EXPECT_EQ(count("\"a\""), 1U);
  EXPECT_EQ(count("[1, 2, 3]"), 1U);
  EXPECT_EQ(count("[\"a\", \"b\"]"), 2U);
  EXPECT_EQ(count("[[1, 2], [3]]"), 2U);
  EXPECT_EQ(count("[[1], \"b\"]"), 2U);
  const auto tokens = parse_openai_completion(R"({"prompt": [5, 6]})");
  EXPECT_EQ(std::get<1>(value(tokens).prompts[0]), (std::vector<TokenId>{5, 6}));
  for (const char* prompt :
       {"7", "[1, \"a\"]", "[-1]", "[1.5]", "{}", "[[\"a\"]]", "[99999999999]"}) {
    EXPECT_EQ(refused(parse_openai_completion(std::string("{\"prompt\": ") + prompt + "}"),
                      "expected a string"),
              "prompt")
        << prompt;
  }
}

TEST(OpenAiRequest, ErrorsNameTheParameterAndTheValue) {
  const auto completion = [](const std::string& members) {
    return parse_openai_completion("{\"prompt\": \"x\", " + members + "}");
  };
  EXPECT_EQ(refused(completion(R"("temperature": -1)"), "is -1"), "temperature");
  EXPECT_EQ(refused(completion(R"("temperature": "hot")"), "\"hot\""), "temperature");
  EXPECT_EQ(refused(completion(R"("top_p": 1.5)"), "is 1.5"), "top_p");
  EXPECT_EQ(refused(completion(R"("n": 0)"), "from 1 to 16"), "n");
  EXPECT_EQ(refused(completion(R"("n": 17)"), "from 1 to 16"), "n");
  EXPECT_EQ(refused(completion(R"("logprobs": 21)"), "from 0 to 20"), "logprobs");
  EXPECT_EQ(refused(completion(R"("max_tokens": 1.5)"), "whole number"), "max_tokens");
  EXPECT_EQ(refused(completion(R"("max_tokens": 0)"), "nothing to do"), "max_tokens");
  EXPECT_EQ(refused(completion(R"("stream": "yes")"), "true or false"), "stream");
  EXPECT_EQ(refused(completion(R"("stop": [""])"), "1 to 256 bytes"), "stop");
  EXPECT_EQ(refused(completion(R"("stop": 3)"), "string"), "stop");
  EXPECT_EQ(refused(completion(R"("seed": -1)"), "whole number"), "seed");
  EXPECT_EQ(refused(completion(R"("suffix": "end")"), "not supported"), "suffix");
  EXPECT_EQ(refused(completion(R"("presence_penalty": 0.5)"), "not supported"), "presence_penalty");
  EXPECT_EQ(refused(completion(R"("logit_bias": {"5": 1})"), "not supported"), "logit_bias");
  EXPECT_EQ(refused(completion(R"("colour": "red")"), "not a parameter"), "colour");
  EXPECT_EQ(refused(completion(R"("stream_options": [])"), "include_usage"), "stream_options");
}

TEST(OpenAiRequest, WhatIsNoObjectIsRefused) {
  for (const char* body : {"", "[]", "{", "nonsense", "{\"prompt\": \"x\"} more", "null"}) {
    EXPECT_EQ(refused(parse_openai_completion(body), "request body"), "") << body;
    EXPECT_EQ(refused(parse_openai_chat(body), "request body"), "") << body;
  }
  EXPECT_EQ(refused(parse_openai_completion(R"({"prompt": "x", "prompt": "y"})"), "prompt"), "");
}

TEST(OpenAiRequest, Messages) {
  const auto result = parse_openai_chat(R"({"messages": [
      {"role": "developer", "content": "s"},
      {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
      {"role": "assistant", "content": null, "name": "n"}],
      "max_completion_tokens": 5, "max_tokens": 9, "logprobs": true, "top_logprobs": 2,
      "response_format": {"type": "text"}, "tools": [], "store": false})");
  const OpenAiChat& asked = value(result);
  ASSERT_EQ(asked.messages.size(), 3U);
  EXPECT_EQ(asked.messages[0].role, "system");
  EXPECT_EQ(asked.messages[1].content, "ab");
  EXPECT_EQ(asked.messages[2].content, "");
  EXPECT_EQ(asked.messages[2].extra_json, R"({"name":"n"})");
  EXPECT_EQ(asked.generation.max_tokens, 5U);
  EXPECT_EQ(asked.generation.alternatives, 2U);
  const auto chat = [](const std::string& messages) {
    return parse_openai_chat("{\"messages\": " + messages + "}");
  };
  EXPECT_EQ(refused(chat("[]"), "1 to 4096"), "messages");
  EXPECT_EQ(refused(chat("\"hi\""), "1 to 4096"), "messages");
  EXPECT_EQ(refused(chat(R"([{"content": "x"}])"), "a role"), "messages[0]");
  EXPECT_EQ(refused(chat(R"([{"role": "user", "content": 5}])"), "type text"),
            "messages[0].content");
  EXPECT_EQ(refused(chat(R"([{"role": "user", "content": [{"type": "image_url"}]}])"), "type text"),
            "messages[0].content");
  EXPECT_EQ(refused(parse_openai_chat(
                        R"({"messages": [{"role": "user", "content": "x"}], "top_logprobs": 2})"),
                    "needs logprobs"),
            "top_logprobs");
}

TEST(OpenAiRequest, TokenizeTakesTheNamesOfOtherServers) {
  EXPECT_EQ(value(parse_openai_tokenize(R"({"content": "x"})")).text, "x");
  const auto vllm = parse_openai_tokenize(R"({"prompt": "y", "add_special_tokens": false})");
  EXPECT_EQ(value(vllm).text, "y");
  EXPECT_FALSE(value(vllm).add_special);
  EXPECT_EQ(refused(parse_openai_tokenize("{}"), "expected a text"), "content");
  EXPECT_EQ(value(parse_openai_detokenize(R"({"tokens": [1, 2]})")).tokens.size(), 2U);
  EXPECT_EQ(refused(parse_openai_detokenize(R"({"tokens": ["a"]})"), "token ids"), "tokens");
}

}  // namespace
}  // namespace assay
