// Batcher: continuous batching. Requests enter and leave a running batch at any step; each step
// takes rows of many sequences through the model at once. The bits of an answer depend on its
// request alone. Tested in batcher_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "inference/compute_turn.h"
#include "inference/request.h"
#include "inference/transcript.h"
#include "model/engine.h"

namespace assay {

// Whose prompts may share the pages of a common beginning (prefix_cache.h).
enum class PrefixSharing : uint8_t { kOff, kWithinClient, kAll };

struct BatcherOptions {
  size_t queued_max = 256;   // requests that wait
  size_t running_max = 64;   // sequences that are computed together
  size_t batch_tokens = 64;  // of a step; at most the engine's
  PrefixSharing sharing = PrefixSharing::kAll;
};

// What a batcher has done since it began, and how it stands.
struct BatcherStats {
  size_t queued = 0;
  size_t queued_max = 0;
  size_t running = 0;
  size_t pages_free = 0;
  size_t pages = 0;
  size_t pages_cached = 0;
  uint64_t steps = 0;
  uint64_t step_tokens = 0;       // rows that went through the model
  uint64_t shared_tokens = 0;     // rows that did not have to
  uint64_t recomputations = 0;    // sequences that lost their pages to others
  uint64_t requests_refused = 0;  // the queue was full
  double compute_seconds = 0;     // inside steps
};

class Batcher {
 public:
  // What the batcher borrows; all of it has to outlive it.
  struct Parts {
    const Model* model = nullptr;
    Engine* engine = nullptr;
    ComputeContext* compute = nullptr;
    ModelIdentity identity;
    const Clock* clock = nullptr;
    // Held during a step: engines that share the threads of one ComputeContext share it too.
    ComputeTurn* turn = nullptr;
  };
  // Starts the thread that computes.
  Batcher(const Parts& parts, const BatcherOptions& options);
  // Cancels whatever is left.
  ~Batcher();

  // What submit() would say of the request itself. Errors: INVALID_ARGUMENT for what the model
  // cannot do (names the field). Threads: any.
  Status check(const InferenceRequest& request) const;
  // Takes a request; its answer goes to sink. Errors: those of check(), RESOURCE_EXHAUSTED when the
  // queue is full, UNAVAILABLE when it drains. Threads: any.
  using Ticket = uint64_t;
  Result<Ticket> submit(InferenceRequest request, std::shared_ptr<ResponseSink> sink);
  // The request ends with CANCELLED unless it has ended. Threads: any.
  void cancel(Ticket ticket);
  // When it makes sense to come again after RESOURCE_EXHAUSTED, in whole seconds from 1 to 60.
  uint32_t retry_after_seconds() const;

  // Calls task between two steps with `pages` free, and waits for it; for what needs the engine to
  // itself, such as a self-test. Requests that lose their pages by it compute them again. Errors:
  // RESOURCE_EXHAUSTED (more pages than there are), UNAVAILABLE (it stops). Threads: any but the
  // batcher's.
  Status exclusive(size_t pages, const std::function<void(Engine&)>& task);

  // Takes no more requests; waits until all have ended. Those that have not at the moment of the
  // clock end with UNAVAILABLE. Threads: any.
  void drain(double until_seconds);
  BatcherStats stats() const;
  // Positions of a sequence, at most.
  size_t context_tokens() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay
