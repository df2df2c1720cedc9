// ChatTemplate: a conversation as the text that a model was trained to continue, made by the
// template that the model carries. Templates are programs in Jinja2; a bounded interpreter of the
// part of it that they use runs them (jinja_eval.h), with the settings of transformers'
// apply_chat_template: trim_blocks, lstrip_blocks, loop controls, an immutable sandbox. What is
// supported stands in docs/families.md. Tested in chat_template_test.cc against jinja2 itself;
// fuzzed in chat_template_fuzz.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/sha256.h"
#include "model/checkpoint.h"
#include "model/tokenizer.h"

namespace assay {

inline constexpr size_t kChatTemplateBytesMax = size_t{1} << 20;

// One message of a conversation; text is UTF-8.
struct ChatMessage {
  std::string role;  // "system", "user", "assistant"; the template says which it knows
  std::string content;
  // A JSON object whose members the template sees beside role and content, for example
  // {"name": "x", "tool_calls": [...]}; "" for none.
  std::string extra_json;
};

// What a render may cost before it is ended with RESOURCE_EXHAUSTED.
struct ChatLimits {
  uint64_t steps_max = 20'000'000;  // expressions, iterations, and every 64 bytes handled
  uint64_t memory_bytes_max = uint64_t{256} << 20;  // of all values made
  uint64_t output_bytes_max = uint64_t{32} << 20;
  uint32_t depth_max = 400;  // of expressions, statements and macros inside one another
};

struct ChatOptions {
  bool add_generation_prompt = true;  // ends with what opens the answer of the assistant
  // The date that strftime_now tells. Fixed, so that a text depends on the request alone; a
  // template that tells the date tells this one.
  int32_t year = 2024;
  int32_t month = 7;  // 1 to 12
  int32_t day = 26;
  // A JSON array of tools in OpenAI's form; "" for none.
  std::string tools_json;
  ChatLimits limits;
};

// A parsed template. Threads: const-safe.
class ChatTemplate {
 public:
  // The template of a checkpoint: tokenizer.chat_template of a GGUF file; of a folder,
  // chat_template.jinja, or chat_template in tokenizer_config.json (of several, the one that is
  // named "default").
  // Errors: NOT_FOUND when it has none; DATA_LOSS when it cannot be parsed (file, line, column);
  // UNIMPLEMENTED for a construct that is not supported (names it).
  static Result<std::unique_ptr<ChatTemplate>> open(const Checkpoint& checkpoint,
                                                    const Tokenizer& tokenizer);
  // name stands for the file in errors. An empty token is undefined to the template, as in
  // transformers. Errors: as open.
  static Result<std::unique_ptr<ChatTemplate>> parse(std::string_view source, std::string_view name,
                                                     std::string bos_token, std::string eos_token);
  ~ChatTemplate();
  ChatTemplate(const ChatTemplate&) = delete;
  ChatTemplate& operator=(const ChatTemplate&) = delete;

  // The conversation as text, special tokens spelled out.
  // Errors: INVALID_ARGUMENT with the template's own words when it calls raise_exception, or with
  // name and line when it fails otherwise (an undefined value used, an operand of the wrong type),
  // or when a message is no UTF-8 or extra_json no object; UNIMPLEMENTED for a method or option
  // that is not supported; RESOURCE_EXHAUSTED past the limits.
  // Cost: bounded by the limits; some microseconds a message in practice.
  Result<std::string> render(std::span<const ChatMessage> messages,
                             const ChatOptions& options = {}) const;

  const std::string& source() const { return source_; }
  // SHA-256 of the source: which template a text was made by.
  const Digest& digest() const { return digest_; }

 private:
  struct Program;
  ChatTemplate(std::string source, std::string name);
  std::string source_;
  std::string name_;
  Digest digest_;
  std::string bos_token_;
  std::string eos_token_;
  std::unique_ptr<const Program> program_;
};

}  // namespace assay
