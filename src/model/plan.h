// Plan: how an execution fits into the memory it may use, decided before it starts. Tested in
// plan_test.cc.
//
// Peak memory = fixed + what each model needs resident (tokenizer, norms) + residual streams (or a
// spill file)
//             + workspace of one tile of tokens + two stream buffers.
// A segment whose matrices fit in one buffer is read once for all tiles; a larger one is streamed
// again for each tile, in panels of rows. The head works the same way over tiles of its own.
// Results do not depend on any of it.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model.h"

namespace assay {

struct PlanRequest {
  std::vector<const Model*> models;  // executed side by side
  size_t tokens_max = 0;             // in one wave, of one model
  size_t sequence_tokens_max = 0;    // of one sequence
  size_t threads = 1;
  uint64_t memory_bytes = 0;
  uint64_t extra_bytes = 0;  // what the caller keeps beside the execution
};

struct ExecutionPlan {
  size_t buffer_bytes = 0;         // each of the PanelStream's buffers
  size_t tile_tokens = 0;          // blocks
  size_t head_tile_tokens = 0;     // final norm, head and the comparison of logits
  bool residuals_spilled = false;  // to a scratch file
  uint64_t predicted_peak_bytes = 0;
};

// What the process takes before any model is opened: program, libraries, allocator. Measured, with
// room.
inline constexpr uint64_t kProcessBytes = uint64_t{24} << 20;

// Errors: RESOURCE_EXHAUSTED naming the smallest memory_bytes that is enough.
Result<ExecutionPlan> plan_execution(const PlanRequest& request);

// The smallest memory_bytes that is enough for the request, in whole MiB; its own is not looked at.
uint64_t memory_bytes_min(const PlanRequest& request);

// Bytes kept in memory for an open model: metadata, tokenizer, vectors. An upper estimate.
uint64_t resident_bytes(const Model& model);

}  // namespace assay
