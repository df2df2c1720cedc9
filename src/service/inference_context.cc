#include "service/inference_context.h"

#include <algorithm>
#include <map>

#include "model/utf8.h"

namespace assay {
namespace {

Status check_text(const InferenceContext& context, const ServedModel& served,
                  std::string_view text) {
  if (served.model().tokenizer == nullptr) {
    return invalid_argument("model " + served.info().name +
                            " has no tokenizer: give the prompt as token ids");
  }
  if (text.size() > context.limits.prompt_bytes_max) {
    return invalid_argument("prompt has " + std::to_string(text.size()) + " bytes; at most " +
                            std::to_string(context.limits.prompt_bytes_max) + " are taken");
  }
  if (!is_utf8(text)) return invalid_argument("prompt is not UTF-8");
  return ok_status();
}

// Texts of control tokens by their first byte, longest first: what a chat template may spell.
using ControlTexts = std::map<char, std::vector<std::pair<std::string, TokenId>>>;

ControlTexts control_texts(const Tokenizer& tokenizer) {
  ControlTexts texts;
  for (size_t i = 0; i < tokenizer.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const TokenKind kind = tokenizer.token_kind(id);
    const std::string& text = tokenizer.piece_bytes(id);
    if ((kind != TokenKind::kControl && kind != TokenKind::kUserDefined) || text.empty()) continue;
    texts[text[0]].emplace_back(text, id);
  }
  for (auto& [first, list] : texts) {
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
      return a.first.size() != b.first.size() ? a.first.size() > b.first.size() : a < b;
    });
  }
  return texts;
}

}  // namespace

Result<std::shared_ptr<ServedModel>> find_model(const InferenceContext& context,
                                                const std::string& name) {
  if (context.health->state() != ServiceState::kServing) {
    return unavailable("not serving: " + context.health->reason());
  }
  return context.models->find(name);
}

Result<std::vector<TokenId>> prompt_tokens(const InferenceContext& context,
                                           const ServedModel& served, std::string_view text) {
  ASSAY_RETURN_IF_ERROR(check_text(context, served, text));
  const Tokenizer& tokenizer = *served.model().tokenizer;
  ASSAY_ASSIGN_OR_RETURN(std::vector<TokenId> tokens, tokenizer.encode(text));
  if (tokenizer.add_bos() && tokenizer.bos() >= 0) tokens.insert(tokens.begin(), tokenizer.bos());
  return tokens;
}

Result<std::vector<TokenId>> chat_tokens(const InferenceContext& context, const ServedModel& served,
                                         std::string_view text) {
  ASSAY_RETURN_IF_ERROR(check_text(context, served, text));
  const Tokenizer& tokenizer = *served.model().tokenizer;
  // All other kinds read control tokens in a text themselves (model/tokenizer.h).
  if (tokenizer.kind() != "spm-bpe") return tokenizer.encode(text);
  const ControlTexts controls = control_texts(tokenizer);
  std::vector<TokenId> tokens;
  size_t begin = 0;
  const auto encode_until = [&](size_t end) -> Status {
    if (end == begin) return ok_status();
    ASSAY_ASSIGN_OR_RETURN(const std::vector<TokenId> part,
                           tokenizer.encode(text.substr(begin, end - begin)));
    tokens.insert(tokens.end(), part.begin(), part.end());
    return ok_status();
  };
  for (size_t at = 0; at < text.size();) {
    const auto list = controls.find(text[at]);
    size_t length = 0;
    if (list != controls.end()) {
      for (const auto& [control, id] : list->second) {
        if (text.compare(at, control.size(), control) != 0) continue;
        ASSAY_RETURN_IF_ERROR(encode_until(at));
        tokens.push_back(id);
        length = control.size();
        begin = at + length;
        break;
      }
    }
    at += std::max<size_t>(length, 1);
  }
  ASSAY_RETURN_IF_ERROR(encode_until(text.size()));
  return tokens;
}

double deadline_of(const InferenceContext& context, double seconds) {
  return context.clock->seconds() + std::min(seconds, context.limits.timeout_seconds);
}

Span start_inference_span(const InferenceContext& context, std::string_view name,
                          const TraceContext& parent, std::string_view model) {
  if (context.tracer == nullptr) return {};
  Span span = context.tracer->start(name, parent, SpanKind::kServer);
  span.set("assay.model", std::string(model));
  return span;
}

void end_inference_span(Span& span, const Status& status, const Completion* completion) {
  if (!span.recording()) return;
  span.set("assay.code", std::string(code_name(status.code())));
  if (!status.ok()) span.set_error(status.message());
  if (completion != nullptr) {
    span.set("assay.prompt_tokens", static_cast<int64_t>(completion->prompt_tokens));
    span.set("assay.generated_tokens", static_cast<int64_t>(completion->generated_tokens));
    span.set("assay.shared_prompt_tokens", static_cast<int64_t>(completion->shared_prompt_tokens));
    span.set("assay.queue_seconds", completion->queued_seconds);
    span.set("assay.first_token_seconds", completion->first_token_seconds);
  }
  span.end();
}

void InferenceTicket::cancel() const {
  if (const std::shared_ptr<ServedModel> served = served_.lock()) {
    served->batcher().cancel(ticket_);
  }
}

}  // namespace assay
