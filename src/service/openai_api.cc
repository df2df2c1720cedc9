#include "service/openai_api.h"

#include <chrono>
#include <limits>

#include "base/json.h"
#include "service/openai_call.h"
#include "service/openai_request.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

using Exchange = std::shared_ptr<HttpExchange>;

uint64_t unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

void send_json(const Exchange& exchange, const Json& json) {
  exchange->send({.status = 200,
                  .headers = {{"Content-Type", "application/json"}},
                  .body = json.dump(-1, ' ', false, Json::error_handler_t::replace)});
}

// What a request costs counts against its address, and the user that it names.
std::string client_of(const HttpRequest& request, const std::string& user) {
  return (request.peer + "|" + user).substr(0, kClientBytesMax);
}

class OpenAiApi {
 public:
  explicit OpenAiApi(const InferenceContext& context) : context_(context) {}

  void models(const Exchange& exchange) const;
  void model(const Exchange& exchange) const;
  void completions(const Exchange& exchange) const;
  void chat(const Exchange& exchange) const;
  void tokenize(const Exchange& exchange) const;
  void detokenize(const Exchange& exchange) const;

 private:
  std::shared_ptr<OpenAiCall> begin(const Exchange& exchange, OpenAiKind kind,
                                    const OpenAiGeneration& generation,
                                    const ServedModel& served) const;
  InferenceRequest request_of(const HttpRequest& http, const OpenAiGeneration& generation,
                              std::vector<TokenId> prompt, const ServedModel& served) const;
  Result<std::vector<TokenId>> tokens_of(const OpenAiPrompt& prompt,
                                         const ServedModel& served) const;
  Result<std::string> text_of(const OpenAiPrompt& prompt, const ServedModel& served) const;
  void refuse(const Exchange& exchange, const char* method, const OpenAiError& error) const;

  const InferenceContext& context_;
};

Json model_json(const ServedModel& served) {
  return {{"id", served.info().name},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "assay"},
          {"assay",
           {{"artifact_sha256", to_hex(served.info().artifact)},
            {"canonical_digest", to_hex(served.info().canonical)},
            {"profile", kProfileId},
            {"version", served.info().version},
            {"context_tokens", served.info().context_tokens},
            {"parameters", served.model().parameters},
            {"offloaded", served.info().offloaded}}}};
}

void OpenAiApi::refuse(const Exchange& exchange, const char* method,
                       const OpenAiError& error) const {
  context_.metrics->finished({"http", method}, "", error.status, 0, nullptr);
  HttpResponse response = {.status = http_status_of(error.status.code()),
                           .headers = {{"Content-Type", "application/json"}},
                           .body = openai_error_body(error)};
  if (error.status.code() == Code::kUnavailable) response.headers.add("Retry-After", "5");
  exchange->send(std::move(response));
}

void OpenAiApi::models(const Exchange& exchange) const {
  Json list = Json::array();
  for (const auto& served : context_.models->list()) list.push_back(model_json(*served));
  send_json(exchange, {{"object", "list"}, {"data", std::move(list)}});
}

void OpenAiApi::model(const Exchange& exchange) const {
  const auto served = context_.models->find(exchange->request().path_rest);
  if (!served.ok()) return refuse(exchange, "models", {served.status(), "model"});
  send_json(exchange, model_json(**served));
}

std::shared_ptr<OpenAiCall> OpenAiApi::begin(const Exchange& exchange, OpenAiKind kind,
                                             const OpenAiGeneration& generation,
                                             const ServedModel& served) const {
  const bool is_chat = kind == OpenAiKind::kChat;
  OpenAiCall::Setup setup = {
      .header = {.kind = kind,
                 .id = (is_chat ? "chatcmpl-" : "cmpl-") + exchange->request().request_id,
                 .created_seconds = unix_seconds(),
                 .model = served.info().name,
                 .artifact = served.info().artifact,
                 .profile = std::string(kProfileId)},
      .labels = {"http", is_chat ? "chat" : "completion"},
      .stream = generation.stream,
      .include_usage = generation.include_usage,
      .log_probabilities = generation.log_probabilities};
  return std::make_shared<OpenAiCall>(context_, exchange, std::move(setup));
}

InferenceRequest OpenAiApi::request_of(const HttpRequest& http, const OpenAiGeneration& generation,
                                       std::vector<TokenId> prompt,
                                       const ServedModel& served) const {
  InferenceRequest request;
  request.client = client_of(http, generation.user);
  request.max_tokens = generation.max_tokens.value_or(served.info().context_tokens);
  request.prompt = std::move(prompt);
  request.sampling = generation.sampling;
  if (!generation.has_seed) request.sampling.seed = context_.default_seed;
  request.stop = generation.stop;
  request.ignore_end_token = generation.ignore_end_token;
  request.alternatives = generation.alternatives;
  request.deadline = deadline_of(context_, std::numeric_limits<double>::infinity());
  return request;
}

Result<std::vector<TokenId>> OpenAiApi::tokens_of(const OpenAiPrompt& prompt,
                                                  const ServedModel& served) const {
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    return prompt_tokens(context_, served, *text);
  }
  return std::get<std::vector<TokenId>>(prompt);
}

Result<std::string> OpenAiApi::text_of(const OpenAiPrompt& prompt,
                                       const ServedModel& served) const {
  if (const auto* text = std::get_if<std::string>(&prompt)) return *text;
  if (served.model().tokenizer == nullptr) return std::string();
  return served.model().tokenizer->decode(std::get<std::vector<TokenId>>(prompt));
}

void OpenAiApi::completions(const Exchange& exchange) const {
  auto parsed = parse_openai_completion(exchange->request().body);
  if (const auto* error = std::get_if<OpenAiError>(&parsed)) {
    return refuse(exchange, "completion", *error);
  }
  const auto& asked = std::get<OpenAiCompletion>(parsed);
  const OpenAiGeneration& generation = asked.generation;
  const auto served = find_model(context_, generation.model);
  if (!served.ok()) return refuse(exchange, "completion", {served.status(), "model"});
  if (asked.prompts.size() * generation.choices > kOpenAiPromptsMax) {
    return refuse(exchange, "completion",
                  {invalid_argument("prompt: " + std::to_string(asked.prompts.size()) +
                                    " prompts times n = " + std::to_string(generation.choices) +
                                    " are more than " + std::to_string(kOpenAiPromptsMax)),
                   "n"});
  }
  std::vector<OpenAiCall::Part> parts;
  for (const OpenAiPrompt& prompt : asked.prompts) {
    auto tokens = tokens_of(prompt, **served);
    if (!tokens.ok()) return refuse(exchange, "completion", {tokens.status(), "prompt"});
    OpenAiCall::Part part;
    if (asked.echo) {
      auto text = text_of(prompt, **served);
      if (!text.ok()) return refuse(exchange, "completion", {text.status(), "prompt"});
      part.echo = *std::move(text);
      part.echo_tokens = generation.log_probabilities;
    }
    if (!tokens->empty()) part.first_token = tokens->front();
    part.request = request_of(exchange->request(), generation, *std::move(tokens), **served);
    part.request.score_prompt = part.echo_tokens || part.request.max_tokens == 0;
    for (size_t i = 0; i < generation.choices; ++i) {
      OpenAiCall::Part choice = part;
      choice.request.sampling.seed += i;
      choice.counts_prompt = i == 0;
      parts.push_back(std::move(choice));
    }
  }
  begin(exchange, OpenAiKind::kCompletion, generation, **served)->start(*served, std::move(parts));
}

void OpenAiApi::chat(const Exchange& exchange) const {
  auto parsed = parse_openai_chat(exchange->request().body);
  if (const auto* error = std::get_if<OpenAiError>(&parsed))
    return refuse(exchange, "chat", *error);
  const auto& asked = std::get<OpenAiChat>(parsed);
  const OpenAiGeneration& generation = asked.generation;
  const auto served = find_model(context_, generation.model);
  if (!served.ok()) return refuse(exchange, "chat", {served.status(), "model"});
  const ChatTemplate* const chat = (*served)->chat_template();
  if (chat == nullptr) {
    return refuse(
        exchange, "chat",
        {invalid_argument("model " + (*served)->info().name + " has no usable chat template (" +
                          (*served)->chat_status().message() + "); use /v1/completions"),
         "model"});
  }
  const auto text = chat->render(asked.messages);
  if (!text.ok()) return refuse(exchange, "chat", {text.status(), "messages"});
  auto tokens = chat_tokens(context_, **served, *text);
  if (!tokens.ok()) return refuse(exchange, "chat", {tokens.status(), "messages"});
  std::vector<OpenAiCall::Part> parts;
  for (size_t i = 0; i < generation.choices; ++i) {
    OpenAiCall::Part part;
    part.request = request_of(exchange->request(), generation, *tokens, **served);
    part.request.sampling.seed += i;
    part.counts_prompt = i == 0;
    parts.push_back(std::move(part));
  }
  begin(exchange, OpenAiKind::kChat, generation, **served)->start(*served, std::move(parts));
}

void OpenAiApi::tokenize(const Exchange& exchange) const {
  auto parsed = parse_openai_tokenize(exchange->request().body);
  if (const auto* error = std::get_if<OpenAiError>(&parsed)) {
    return refuse(exchange, "tokenize", *error);
  }
  const auto& asked = std::get<OpenAiTokenize>(parsed);
  const auto served = find_model(context_, asked.model);
  if (!served.ok()) return refuse(exchange, "tokenize", {served.status(), "model"});
  const auto tokens = asked.add_special ? prompt_tokens(context_, **served, asked.text)
                                        : chat_tokens(context_, **served, asked.text);
  if (!tokens.ok()) return refuse(exchange, "tokenize", {tokens.status(), "content"});
  send_json(exchange, {{"tokens", *tokens},
                       {"count", tokens->size()},
                       {"max_model_len", (*served)->info().context_tokens}});
}

void OpenAiApi::detokenize(const Exchange& exchange) const {
  auto parsed = parse_openai_detokenize(exchange->request().body);
  if (const auto* error = std::get_if<OpenAiError>(&parsed)) {
    return refuse(exchange, "detokenize", *error);
  }
  const auto& asked = std::get<OpenAiDetokenize>(parsed);
  const auto served = find_model(context_, asked.model);
  if (!served.ok()) return refuse(exchange, "detokenize", {served.status(), "model"});
  const auto text = text_of(asked.tokens, **served);
  if (!text.ok()) return refuse(exchange, "detokenize", {text.status(), "tokens"});
  send_json(exchange, {{"content", *text}, {"prompt", *text}});
}

}  // namespace

void add_openai_routes(HttpServer& server, const InferenceContext& context) {
  const auto api = std::make_shared<const OpenAiApi>(context);
  const auto add = [&](const char* method, const char* path, auto handler) {
    server.route(method, path,
                 [api, handler](const Exchange& exchange) { ((*api).*handler)(exchange); },
                 {.body_bytes_max = context.limits.message_bytes_max});
  };
  add("GET", "/v1/models", &OpenAiApi::models);
  add("GET", "/v1/models/*", &OpenAiApi::model);
  add("POST", "/v1/completions", &OpenAiApi::completions);
  add("POST", "/v1/chat/completions", &OpenAiApi::chat);
  add("POST", "/tokenize", &OpenAiApi::tokenize);
  add("POST", "/detokenize", &OpenAiApi::detokenize);
}

HttpResponse openai_shape_error(const HttpRequest&, const HttpError& error) {
  const char* const type = error.status < 500 ? "invalid_request_error" : "server_error";
  const Json body = {
      {"error",
       {{"message", error.detail}, {"type", type}, {"param", Json()}, {"code", error.reason}}}};
  return {.status = error.status,
          .headers = {{"Content-Type", "application/json"}},
          .body = body.dump()};
}

}  // namespace assay
