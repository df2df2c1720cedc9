#include "service/grpc_answer.h"

#include <inference/v1/inference.pb.h>

#include <chrono>

#include "base/detmath.h"
#include "service/grpc_messages.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

namespace v1 = inference::v1;

// Requests up to this size are read where they arrive: a tokenizer takes well below a millisecond.
constexpr size_t kReadInPlaceBytesMax = 8 << 10;

Status cancelled_status() { return {Code::kCancelled, "the client cancelled the call"}; }

}  // namespace

// ---- From the request to the batcher ----------------------------------------------------------

void AnswerCall::begin(const grpc::ByteBuffer& bytes) {
  serving_.calls.enter();
  {
    const std::lock_guard lock(mutex_);
    self_ = shared_from_this();
  }
  if (bytes.Length() <= kReadInPlaceBytesMax) {
    start(bytes);
  } else if (!serving_.readers.post([self = shared_from_this(), &bytes] { self->start(bytes); })) {
    refuse(resource_exhausted("too many long prompts wait to be read; come again later"));
  }
}

void AnswerCall::start(const grpc::ByteBuffer& bytes) {
  const Status status = submit(bytes);
  if (!status.ok()) return refuse(status);
  InferenceTicket ticket;
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
    if (!is_gone_) return pump_locked();
    ticket = ticket_;
    pump_locked();
  }
  ticket.cancel();
}

Status AnswerCall::submit(const grpc::ByteBuffer& bytes) {
  const Status head = read_call_head(*call_, head_);
  call_->AddInitialMetadata(kRequestIdKey, head_.request_id);
  ASSAY_RETURN_IF_ERROR(head);
  ASSAY_RETURN_IF_ERROR(parse(bytes));
  ASSAY_RETURN_IF_ERROR(check_model_name(model()));
  ASSAY_ASSIGN_OR_RETURN(const std::shared_ptr<ServedModel> served, find_model(context_, model()));
  model_name_ = served->info().name;
  artifact_ = served->info().artifact;
  tokenizer_ = served->model().tokenizer.get();
  span_ = start_inference_span(context_, method_, head_.trace, model_name_);
  call_->AddInitialMetadata(kModelDigestKey, to_hex(artifact_));
  call_->AddInitialMetadata(kProfileKey, std::string(kProfileId));
  ASSAY_ASSIGN_OR_RETURN(InferenceRequest request, read(*served));
  deadline_ = deadline_of(context_, head_.wait_seconds);
  request.client = head_.client;
  request.deadline = deadline_;
  {
    const std::lock_guard lock(mutex_);
    served_ = served;
  }
  ASSAY_ASSIGN_OR_RETURN(const Batcher::Ticket ticket,
                         served->batcher().submit(std::move(request), shared_from_this()));
  const std::lock_guard lock(mutex_);
  ticket_ = InferenceTicket(served, ticket);
  return ok_status();
}

// A call that never reached the batcher.
void AnswerCall::refuse(const Status& status) {
  context_.metrics->finished({.face = "grpc", .method = method_}, model_name_, status, seconds(),
                             nullptr);
  end_inference_span(span_, status, nullptr);
  const std::lock_guard lock(mutex_);
  started_ = true;
  end_ = status;
  pump_locked();
}

// ---- From the batcher to the client -----------------------------------------------------------

bool AnswerCall::on_step(const TokenStep& step) {
  std::string bytes = answer_step(step);
  const std::lock_guard lock(mutex_);
  if (is_gone_ || end_) return false;
  if (bytes.empty()) return true;
  if (queue_bytes_ + bytes.size() > serving_.limits.stream_queue_bytes_max) {
    give_up_locked(resource_exhausted(
        "the client takes the stream too slowly: " + std::to_string(queue_bytes_) +
        " bytes wait for it, at most " + std::to_string(serving_.limits.stream_queue_bytes_max) +
        " may"));
    return false;
  }
  queue_bytes_ += bytes.size();
  queue_.push_back(std::move(bytes));
  poke_locked();
  return true;
}

void AnswerCall::on_finish(const Completion& completion) {
  std::string last = completion.status.ok() ? answer_end(completion) : "";
  const std::lock_guard lock(mutex_);
  Status status = completion.status;
  if (end_) {
    status = *end_;
  } else if (status.code() == Code::kCancelled && context_.clock->seconds() >= deadline_) {
    status = {Code::kDeadlineExceeded, "the deadline passed before the answer was complete"};
  } else if (status.code() == Code::kCancelled && !is_gone_) {
    status = unavailable("the server ended the request: it shuts down, or the model was replaced");
  }
  context_.metrics->finished({.face = "grpc", .method = method_}, model_name_, status, seconds(),
                             &completion);
  end_inference_span(span_, status, &completion);
  if (is_gone_ || end_) return;
  if (status.ok()) {
    transcript_ = completion.transcript;
    queue_bytes_ += last.size();
    queue_.push_back(std::move(last));
  }
  end_ = std::move(status);
  poke_locked();
}

// What waits is dropped; the client gets the status instead.
void AnswerCall::give_up_locked(const Status& status) {
  queue_.clear();
  queue_bytes_ = 0;
  end_ = status;
  poke_locked();
}

// gRPC's work is not the batcher's: it costs more than a step of a small model.
void AnswerCall::poke_locked() {
  if (is_poked_ || is_finished_ || !started_) return;
  if (is_writing_ && !end_) return;  // write_done() goes on
  is_poked_ = true;
  serving_.writers.post([self = shared_from_this()] {
    const std::lock_guard lock(self->mutex_);
    self->is_poked_ = false;
    self->pump_locked();
  });
}

void AnswerCall::pump_locked() {
  if (is_finished_ || !started_) return;
  // What a client does not take at all would be kept for ever.
  if (end_ || is_gone_) watch_taking_locked();
  if (is_writing_) return;
  if (is_gone_) {
    is_finished_ = true;
    return finish(grpc_status(end_ && !end_->ok() ? *end_ : cancelled_status()));
  }
  if (queue_.empty() && !end_) return;
  const bool is_last = end_ && queue_.size() <= 1;
  if (is_last) {
    is_finished_ = true;
    add_trailers_locked();
  }
  if (queue_.empty()) return finish(grpc_status(*end_));
  queue_bytes_ -= queue_.front().size();
  sending_ = byte_buffer(queue_.front());
  queue_.pop_front();
  if (is_last) return send_last(sending_, grpc_status(*end_));
  is_writing_ = true;
  send(sending_);
}

void AnswerCall::add_trailers_locked() {
  if (transcript_) call_->AddTrailingMetadata(kTranscriptKey, to_hex(*transcript_));
  if (end_->code() != Code::kResourceExhausted) return;
  const auto served = served_.lock();
  const uint64_t seconds = served == nullptr ? 1 : served->batcher().retry_after_seconds();
  call_->AddTrailingMetadata(kRetryAfterKey, std::to_string(1000 * seconds));
}

void AnswerCall::watch_taking_locked() {
  if (alarm_) return;
  const auto moment = std::chrono::system_clock::now() +
                      std::chrono::duration_cast<std::chrono::system_clock::duration>(
                          std::chrono::duration<double>(serving_.limits.take_seconds));
  alarm_.emplace();
  // Weak: the alarm keeps its callback after it has run.
  alarm_->Set(moment, [weak = weak_from_this()](bool has_expired) {
    if (!has_expired) return;
    const auto self = weak.lock();
    if (self == nullptr) return;
    const std::lock_guard lock(self->mutex_);
    if (!self->is_done_) self->call_->TryCancel();
  });
}

// ---- What gRPC tells --------------------------------------------------------------------------

void AnswerCall::write_done(bool ok) {
  if (!ok) client_gone();
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  pump_locked();
}

void AnswerCall::client_gone() {
  InferenceTicket ticket;
  {
    const std::lock_guard lock(mutex_);
    is_gone_ = true;
    queue_.clear();
    queue_bytes_ = 0;
    ticket = ticket_;
    pump_locked();
  }
  ticket.cancel();
}

void AnswerCall::call_done() {
  std::shared_ptr<AnswerCall> self;
  {
    const std::lock_guard lock(mutex_);
    is_done_ = true;
    alarm_.reset();
    self = std::move(self_);
  }
  serving_.calls.leave();
}

// ---- The two kinds ----------------------------------------------------------------------------

namespace {

class GenerateCall final : public AnswerCall, public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  GenerateCall(const GrpcServing& serving, grpc::CallbackServerContext* call)
      : AnswerCall(serving, call, "generate") {}
  using AnswerCall::begin;

  void OnWriteDone(bool ok) override { write_done(ok); }
  void OnCancel() override { client_gone(); }
  void OnDone() override { call_done(); }

 private:
  Status parse(const grpc::ByteBuffer& bytes) override { return read_message(bytes, request_); }
  const std::string& model() const override { return request_.model(); }
  Result<InferenceRequest> read(const ServedModel& served) override {
    return read_generate(context_, served, request_);
  }
  std::string answer_step(const TokenStep& step) override {
    v1::GenerateResponse response;
    write_token(step, tokenizer_, *response.mutable_token());
    text_ += step.text;
    return response.SerializeAsString();
  }
  std::string answer_end(const Completion& completion) override {
    v1::GenerateResponse response;
    write_finish(completion, text_ + completion.text, artifact_, *response.mutable_finish());
    return response.SerializeAsString();
  }
  void send(const grpc::ByteBuffer& bytes) override { StartWrite(&bytes); }
  void send_last(const grpc::ByteBuffer& bytes, const grpc::Status& status) override {
    StartWriteAndFinish(&bytes, {}, status);
  }
  void finish(const grpc::Status& status) override { Finish(status); }

  v1::GenerateRequest request_;
  std::string text_;
};

class ScoreCall final : public AnswerCall, public grpc::ServerUnaryReactor {
 public:
  ScoreCall(const GrpcServing& serving, grpc::CallbackServerContext* call,
            grpc::ByteBuffer* response)
      : AnswerCall(serving, call, "score"), response_(response) {}
  using AnswerCall::begin;

  void OnCancel() override { client_gone(); }
  void OnDone() override { call_done(); }

 private:
  Status parse(const grpc::ByteBuffer& bytes) override { return read_message(bytes, request_); }
  const std::string& model() const override { return request_.model(); }
  Result<InferenceRequest> read(const ServedModel& served) override {
    return read_score(context_, served, request_);
  }
  std::string answer_step(const TokenStep& step) override {
    write_token(step, tokenizer_, *answer_.add_tokens());
    sum_ += static_cast<double>(step.log_probability);
    return "";
  }
  std::string answer_end(const Completion& completion) override {
    const double score = det_exp(sum_ / answer_.tokens_size());
    answer_.set_log_probability(sum_);
    answer_.set_score(score);
    v1::Finish finish;
    write_finish(completion, "", artifact_, finish);
    answer_.set_transcript_sha256(finish.transcript_sha256());
    answer_.set_artifact_digest(finish.artifact_digest());
    answer_.set_profile(finish.profile());
    context_.metrics->scored(score);
    return answer_.SerializeAsString();
  }
  void send(const grpc::ByteBuffer&) override {}  // there is one message, the last
  void send_last(const grpc::ByteBuffer& bytes, const grpc::Status& status) override {
    *response_ = bytes;
    Finish(status);
  }
  void finish(const grpc::Status& status) override { Finish(status); }

  grpc::ByteBuffer* const response_;
  v1::ScoreRequest request_;
  v1::ScoreResponse answer_;
  double sum_ = 0;
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* begin_generate(const GrpcServing& serving,
                                                           grpc::CallbackServerContext* call,
                                                           const grpc::ByteBuffer& bytes) {
  const auto answer = std::make_shared<GenerateCall>(serving, call);
  answer->begin(bytes);
  return answer.get();
}

grpc::ServerUnaryReactor* begin_score(const GrpcServing& serving, grpc::CallbackServerContext* call,
                                      const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response) {
  const auto answer = std::make_shared<ScoreCall>(serving, call, response);
  answer->begin(bytes);
  return answer.get();
}

}  // namespace assay
