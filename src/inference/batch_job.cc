#include "inference/batch_job.h"

#include <algorithm>

#include "base/check.h"

namespace assay {

BatchJob::BatchJob(uint64_t ticket, const Model& model, const ModelIdentity& identity,
                   InferenceRequest request, std::shared_ptr<ResponseSink> sink, double now)
    : ticket_(ticket),
      model_(model),
      request_(std::move(request)),
      sink_(std::move(sink)),
      tokens_(request_.prompt),
      next_row_(request_.score_prompt ? 0 : request_.prompt.size() - 1),
      transcript_(identity, request_),
      text_(request_.stop),
      submitted_(now) {
  completion_.prompt_tokens = request_.prompt.size();
}

std::span<const TokenId> BatchJob::tokens() const {
  // Nothing follows the last token of a text that is only scored.
  const size_t last = request_.max_tokens == 0 ? 1 : 0;
  return std::span(tokens_).first(tokens_.size() - last);
}

std::span<const TokenId> BatchJob::pending() const {
  return tokens().subspan(sequence_ ? sequence_->positions() : 0);
}

size_t BatchJob::logits_from(size_t count) const {
  const size_t position = sequence_->positions();
  return next_row_ <= position ? 0 : std::min(count, next_row_ - position);
}

void BatchJob::admit(Sequence sequence, double now) {
  if (!was_admitted_) {
    completion_.queued_seconds = now - submitted_;
    completion_.shared_prompt_tokens = sequence.positions();
    was_admitted_ = true;
  }
  sequence_ = std::move(sequence);
}

void BatchJob::evict() {
  sequence_.reset();
  remembered_pages = 0;
  ++completion_.recomputations;
}

RowAnswer BatchJob::answer(const Kernels& kernels, size_t row, std::span<const float> logits,
                           Scratch& scratch) const {
  RowAnswer out;
  out.row = row;
  const size_t position = row + 1;
  out.token = position < tokens_.size()
                  ? tokens_[position]
                  : sample(logits, request_.sampling, position, scratch.sampler);
  out.logits_digest = sha256(as_bytes(logits));
  const TokenScores scores(kernels, logits, scratch.floats);
  out.log_probability = scores.log_probability(out.token);
  if (request_.alternatives > 0) out.alternatives = scores.top(request_.alternatives);
  return out;
}

bool BatchJob::take(const RowAnswer& answer, size_t context_tokens, double now) {
  ASSAY_CHECK(answer.row == next_row_);
  ++next_row_;
  TokenStep step;
  step.token = answer.token;
  step.position = answer.row + 1;
  step.is_prompt = step.position < request_.prompt.size();
  step.log_probability = answer.log_probability;
  step.alternatives = answer.alternatives;
  step.logits_digest = answer.logits_digest;
  transcript_.add(step.position, step.token, step.logits_digest);
  bool is_last = false;
  if (!step.is_prompt) {
    if (completion_.generated_tokens == 0) completion_.first_token_seconds = now - submitted_;
    is_last = take_generated(step, context_tokens);
  } else if (request_.max_tokens == 0) {
    is_last = step.position + 1 == request_.prompt.size();
  }
  if (!sink_->on_step(step)) cancelled = true;
  return is_last;
}

bool BatchJob::take_generated(TokenStep& step, size_t context_tokens) {
  const Tokenizer* const tokenizer = model_.tokenizer.get();
  ++completion_.generated_tokens;
  if (tokenizer != nullptr && step.token == tokenizer->eos() && !request_.ignore_end_token) {
    completion_.reason = FinishReason::kEndToken;
    step.is_end = true;
    return true;
  }
  tokens_.push_back(step.token);
  if (tokenizer != nullptr && static_cast<size_t>(step.token) < tokenizer->size() &&
      tokenizer->token_kind(step.token) != TokenKind::kControl) {
    step.text = text_.push(tokenizer->piece_bytes(step.token));
    if (text_.stopped()) {
      completion_.reason = FinishReason::kStop;
      return true;
    }
  }
  return completion_.generated_tokens == request_.max_tokens || tokens_.size() == context_tokens;
}

void BatchJob::finish(Status status, double now) {
  completion_.status = std::move(status);
  completion_.text = text_.finish();
  completion_.transcript = transcript_.finish(completion_.reason);
  completion_.total_seconds = now - submitted_;
  sink_->on_finish(completion_);
}

}  // namespace assay
