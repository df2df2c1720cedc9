// assay generate: continues a text with a model, token by token.
#include "app/commands.h"
#include "app/interrupt.h"
#include "app/prompts.h"
#include "base/json.h"
#include "base/memory.h"
#include "model/engine.h"
#include "model/tensor_rules.h"
#include "model/utf8.h"

namespace assay {
namespace {

struct Generation {
  std::string prompt_text;
  std::vector<TokenId> prompt;
  std::vector<TokenId> tokens;
  std::string text;    // of tokens, as bytes
  bool ended = false;  // by the model's end token, which is not in tokens
};

// The bytes of tokens as they come, in whole characters: a token may end inside one.
class TextStream {
 public:
  TextStream(const Console& console, bool silent) : console_(console), silent_(silent) {}

  void write(std::string_view bytes) {
    if (silent_) return;
    pending_ += bytes;
    const size_t whole = whole_characters();
    put(std::string_view(pending_).substr(0, whole));
    pending_.erase(0, whole);
  }
  void finish() {
    if (silent_) return;
    put(pending_);
    write_out("\n");
  }

 private:
  // Bytes up to the last place where no character is open.
  size_t whole_characters() const {
    for (size_t back = 1; back <= 3 && back <= pending_.size(); ++back) {
      const auto byte = static_cast<uint8_t>(pending_[pending_.size() - back]);
      if (byte < 0x80) break;
      const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 0;
      if (length > back) return pending_.size() - back;
      if (length != 0) break;
    }
    return pending_.size();
  }
  void put(std::string_view text) {
    // What a model says must not steer the terminal; into a file it goes as it is.
    write_out(console_.out_terminal ? printable(console_.out, text, /*keep_layout=*/true)
                                    : std::string(text));
    std::fflush(stdout);
  }

  const Console& console_;
  const bool silent_;
  std::string pending_;
};

void print_json(const GenerateCommand& command, const Generation& generation) {
  Json json;
  json["schema"] = "assay.generation.v1";
  json["model"] = command.model;
  json["profile"] = kProfileId;
  json["prompt"] = generation.prompt_text;
  json["prompt_ids"] = generation.prompt;
  json["temperature"] = command.sampling.temperature;
  json["seed"] = command.sampling.seed;
  json["top_k"] = command.sampling.top_k;
  json["top_p"] = command.sampling.top_p;
  json["ids"] = generation.tokens;
  json["text"] = generation.text;
  json["end"] = generation.ended ? "end token" : "length";
  write_out(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<std::string> prompt_text(const GenerateCommand& command) {
  if (command.prompt_path.empty()) {
    if (command.prompt) return *command.prompt;
    return invalid_argument(
        "give a text to continue with --prompt or --prompt-file; see assay generate --help");
  }
  ASSAY_ASSIGN_OR_RETURN(std::string text, read_text_file(command.prompt_path, kPromptsBytesMax));
  if (!is_utf8(text)) return data_loss(command.prompt_path + " is not UTF-8");
  return text;
}

Status generate(const GenerateCommand& command, const Console& console) {
  ASSAY_ASSIGN_OR_RETURN(const Model model, open_model(command.model));
  if (model.tokenizer == nullptr) {
    return invalid_argument(command.model +
                            ": has no tokenizer, so it cannot read a text; use "
                            "`assay logits` with token ids");
  }
  ASSAY_RETURN_IF_ERROR(check_sampling(command.sampling));
  const Tokenizer& tokenizer = *model.tokenizer;
  Generation generation;
  ASSAY_ASSIGN_OR_RETURN(generation.prompt_text, prompt_text(command));
  ASSAY_ASSIGN_OR_RETURN(generation.prompt, tokenizer.encode(generation.prompt_text));
  if (tokenizer.add_bos() && tokenizer.bos() >= 0) {
    generation.prompt.insert(generation.prompt.begin(), tokenizer.bos());
  }
  ASSAY_ASSIGN_OR_RETURN(ComputeContext compute, make_compute(command.threads));
  const uint64_t memory = command.memory_bytes != 0 ? command.memory_bytes : memory_limit_bytes();
  ASSAY_ASSIGN_OR_RETURN(const auto engine,
                         Engine::load(model, compute,
                                      {.positions_max = generation.prompt.size() + command.tokens,
                                       .memory_bytes = memory}));
  Sequence sequence = engine->begin();
  install_interrupt("\nassay generate: interrupted\n");
  TextStream stream(console, command.json);
  stream.write(generation.prompt_text);
  SamplerScratch scratch;
  std::span<const TokenId> next = generation.prompt;
  while (generation.tokens.size() < command.tokens) {
    ASSAY_ASSIGN_OR_RETURN(const std::span<const float> logits, engine->forward(sequence, next));
    const TokenId token = sample(logits, command.sampling, sequence.positions(), scratch);
    if (token == tokenizer.eos()) {
      generation.ended = true;
      break;
    }
    generation.tokens.push_back(token);
    next = std::span(generation.tokens).last(1);
    if (static_cast<size_t>(token) < tokenizer.size() &&
        tokenizer.token_kind(token) != TokenKind::kControl) {
      generation.text += tokenizer.piece_bytes(token);
      stream.write(tokenizer.piece_bytes(token));
    }
  }
  stream.finish();
  if (command.json) print_json(command, generation);
  return flush_out();
}

}  // namespace

int run_generate(const GenerateCommand& command, const Console& console) {
  const Status status = generate(command, console);
  if (!status.ok()) print_error(console, "generate", status.message());
  return file_exit_code(status, command.model);
}

}  // namespace assay
