// EngineWeights: where the matrices of an Engine are: all in memory, or read from disk in every
// step. The bits do not depend on it. Tested in engine_weights_test.cc.
#pragma once

#include <memory>
#include <string_view>

#include "model/block.h"
#include "model/compute.h"
#include "model/model.h"

namespace assay {

class EngineWeights : public MatrixSource {
 public:
  // The matrices of a step come in passes: those of segment 0, 1, …, then the head's, once for
  // every tile of it.
  virtual void begin_step(size_t head_tiles) = 0;
  virtual void begin_pass(size_t pass) = 0;
  // After a step that was not finished; the next one may begin.
  virtual void abandon() = 0;
  // A row of the token embedding as stored, valid until the next call. Errors: reading.
  virtual Result<const uint8_t*> embedding_row(uint64_t row) = 0;
  // The rows of a matrix as they lie in memory; none of a matrix that does not.
  virtual std::span<uint8_t> rows_in_memory(const BoundTensor& tensor) = 0;
};

// Checked with `loading`, multiplied with `compute`. Errors of both: reading; DATA_LOSS for a
// weight that is NaN or infinite.
Result<std::unique_ptr<EngineWeights>> load_resident_weights(const Model& model,
                                                             ComputeContext& compute,
                                                             ComputeContext& loading);
// Reads every weight once, to check it. buffer_bytes: of each of PanelStream::kBuffers buffers.
Result<std::unique_ptr<EngineWeights>> load_streamed_weights(const Model& model,
                                                             ComputeContext& compute,
                                                             ComputeContext& loading,
                                                             size_t buffer_bytes);

// What they allocate, without the scratch of products.
uint64_t resident_weights_bytes(const Model& model);
uint64_t streamed_weights_bytes(const Model& model, size_t buffer_bytes);
// The smallest buffer that streams the model: one row of each matrix fits; and the largest of use:
// each segment, and the head, fits as a whole.
size_t stream_buffer_bytes_min(const Model& model);
size_t stream_buffer_bytes_max(const Model& model);

}  // namespace assay
