// Engine: a model held in memory, for generation and interactive use. The same blocks as the
// streaming executor, so the same bits. Tested in engine_test.cc and executor_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/compute.h"
#include "model/model.h"

namespace assay {

// The L2 norm of the residual stream of the last token after each sub-block, for inspection.
struct SiteNorm {
  std::string site;
  double l2 = 0;
};

class Engine {
 public:
  // Bytes that an engine allocates: weights, keys and values of positions_max tokens, and the
  // workspace of a chunk, which does not grow with them but for one row of scores a thread. Of an
  // encoder, which sees all its tokens at once, the workspace does.
  static uint64_t memory_bytes(const Model& model, size_t threads, size_t positions_max);

  // Reads all weights. Errors: RESOURCE_EXHAUSTED when memory_bytes() of them exceeds
  // memory_bytes (0: no bound); DATA_LOSS for a weight that is NaN or infinite (names the tensor,
  // row and column).
  static Result<std::unique_ptr<Engine>> load(const Model& model, ComputeContext& compute,
                                              size_t positions_max, uint64_t memory_bytes = 0);
  ~Engine();

  size_t positions() const;  // tokens consumed since the last reset
  void reset();
  // Consumes tokens and gives the logits of the last one, valid until the next call. Shapes:
  // logits[vocab]. site_norms, when given, receives one entry a site. chunk: tokens computed at a
  // time; the bits do not depend on it. Errors: INVALID_ARGUMENT (an id outside the vocabulary, no
  // token), RESOURCE_EXHAUSTED (positions_max reached).
  Result<std::span<const float>> forward(std::span<const TokenId> tokens, size_t chunk = 64,
                                         std::vector<SiteNorm>* site_norms = nullptr);

 private:
  Engine();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay
