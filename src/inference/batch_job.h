// BatchJob: a request on its way through a batcher: what is computed, what is still to be, and what
// its answer is so far. Tested through batcher_test.cc.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "inference/text_stream.h"
#include "inference/token_scores.h"
#include "inference/transcript.h"
#include "model/engine.h"

namespace assay {

// What a row of logits says, as far as a request asks for it: a function of the row, the request
// and the position alone.
struct RowAnswer {
  size_t row = 0;  // the token behind which it stands; it is about the next one
  TokenId token = 0;
  float log_probability = 0;
  std::vector<Alternative> alternatives;
  Digest logits_digest{};
};

// Threads: the batcher's, but for `cancelled`.
class BatchJob {
 public:
  BatchJob(uint64_t ticket, const Model& model, const ModelIdentity& identity,
           InferenceRequest request, std::shared_ptr<ResponseSink> sink, double now);

  uint64_t ticket() const { return ticket_; }
  const InferenceRequest& request() const { return request_; }
  const std::string& client() const { return request_.client; }
  std::atomic<bool> cancelled{false};
  bool is_late(double now) const { return request_.deadline && now >= *request_.deadline; }

  // The prompt and what was generated, as far as it has to go through the model.
  std::span<const TokenId> tokens() const;
  // Of these, what has not.
  std::span<const TokenId> pending() const;
  // The first token whose row of logits is needed: nothing before it is computed but for its keys
  // and values.
  size_t next_row() const { return next_row_; }
  // Of the next `count` pending tokens, the first whose row is needed; count: none.
  size_t logits_from(size_t count) const;

  std::optional<Sequence>& sequence() { return sequence_; }
  void admit(Sequence sequence, double now);
  // Its pages go to others; what was answered stays.
  void evict();
  // Whole pages that are known to others (prefix_cache.h).
  size_t remembered_pages = 0;

  struct Scratch {
    SamplerScratch sampler;
    std::vector<float> floats;
  };
  // Threads: const-safe, one scratch each.
  RowAnswer answer(const Kernels& kernels, size_t row, std::span<const float> logits,
                   Scratch& scratch) const;
  // Takes the answer of next_row(). True: it was the last.
  bool take(const RowAnswer& answer, size_t context_tokens, double now);
  void finish(Status status, double now);

 private:
  bool take_generated(TokenStep& step, size_t context_tokens);

  uint64_t ticket_;
  const Model& model_;
  InferenceRequest request_;
  std::shared_ptr<ResponseSink> sink_;
  std::vector<TokenId> tokens_;
  size_t next_row_ = 0;
  std::optional<Sequence> sequence_;
  Transcript transcript_;
  TextStream text_;
  Completion completion_;
  double submitted_ = 0;
  bool was_admitted_ = false;
};

}  // namespace assay
