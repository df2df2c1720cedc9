#include "service/openai_request.h"

#include <cmath>
#include <set>

#include "base/json.h"
#include "inference/request.h"

namespace assay {
namespace {

constexpr JsonLimits kBodyLimits = {.depth_max = 32, .members_max = 256};

// The members of a body, each read at most once; the first error stays.
class Members {
 public:
  explicit Members(const Json& body) : body_(body) {}

  // Null where there is none, or JSON null.
  const Json* find(const char* name) {
    taken_.insert(name);
    const auto it = body_.find(name);
    return it == body_.end() || it->is_null() ? nullptr : &*it;
  }
  bool flag(const char* name, bool otherwise) {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) return fail(name, "expected true or false"), otherwise;
    return value->get<bool>();
  }
  struct Range {
    double min;
    double max;
    double otherwise;
  };
  double number(const char* name, const Range& range) {
    const Json* value = find(name);
    if (value == nullptr) return range.otherwise;
    const double x = value->is_number() ? value->get<double>() : std::nan("");
    if (x >= range.min && x <= range.max) return x;
    fail(name, "is " + shown(*value) + "; expected a number from " + shown(Json(range.min)) +
                   " to " + shown(Json(range.max)));
    return range.otherwise;
  }
  std::optional<uint64_t> integer(const char* name, uint64_t min, uint64_t max) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_unsigned() && value->get<uint64_t>() >= min &&
        value->get<uint64_t>() <= max) {
      return value->get<uint64_t>();
    }
    fail(name, "is " + shown(*value) + "; expected a whole number from " + std::to_string(min) +
                   " to " + std::to_string(max));
    return std::nullopt;
  }
  std::string text(const char* name, size_t bytes_max) {
    const Json* value = find(name);
    if (value == nullptr) return "";
    if (!value->is_string()) return fail(name, "expected a string"), "";
    const std::string& text = value->get_ref<const std::string&>();
    if (text.size() <= bytes_max) return text;
    fail(name, "has " + std::to_string(text.size()) + " bytes; at most " +
                   std::to_string(bytes_max) + " are taken");
    return "";
  }
  // Something that this server does not do: taken only with a value that asks for nothing.
  void unsupported(const char* name, const Json& harmless) {
    const Json* value = find(name);
    if (value == nullptr || *value == harmless) return;
    if (value->empty() && (value->is_array() || value->is_object())) return;
    if (value->is_number() && harmless.is_number() &&
        value->get<double>() == harmless.get<double>()) {
      return;
    }
    fail(name, "is not supported; leave it out, or give " + harmless.dump());
  }
  void ignore(const char* name) { taken_.insert(name); }

  void fail(const std::string& name, const std::string& why) {
    if (!error_.status.ok()) return;
    error_ = {invalid_argument(name + ": " + why), name};
  }
  bool ok() const { return error_.status.ok(); }
  OpenAiError finish() {
    for (auto it = body_.begin(); ok() && it != body_.end(); ++it) {
      if (!taken_.contains(it.key())) {
        fail(it.key().substr(0, 64), "is not a parameter of this request");
      }
    }
    return error_;
  }

  // A value in an error, cut where it is long.
  static std::string shown(const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    return text;
  }

 private:
  const Json& body_;
  std::set<std::string, std::less<>> taken_;
  OpenAiError error_;
};

OpenAiResult<Json> parse_body(std::string_view body) {
  Result<Json> json = parse_json(body, "request body", kBodyLimits);
  if (!json.ok()) return OpenAiError{invalid_argument(json.status().message()), ""};
  if (!json->is_object()) {
    return OpenAiError{invalid_argument("request body: expected a JSON object"), ""};
  }
  return *std::move(json);
}

// Parses a body with read(members, out) and makes sure that it names nothing else.
template <typename T, typename Read>
OpenAiResult<T> read_body(std::string_view body, const Read& read) {
  OpenAiResult<Json> json = parse_body(body);
  if (auto* error = std::get_if<OpenAiError>(&json)) return std::move(*error);
  Members members(std::get<Json>(json));
  T out;
  read(members, out);
  OpenAiError error = members.finish();
  if (!error.status.ok()) return error;
  return out;
}

void read_stop(Members& members, std::vector<std::string>& stop) {
  const Json* value = members.find("stop");
  if (value == nullptr) return;
  const Json list = value->is_array() ? *value : Json::array({*value});
  if (list.size() > kStopTextsMax) {
    return members.fail("stop", "has " + std::to_string(list.size()) + " texts; at most " +
                                    std::to_string(kStopTextsMax) + " are taken");
  }
  for (const Json& one : list) {
    const bool fits = one.is_string() && !one.get_ref<const std::string&>().empty() &&
                      one.get_ref<const std::string&>().size() <= kStopTextBytesMax;
    if (!fits) {
      return members.fail("stop", "expected a string, or strings, of 1 to " +
                                      std::to_string(kStopTextBytesMax) + " bytes");
    }
    stop.push_back(one.get<std::string>());
  }
}

void read_generation(Members& members, OpenAiGeneration& out) {
  out.model = members.text("model", 256);
  out.sampling.temperature =
      members.number("temperature", {.min = 0, .max = kTemperatureMax, .otherwise = 1});
  out.sampling.top_p = members.number("top_p", {.min = 0, .max = 1, .otherwise = 1});
  // OpenAI takes 0; it leaves the most likely token.
  if (out.sampling.top_p == 0) out.sampling.top_p = 1e-300;
  out.sampling.top_k = members.integer("top_k", 0, kVocabularyMax).value_or(0);
  const auto seed = members.integer("seed", 0, ~uint64_t{0});
  out.has_seed = seed.has_value();
  out.sampling.seed = seed.value_or(0);
  read_stop(members, out.stop);
  out.choices = members.integer("n", 1, kOpenAiChoicesMax).value_or(1);
  out.stream = members.flag("stream", false);
  out.ignore_end_token = members.flag("ignore_eos", false);
  out.user = members.text("user", kClientBytesMax);
  if (const Json* options = members.find("stream_options")) {
    const bool fits = options->is_object() && (!options->contains("include_usage") ||
                                               options->at("include_usage").is_boolean());
    if (!fits) return members.fail("stream_options", "expected {\"include_usage\": true}");
    out.include_usage = options->value("include_usage", false);
  }
  members.unsupported("presence_penalty", 0);
  members.unsupported("frequency_penalty", 0);
  members.unsupported("logit_bias", Json::object());
  for (const char* name : {"store", "metadata", "service_tier", "safety_identifier",
                           "prompt_cache_key", "parallel_tool_calls", "verbosity"}) {
    members.ignore(name);
  }
}

// Tokens are checked against a vocabulary later.
bool read_tokens(const Json& list, std::vector<TokenId>& tokens) {
  for (const Json& one : list) {
    if (!one.is_number_unsigned() || one.get<uint64_t>() >= kVocabularyMax) return false;
    tokens.push_back(static_cast<TokenId>(one.get<uint64_t>()));
  }
  return true;
}

void read_prompts(Members& members, std::vector<OpenAiPrompt>& prompts) {
  const Json* value = members.find("prompt");
  const char* const expected =
      "expected a string, a list of tokens, or up to 64 of either; at least one";
  if (value == nullptr) return members.fail("prompt", expected);
  const auto add = [&](const Json& one) {
    std::vector<TokenId> tokens;
    if (one.is_string()) {
      prompts.emplace_back(one.get<std::string>());
      return true;
    }
    if (!one.is_array() || !read_tokens(one, tokens)) return false;
    prompts.emplace_back(std::move(tokens));
    return true;
  };
  const bool is_list = value->is_array() && !value->empty() && !value->front().is_number();
  if (!is_list) {
    if (!add(*value)) members.fail("prompt", expected);
    return;
  }
  if (value->size() > kOpenAiPromptsMax) return members.fail("prompt", expected);
  for (const Json& one : *value) {
    if (!add(one)) return members.fail("prompt", expected);
  }
}

// A string, or parts of which each is a text.
bool read_content(const Json& content, std::string& text) {
  if (content.is_null()) return true;
  if (content.is_string()) {
    text = content.get<std::string>();
    return true;
  }
  if (!content.is_array()) return false;
  for (const Json& part : content) {
    if (!part.is_object() || part.value("type", Json()) != "text" || !part.contains("text") ||
        !part.at("text").is_string()) {
      return false;
    }
    text += part.at("text").get<std::string>();
  }
  return true;
}

void read_messages(Members& members, std::vector<ChatMessage>& messages) {
  const Json* value = members.find("messages");
  if (value == nullptr || !value->is_array() || value->empty() ||
      value->size() > kOpenAiMessagesMax) {
    return members.fail(
        "messages", "expected a list of 1 to " + std::to_string(kOpenAiMessagesMax) + " messages");
  }
  for (size_t i = 0; i < value->size(); ++i) {
    const Json& one = (*value)[i];
    const std::string name = "messages[" + std::to_string(i) + "]";
    if (!one.is_object() || !one.contains("role") || !one.at("role").is_string()) {
      return members.fail(name, "expected an object with a role and a content");
    }
    ChatMessage message;
    message.role = one.at("role").get<std::string>();
    if (message.role == "developer") message.role = "system";  // OpenAI's newer name
    if (!read_content(one.value("content", Json()), message.content)) {
      return members.fail(name + ".content", "expected a string, or parts of type text");
    }
    Json extra = Json::object();
    for (auto it = one.begin(); it != one.end(); ++it) {
      if (it.key() != "role" && it.key() != "content" && !it->is_null()) extra[it.key()] = *it;
    }
    if (!extra.empty()) message.extra_json = extra.dump();
    messages.push_back(std::move(message));
  }
}

}  // namespace

OpenAiResult<OpenAiCompletion> parse_openai_completion(std::string_view body) {
  return read_body<OpenAiCompletion>(body, [](Members& members, OpenAiCompletion& out) {
    read_generation(members, out.generation);
    read_prompts(members, out.prompts);
    out.generation.max_tokens = members.integer("max_tokens", 0, uint64_t{1} << 24);
    if (!out.generation.max_tokens) out.generation.max_tokens = 16;
    out.echo = members.flag("echo", false);
    const auto alternatives = members.integer("logprobs", 0, kAlternativesMax);
    out.generation.log_probabilities = alternatives.has_value();
    out.generation.alternatives = alternatives.value_or(0);
    members.unsupported("best_of", out.generation.choices);
    members.unsupported("suffix", "");
    if (*out.generation.max_tokens == 0 && !out.echo) {
      members.fail("max_tokens", "is 0 and echo is not set: there is nothing to do");
    }
  });
}

OpenAiResult<OpenAiChat> parse_openai_chat(std::string_view body) {
  return read_body<OpenAiChat>(body, [](Members& members, OpenAiChat& out) {
    read_generation(members, out.generation);
    read_messages(members, out.messages);
    const auto newer = members.integer("max_completion_tokens", 1, uint64_t{1} << 24);
    const auto older = members.integer("max_tokens", 1, uint64_t{1} << 24);
    out.generation.max_tokens = newer ? newer : older;
    out.generation.log_probabilities = members.flag("logprobs", false);
    const auto alternatives = members.integer("top_logprobs", 0, kAlternativesMax);
    if (alternatives && !out.generation.log_probabilities) {
      members.fail("top_logprobs", "needs logprobs to be true");
    }
    out.generation.alternatives = alternatives.value_or(0);
    members.unsupported("tools", Json::array());
    members.unsupported("functions", Json::array());
    members.unsupported("tool_choice", "none");
    members.unsupported("function_call", "none");
    members.unsupported("response_format", Json{{"type", "text"}});
    members.unsupported("modalities", Json::array({"text"}));
    members.ignore("reasoning_effort");
  });
}

OpenAiResult<OpenAiTokenize> parse_openai_tokenize(std::string_view body) {
  return read_body<OpenAiTokenize>(body, [](Members& members, OpenAiTokenize& out) {
    out.model = members.text("model", 256);
    // llama.cpp's server calls it content, vLLM prompt.
    const bool has_content = members.find("content") != nullptr;
    const char* const name = has_content ? "content" : "prompt";
    if (members.find(name) == nullptr) members.fail("content", "expected a text to tokenize");
    out.text = members.text(name, size_t{8} << 20);
    const char* const special =
        members.find("add_special") != nullptr ? "add_special" : "add_special_tokens";
    out.add_special = members.flag(special, true);
  });
}

OpenAiResult<OpenAiDetokenize> parse_openai_detokenize(std::string_view body) {
  return read_body<OpenAiDetokenize>(body, [](Members& members, OpenAiDetokenize& out) {
    out.model = members.text("model", 256);
    const Json* tokens = members.find("tokens");
    if (tokens == nullptr || !tokens->is_array() || !read_tokens(*tokens, out.tokens)) {
      members.fail("tokens", "expected a list of token ids");
    }
  });
}

}  // namespace assay
