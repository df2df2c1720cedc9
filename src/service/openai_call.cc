#include "service/openai_call.h"

#include "inference/text_stream.h"

namespace assay {
namespace {

// This thread is a batcher's, inside a sink: a connection that turns out to be closed needs no
// cancelling there, the sink's answer says it; and the model must not be held (model_registry.h).
thread_local bool in_batcher = false;

}  // namespace

// Keeps its call alive until the batcher is done with it.
class OpenAiCall::Sink : public ResponseSink {
 public:
  Sink(std::shared_ptr<OpenAiCall> call, size_t index) : call_(std::move(call)), index_(index) {}
  bool on_step(const TokenStep& step) override {
    in_batcher = true;
    const bool goes_on = call_->on_step(index_, step);
    in_batcher = false;
    return goes_on;
  }
  void on_finish(const Completion& completion) override {
    in_batcher = true;
    call_->on_finish(index_, completion);
    in_batcher = false;
  }

 private:
  const std::shared_ptr<OpenAiCall> call_;
  const size_t index_;
};

OpenAiCall::OpenAiCall(const InferenceContext& context, std::shared_ptr<HttpExchange> exchange,
                       Setup setup)
    : context_(context),
      exchange_(std::move(exchange)),
      setup_(std::move(setup)),
      begin_seconds_(context.clock->seconds()) {}

void OpenAiCall::start(const std::shared_ptr<ServedModel>& served, std::vector<Part> parts) {
  std::vector<InferenceRequest> requests;
  {
    const std::lock_guard lock(mutex_);
    served_ = served.get();
    for (Part& part : parts) requests.push_back(std::move(part.request));
    parts_ = std::move(parts);
    choices_.resize(parts_.size());
    for (size_t i = 0; i < parts_.size(); ++i) {
      OpenAiChoice& choice = choices_[i].so_far;
      choice.index = i;
      choice.log_probabilities = setup_.log_probabilities;
      choice.text = parts_[i].echo;
      choices_[i].span = start_inference_span(context_, setup_.labels.method,
                                              exchange_->request().trace, setup_.header.model);
    }
  }
  exchange_->on_close([call = weak_from_this()] {
    if (in_batcher) return;
    if (const auto alive = call.lock()) alive->cancel_all();
  });
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto ticket = served->batcher().submit(std::move(requests[i]),
                                                 std::make_shared<Sink>(shared_from_this(), i));
    if (!ticket.ok()) {
      cancel_all();
      set_retry_after(ticket.status());
      fail({ticket.status(), ""});
      return;
    }
    const std::lock_guard lock(tickets_mutex_);
    tickets_.emplace_back(served, *ticket);
  }
  // The client may have gone before there was anything to cancel.
  if (exchange_->closed()) cancel_all();
}

void OpenAiCall::set_retry_after(const Status& status) {
  if (status.code() != Code::kResourceExhausted) return;
  const std::lock_guard lock(mutex_);
  retry_after_ = served_->batcher().retry_after_seconds();
}

void OpenAiCall::cancel_all() {
  std::vector<InferenceTicket> tickets;
  {
    const std::lock_guard lock(tickets_mutex_);
    tickets = tickets_;
  }
  for (const InferenceTicket& ticket : tickets) ticket.cancel();
}

void OpenAiCall::fail(const OpenAiError& error) {
  bool streaming = false;
  {
    const std::lock_guard lock(mutex_);
    if (answered_) return;
    answered_ = true;
    streaming = streaming_;
    for (Choice& choice : choices_) end_inference_span(choice.span, error.status, nullptr);
  }
  context_.metrics->finished(setup_.labels, setup_.header.model, error.status,
                             context_.clock->seconds() - begin_seconds_, nullptr);
  const std::string body = openai_error_body(error);
  if (streaming) {
    exchange_->write("data: " + body + "\n\n");
    exchange_->end();
    return;
  }
  HttpResponse response = {.status = http_status_of(error.status.code()),
                           .headers = {{"Content-Type", "application/json"}},
                           .body = body};
  if (error.status.code() == Code::kResourceExhausted) {
    const std::lock_guard lock(mutex_);
    response.headers.add("Retry-After", std::to_string(retry_after_));
  }
  exchange_->send(std::move(response));
}

std::string OpenAiCall::piece(TokenId token) const {
  const Tokenizer* const tokenizer = served_->model().tokenizer.get();
  if (tokenizer == nullptr || static_cast<size_t>(token) >= tokenizer->size()) {
    return "<" + std::to_string(token) + ">";
  }
  return tokenizer->piece_bytes(token);
}

OpenAiToken OpenAiCall::token_of(const TokenStep& step) const {
  OpenAiToken token = {
      .bytes = piece(step.token), .log_probability = step.log_probability, .others = {}};
  for (const Alternative& other : step.alternatives) {
    token.others.push_back({piece(other.token), other.log_probability});
  }
  return token;
}

bool OpenAiCall::on_step(size_t index, const TokenStep& step) {
  const std::lock_guard lock(mutex_);
  if (answered_ || exchange_->closed()) return false;
  Choice& choice = choices_[index];
  choice.so_far.text += step.text;
  if (setup_.log_probabilities && !(step.is_prompt && !parts_[index].echo_tokens) && !step.is_end) {
    if (step.is_prompt && step.position == 1) {
      choice.so_far.tokens.push_back(
          {.bytes = piece(parts_[index].first_token), .has_log_probability = false, .others = {}});
    }
    choice.so_far.tokens.push_back(token_of(step));
  }
  if (!setup_.stream) return true;
  if (choice.so_far.text.empty() && choice.so_far.tokens.empty()) return true;
  return send_chunk(choice);
}

bool OpenAiCall::begin_stream() {
  if (streaming_) return true;
  streaming_ = true;
  HttpHeaders headers = answer_headers("text/event-stream");
  headers.add("Cache-Control", "no-cache");
  headers.add("X-Accel-Buffering", "no");  // a proxy passes events on as they come
  return exchange_->begin(200, std::move(headers));
}

bool OpenAiCall::send_chunk(Choice& choice) {
  if (!begin_stream()) return false;
  const bool sent = exchange_->write(openai_chunk(setup_.header, choice.so_far, !choice.has_begun));
  choice.has_begun = true;
  for (const OpenAiToken& token : choice.so_far.tokens) {
    choice.so_far.text_offset += count_characters(replace_invalid_utf8(token.bytes));
  }
  choice.so_far.text.clear();
  choice.so_far.tokens.clear();
  return sent;
}

void OpenAiCall::on_finish(size_t index, const Completion& completion) {
  if (!completion.status.ok()) {
    // The other choices end at their next step.
    set_retry_after(completion.status);
    fail({completion.status, ""});
    return;
  }
  const std::lock_guard lock(mutex_);
  if (answered_) return;
  Choice& choice = choices_[index];
  choice.so_far.text += completion.text;
  choice.so_far.completion = completion;
  usage_.completion_tokens += completion.generated_tokens;
  if (parts_[index].counts_prompt) {
    usage_.prompt_tokens += completion.prompt_tokens;
    usage_.cached_tokens += completion.shared_prompt_tokens;
  }
  context_.metrics->finished(setup_.labels, setup_.header.model, ok_status(),
                             context_.clock->seconds() - begin_seconds_, &completion);
  end_inference_span(choice.span, completion.status, &completion);
  if (setup_.stream) send_chunk(choice);
  if (++over_ == choices_.size()) finish_whole();
}

HttpHeaders OpenAiCall::answer_headers(const char* content_type) const {
  return {{"Content-Type", content_type},
          {"X-Assay-Model-Digest", to_hex(setup_.header.artifact)},
          {"X-Assay-Profile", setup_.header.profile}};
}

void OpenAiCall::finish_whole() {
  answered_ = true;
  if (setup_.stream) {
    if (!begin_stream()) return;
    if (setup_.include_usage) exchange_->write(openai_usage_chunk(setup_.header, usage_));
    exchange_->write(kOpenAiStreamEnd);
    exchange_->end();
    return;
  }
  std::vector<OpenAiChoice> all;
  for (Choice& choice : choices_) all.push_back(std::move(choice.so_far));
  HttpResponse response = {.status = 200,
                           .headers = answer_headers("application/json"),
                           .body = openai_body(setup_.header, all, usage_)};
  if (all.size() == 1) {
    response.headers.add("X-Assay-Transcript", to_hex(all[0].completion->transcript));
  }
  exchange_->send(std::move(response));
}

}  // namespace assay
