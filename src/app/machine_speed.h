// MachineSpeed: what a prediction of wall time rests on, measured in about a second: reads of the
// file itself, SHA-256, one matrix product. Tested in machine_speed_test.cc.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "model/compute.h"
#include "model/model.h"
#include "verify/run_plan.h"

namespace assay {

struct MachineSpeed {
  uint64_t read_bytes = 0;             // read for the measurement; 0: no file, or a small one
  double read_bytes_per_s = 0;         // sequential, past the page cache where possible
  double sha256_bytes_per_s = 0;       // of one thread
  double sha256_pair_bytes_per_s = 0;  // of one thread, two messages at once
  double flop_per_s = 0;               // of all threads
  size_t matmul_tokens = 0;            // in that product
  size_t matmul_columns = 0;
};

// The product has weights of the model's largest type and width, and as many tokens as a tile has,
// within limits. Errors: reading.
Result<MachineSpeed> measure_machine(const Model& model, ComputeContext& compute,
                                     size_t tile_tokens, const Clock& clock);

struct PredictedSeconds {
  double artifact = 0;
  double first_wave = 0;
  double execution = 0;  // all waves
};
// Reads and computation overlap: the slower of both counts. Pre: speeds are above 0, that of reads
// may be 0: then it is left out.
PredictedSeconds predict_seconds(const RunPlan& plan, const MachineSpeed& speed, size_t threads);

}  // namespace assay
