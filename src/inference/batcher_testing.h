// A small model that answers requests, for tests: engine, batcher and sinks that can be waited for.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/prng.h"
#include "inference/batcher.h"
#include "tensor/kernels.h"

namespace assay {

// Keeps an answer. Threads: the batcher's writes, the test's waits.
class CollectingSink : public ResponseSink {
 public:
  bool on_step(const TokenStep& step) override {
    const std::lock_guard lock(mutex_);
    steps_.push_back(step);
    changed_.notify_all();
    return !gone_;
  }
  void on_finish(const Completion& completion) override {
    const std::lock_guard lock(mutex_);
    completion_ = completion;
    ++finishes_;
    changed_.notify_all();
  }

  Completion wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return finishes_ > 0; });
    return completion_;
  }
  void wait_for_steps(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return steps_.size() >= count || finishes_ > 0; });
  }
  std::vector<TokenStep> steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
  }
  std::vector<TokenId> generated() const {
    std::vector<TokenId> tokens;
    for (const TokenStep& step : steps()) {
      if (!step.is_prompt) tokens.push_back(step.token);
    }
    return tokens;
  }
  std::string text() {
    const std::string rest = wait().text;
    std::string text;
    for (const TokenStep& step : steps()) text += step.text;
    return text + rest;
  }
  int finishes() const {
    const std::lock_guard lock(mutex_);
    return finishes_;
  }
  void go_away() {
    const std::lock_guard lock(mutex_);
    gone_ = true;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TokenStep> steps_;
  Completion completion_;
  int finishes_ = 0;
  bool gone_ = false;
};

struct TestServerOptions {
  size_t threads = 1;
  size_t threads_max = 0;  // ComputeContext::threads_max; 0: threads
  size_t positions_max = 160;
  size_t pages = 0;
  size_t batch_tokens = 64;
  BatcherOptions batching;
  std::string file = "lexi-nano-q8_0.gguf";
};

// lexi-nano with a batcher of its own.
class TestServer {
 public:
  explicit TestServer(const TestServerOptions& options)
      : model_(
            open_model(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/" + options.file).value()),
        compute_(compute_of(options)),
        engine_(Engine::load(model_, compute_,
                             {.positions_max = options.positions_max,
                              .pages = options.pages,
                              .batch_tokens = options.batch_tokens})
                    .value()) {
    BatcherOptions batching = options.batching;
    batching.batch_tokens = options.batch_tokens;
    batcher_ = std::make_unique<Batcher>(Batcher::Parts{.model = &model_,
                                                        .engine = engine_.get(),
                                                        .compute = &compute_,
                                                        .identity = identity(),
                                                        .clock = &monotonic_clock(),
                                                        .turn = &turn_},
                                         batching);
  }

  Batcher& batcher() { return *batcher_; }
  const Model& model() const { return model_; }
  ComputeContext& compute() { return compute_; }
  Engine& engine() { return *engine_; }
  static ModelIdentity identity() { return {sha256("model"), {}}; }

  std::shared_ptr<CollectingSink> submit(const InferenceRequest& request) {
    auto sink = std::make_shared<CollectingSink>();
    const auto ticket = batcher_->submit(request, sink);
    EXPECT_TRUE(ticket.ok()) << ticket.status().message();
    if (ticket.ok()) tickets_[sink.get()] = *ticket;
    return sink;
  }
  Batcher::Ticket ticket(const std::shared_ptr<CollectingSink>& sink) const {
    return tickets_.at(sink.get());
  }

 private:
  static ComputeContext compute_of(const TestServerOptions& options) {
    ComputeContext compute = make_compute(options.threads).value();
    compute.threads_max = std::max(options.threads, options.threads_max);
    return compute;
  }

  Model model_;
  ComputeContext compute_;
  ComputeTurn turn_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Batcher> batcher_;
  std::map<const CollectingSink*, Batcher::Ticket> tickets_;
};

// Adds its row in another order when it computes several tokens at once.
inline void careless_matmul(const MatMulArgs& args, float* scratch) {
  kernels_default().value()->matmul(args, scratch);
  if (args.tokens < 2 || args.type != DType::kF32) return;
  for (size_t t = 0; t < args.tokens; ++t) {
    for (size_t r = 0; r < args.rows; ++r) {
      const auto* w = reinterpret_cast<const float*>(args.w) + r * args.k;
      float sum = 0;
      for (size_t i = 0; i < args.k; ++i) sum += args.x[t * args.x_stride + i] * w[i];
      args.y[t * args.y_stride + r] = sum;
    }
  }
}

// Kernels whose bits depend on the batch, so that a test for that can fail.
inline Kernels careless_kernels() {
  Kernels kernels = *kernels_default().value();
  kernels.matmul = careless_matmul;
  return kernels;
}

// Drawn from a seed: prompts with common beginnings, greedy and sampled, scored or not.
inline InferenceRequest draw_request(Prng& prng, size_t vocab, size_t context) {
  InferenceRequest request;
  const size_t shared = prng.below(3) == 0 ? 0 : prng.below(context / 2);
  for (size_t i = 0; i < shared; ++i) {
    request.prompt.push_back(static_cast<TokenId>((i * 7 + 3) % vocab));
  }
  for (uint64_t n = 2 + prng.below(20); n > 0; --n) {
    request.prompt.push_back(static_cast<TokenId>(prng.below(vocab)));
  }
  request.max_tokens = prng.below(12);
  request.score_prompt = request.max_tokens == 0 || prng.below(4) == 0;
  if (prng.below(2) == 0) request.sampling = {.temperature = 0.8, .seed = prng.below(100)};
  request.ignore_end_token = prng.below(2) == 0;
  request.alternatives = prng.below(4) == 0 ? 5 : 0;
  request.client = std::string(1, static_cast<char>('a' + prng.below(3)));
  return request;
}

}  // namespace assay
