// RunPlan: what a verification of two models would do within a memory bound, from their headers
// alone: segments, buffers, passes, bytes. The session plans its memory through the same request.
// Tested in run_plan_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/plan.h"
#include "verify/session.h"

namespace assay {

// Less is refused whatever the models.
inline constexpr uint64_t kMemoryBytesMin = uint64_t{16} << 20;

// How much is executed.
struct RunSize {
  uint64_t challenges = 0;
  size_t challenge_tokens_max = 0;
  size_t wave_tokens_max = 0;  // of one model in the largest wave
};
// Memory of everything that a verification of a and b keeps.
PlanRequest run_plan_request(const Model& a, const Model& b, const RunSize& size, size_t threads,
                             uint64_t memory_bytes);

// Segments of one model that are alike.
struct SegmentGroup {
  std::vector<std::string> sites;  // where they end, in order
  uint64_t bytes = 0;              // of each
  size_t panels = 0;               // buffers that each is cut into; 0: it has no matrix
  bool once = true;                // read once a wave, not once a tile
};

struct WavePlan {
  uint64_t challenges = 0;  // of this wave
  uint64_t tokens = 0;      // of one model, at most
  size_t tiles = 0;
  size_t head_tiles = 0;
  uint64_t bytes = 0;  // read, of both models
};

struct RunPlan {
  ExecutionPlan execution;
  uint64_t memory_bytes_min = 0;  // what would be enough
  std::vector<SegmentGroup> segments_a;
  std::vector<SegmentGroup> segments_b;
  std::vector<WavePlan> waves;
  uint64_t artifact_bytes = 0;  // of both models; the weights alone where there is no file
  uint64_t artifact_hashed_bytes = 0;
  uint64_t execution_bytes = 0;  // read when no wave decides before the last
  uint64_t residual_bytes = 0;   // of the largest wave, in memory or in the scratch file
  double flop_per_token = 0;     // of both models
};

// Of options: challenges, challenge_tokens, memory_bytes (0: half of what there is).
// Errors: INVALID_ARGUMENT for a number out of range; RESOURCE_EXHAUSTED naming the smallest
// memory that is enough.
Result<RunPlan> plan_run(const Model& a, const Model& b, const VerifyOptions& options,
                         size_t threads);

}  // namespace assay
