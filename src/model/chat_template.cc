#include "model/chat_template.h"

#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "model/jinja_eval.h"
#include "model/jinja_globals.h"
#include "model/jinja_json.h"
#include "model/jinja_parser.h"
#include "model/utf8.h"

namespace assay {
namespace {

constexpr std::string_view kKey = "tokenizer.chat_template";

struct Source {
  std::string text;
  std::string name;
};

Status none_in(const std::string& path) {
  return not_found(path + ": the model has no chat template");
}

// The template of tokenizer_config.json: a string, or a list of named ones.
Result<Source> from_tokenizer_config(const std::string& folder) {
  const std::string path = (std::filesystem::path(folder) / "tokenizer_config.json").string();
  if (!path_exists(path)) return none_in(folder);
  constexpr uint64_t kConfigBytesMax = uint64_t{16} << 20;
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kConfigBytesMax));
  ASSAY_ASSIGN_OR_RETURN(const Json config, parse_json(text, path));
  if (!config.is_object()) return data_loss(path + ": not an object");
  const auto at = config.find("chat_template");
  if (at == config.end() || at->is_null()) return none_in(folder);
  const std::string name = path + ", chat_template";
  if (at->is_string()) return Source{at->get<std::string>(), name};
  if (!at->is_array()) return data_loss(name + ": neither a string nor a list");
  for (const Json& entry : *at) {
    const bool is_entry = entry.is_object() && entry.contains("name") &&
                          entry["name"].is_string() && entry.contains("template") &&
                          entry["template"].is_string();
    if (!is_entry) return data_loss(name + ": an entry without name or template");
    if (entry["name"] == "default") return Source{entry["template"].get<std::string>(), name};
  }
  return not_found(name + ": none of the templates is named \"default\"");
}

Result<Source> source_of(const Checkpoint& checkpoint) {
  if (checkpoint.format == CheckpointFormat::kGguf) {
    const std::string key(kKey);
    if (!checkpoint.has_meta(key)) return none_in(checkpoint.path);
    ASSAY_ASSIGN_OR_RETURN(std::string text, checkpoint.meta_string(key));
    return Source{std::move(text), checkpoint.path + ", " + key};
  }
  if (!is_directory(checkpoint.path)) return none_in(checkpoint.path);
  const std::string file =
      (std::filesystem::path(checkpoint.path) / "chat_template.jinja").string();
  if (!path_exists(file)) return from_tokenizer_config(checkpoint.path);
  ASSAY_ASSIGN_OR_RETURN(std::string text, read_text_file(file, kChatTemplateBytesMax));
  return Source{std::move(text), file};
}

std::string token_text(const Tokenizer& tokenizer, TokenId id) {
  return id < 0 ? std::string() : tokenizer.piece_bytes(id);
}

// One message as the template sees it.
Result<jinja::Value> message_value(jinja::Runtime& runtime, const ChatMessage& message,
                                   const std::string& where) {
  if (!is_utf8(message.role) || !is_utf8(message.content)) {
    return invalid_argument(where + " is not UTF-8");
  }
  std::vector<std::pair<jinja::Value, jinja::Value>> entries;
  using Text = std::string_view;
  entries.emplace_back(Text("role"), Text(message.role));
  entries.emplace_back(Text("content"), Text(message.content));
  if (!message.extra_json.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const jinja::Value extra,
                           jinja::from_json(runtime, message.extra_json, where));
    const jinja::Dict* dict = jinja::as_dict(extra);
    if (dict == nullptr) return invalid_argument(where + ": extra_json is not an object");
    for (const auto& [key, value] : dict->entries) {
      ASSAY_RETURN_IF_ERROR(jinja::put(runtime, entries, key, value));
    }
  }
  return runtime.dict(std::move(entries));
}

Result<jinja::Variables> variables_of(jinja::Runtime& runtime,
                                      std::span<const ChatMessage> messages,
                                      const ChatOptions& options) {
  std::vector<jinja::Value> list;
  for (size_t i = 0; i < messages.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const jinja::Value message,
                           message_value(runtime, messages[i], "message " + std::to_string(i)));
    list.push_back(message);
  }
  jinja::Variables out;
  ASSAY_ASSIGN_OR_RETURN(const jinja::Value all, runtime.list(std::move(list)));
  out.emplace_back("messages", all);
  jinja::Value tools = jinja::None{};
  if (!options.tools_json.empty()) {
    ASSAY_ASSIGN_OR_RETURN(tools, jinja::from_json(runtime, options.tools_json, "tools"));
    if (jinja::as_list(tools) == nullptr) return invalid_argument("tools is not an array");
  }
  out.emplace_back("tools", tools);
  out.emplace_back("documents", jinja::None{});
  out.emplace_back("add_generation_prompt", options.add_generation_prompt);
  ASSAY_ASSIGN_OR_RETURN(const jinja::Value raise, jinja::raise_exception(runtime));
  out.emplace_back("raise_exception", raise);
  ASSAY_ASSIGN_OR_RETURN(
      const jinja::Value now,
      jinja::strftime_now(runtime,
                          {.year = options.year, .month = options.month, .day = options.day}));
  out.emplace_back("strftime_now", now);
  return out;
}

Status check_options(const ChatOptions& options) {
  if (options.year < 1 || options.year > 9999 || options.month < 1 || options.month > 12 ||
      options.day < 1 || options.day > 31) {
    return invalid_argument("the date of a chat template is no date");
  }
  return ok_status();
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::string source, std::string name)
    : source_(std::move(source)), name_(std::move(name)), digest_(sha256(source_)) {}
ChatTemplate::~ChatTemplate() = default;

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::open(const Checkpoint& checkpoint,
                                                         const Tokenizer& tokenizer) {
  ASSAY_ASSIGN_OR_RETURN(const Source source, source_of(checkpoint));
  return parse(source.text, source.name, token_text(tokenizer, tokenizer.bos()),
               token_text(tokenizer, tokenizer.eos()));
}

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::parse(std::string_view source,
                                                          std::string_view name,
                                                          std::string bos_token,
                                                          std::string eos_token) {
  if (source.size() > kChatTemplateBytesMax) {
    return data_loss(std::string(name) + ": a chat template of more than " +
                     std::to_string(kChatTemplateBytesMax) + " bytes");
  }
  if (!is_utf8(source)) return data_loss(std::string(name) + ": not UTF-8");
  ASSAY_ASSIGN_OR_RETURN(jinja::Body body, jinja::parse(source, name));
  std::unique_ptr<ChatTemplate> out(new ChatTemplate(std::string(source), std::string(name)));
  out->bos_token_ = std::move(bos_token);
  out->eos_token_ = std::move(eos_token);
  out->program_ = std::make_unique<const Program>(Program{std::move(body)});
  return out;
}

Result<std::string> ChatTemplate::render(std::span<const ChatMessage> messages,
                                         const ChatOptions& options) const {
  ASSAY_RETURN_IF_ERROR(check_options(options));
  jinja::Runtime runtime({.steps_max = options.limits.steps_max,
                          .memory_bytes_max = options.limits.memory_bytes_max,
                          .output_bytes_max = options.limits.output_bytes_max,
                          .depth_max = options.limits.depth_max});
  auto made = variables_of(runtime, messages, options);
  if (!made.ok()) {
    // JSON of the caller, not of a file.
    if (made.status().code() != Code::kDataLoss) return made.status();
    return invalid_argument(made.status().message());
  }
  jinja::Variables variables = std::move(*made);
  const auto add_token = [&](std::string_view variable, const std::string& token) {
    if (!token.empty() && is_utf8(token)) variables.emplace_back(variable, std::string_view(token));
  };
  add_token("bos_token", bos_token_);
  add_token("eos_token", eos_token_);
  return jinja::run(runtime, program_->body, variables, name_);
}

}  // namespace assay
