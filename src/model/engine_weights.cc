#include "model/engine_weights.h"

#include <algorithm>
#include <map>

#include "base/page_memory.h"
#include "model/segment.h"
#include "model/streamed_matrices.h"
#include "model/weights.h"
#include "tensor/matmul.h"

namespace assay {
namespace {

// A matrix of this many bytes takes in the block: whole cache lines.
size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

uint64_t matrix_bytes(const Model& model) {
  uint64_t bytes = 0;
  for (const BoundTensor& tensor : model.tensors) {
    if (!is_resident(tensor)) bytes += padded(tensor.info.bytes);
  }
  return bytes;
}

// Matrices that are wholly in memory, as stored.
class ResidentMatrices : public EngineWeights {
 public:
  ResidentMatrices(const Model& model, ComputeContext& compute)
      : model_(model),
        compute_(compute),
        embedding_(model.tensor(TensorRole::kTokenEmbedding)),
        memory_(matrix_bytes(model)),
        scratch_(compute.scratch_threads() * matmul_scratch_floats_max(model)) {}

  // Reads all of them into one block of memory: small ones share its huge pages.
  Status load(ComputeContext& loading) {
    size_t at = 0;
    for (const BoundTensor& tensor : model_.tensors) {
      if (is_resident(tensor)) continue;
      const std::span<uint8_t> matrix = memory_.bytes().subspan(at, tensor.info.bytes);
      ASSAY_RETURN_IF_ERROR(read_tensor(model_, tensor, matrix));
      ASSAY_RETURN_IF_ERROR(check_finite(model_, tensor, 0, matrix, loading));
      matrices_[&tensor] = matrix.data();
      at += padded(tensor.info.bytes);
    }
    return ok_status();
  }

  void begin_step(size_t) override {}
  void begin_pass(size_t) override {}
  void abandon() override {}

  Status multiply(const BoundTensor& w, const float* x, size_t tokens, float* y) override {
    const size_t k = w.info.columns();
    const size_t rows = w.info.rows();
    matmul(*compute_.kernels, *compute_.pool,
           {.x = x,
            .tokens = tokens,
            .x_stride = k,
            .w = matrices_.at(&w),
            .type = w.info.type,
            .scales = w.info.scales_from(0),
            .rows = rows,
            .k = k,
            .y = y,
            .y_stride = rows},
           scratch_.data());
    return ok_status();
  }

  Result<const uint8_t*> embedding_row(uint64_t row) override {
    return static_cast<const uint8_t*>(matrices_.at(&embedding_) + row * stride_of(embedding_));
  }

  std::span<uint8_t> rows_in_memory(const BoundTensor& tensor) override {
    const auto it = matrices_.find(&tensor);
    if (it == matrices_.end()) return {};
    return {it->second, tensor.info.bytes};
  }

 private:
  const Model& model_;
  ComputeContext& compute_;
  const BoundTensor& embedding_;
  PageMemory memory_;
  std::map<const BoundTensor*, uint8_t*> matrices_;
  std::vector<float> scratch_;
};

// Matrices that stay on disk. Each pass queues the reads of the next one, so that they overlap its
// computation.
class StreamedWeights : public EngineWeights {
 public:
  StreamedWeights(const Model& model, ComputeContext& compute, size_t buffer_bytes)
      : model_(model),
        compute_(compute),
        embedding_(model.tensor(TensorRole::kTokenEmbedding)),
        stream_(buffer_bytes),
        transposed_(has_transposed(model) ? buffer_bytes : 0),
        row_(stride_of(embedding_)),
        scratch_(compute.scratch_threads() * matmul_scratch_floats_max(model)) {}

  Status check(ComputeContext& loading) {
    for (const BoundTensor& tensor : model_.tensors) {
      if (is_resident(tensor)) continue;
      const std::vector<PanelLayout> layout = cut_panels({&tensor}, stream_.buffer_bytes());
      enqueue_panels(model_, layout, stream_);
      for (const PanelLayout& panel_layout : layout) {
        ASSAY_ASSIGN_OR_RETURN(const PanelStream::Panel panel, stream_.next());
        ByteSpan bytes = panel.bytes();
        if (tensor.placement.transposed_width != 0) {
          const std::span<uint8_t> turned = std::span(transposed_).first(bytes.size());
          transpose_rows(tensor, bytes, turned);
          bytes = turned;
        }
        ASSAY_RETURN_IF_ERROR(
            check_finite(model_, tensor, panel_layout.front().row0, bytes, loading));
      }
    }
    return ok_status();
  }

  void begin_step(size_t head_tiles) override {
    passes_ = segment_count(model_) + head_tiles;
    enqueue(0);
  }

  void begin_pass(size_t pass) override {
    source_.reset();  // its buffer is free again
    source_ = std::make_unique<StreamedMatrices>(
        StreamedMatrices::Workspace{compute_, stream_, scratch_.data(), transposed_}, layout(pass));
    if (pass + 1 < passes_) enqueue(pass + 1);
  }

  void abandon() override {
    source_.reset();
    stream_.drain();
  }

  Status multiply(const BoundTensor& w, const float* x, size_t tokens, float* y) override {
    return source_->multiply(w, x, tokens, y);
  }

  Result<const uint8_t*> embedding_row(uint64_t row) override {
    const uint64_t at = embedding_.info.offset + row * row_.size();
    ASSAY_RETURN_IF_ERROR(model_.checkpoint.files[embedding_.info.file]->read_at(at, row_));
    return static_cast<const uint8_t*>(row_.data());
  }

  std::span<uint8_t> rows_in_memory(const BoundTensor&) override { return {}; }

 private:
  std::vector<PanelLayout> layout(size_t pass) const {
    const bool head = pass >= segment_count(model_);
    return cut_panels(head ? std::vector{&head_tensor(model_)} : segment_matrices(model_, pass),
                      stream_.buffer_bytes());
  }
  void enqueue(size_t pass) { enqueue_panels(model_, layout(pass), stream_); }

  const Model& model_;
  ComputeContext& compute_;
  const BoundTensor& embedding_;
  PanelStream stream_;
  Bytes transposed_;  // a panel of a transposed matrix, as rows
  Bytes row_;         // of the embedding
  std::vector<float> scratch_;
  size_t passes_ = 0;
  std::unique_ptr<StreamedMatrices> source_;
};

}  // namespace

Result<std::unique_ptr<EngineWeights>> load_resident_weights(const Model& model,
                                                             ComputeContext& compute,
                                                             ComputeContext& loading) {
  auto weights = std::make_unique<ResidentMatrices>(model, compute);
  ASSAY_RETURN_IF_ERROR(weights->load(loading));
  return std::unique_ptr<EngineWeights>(std::move(weights));
}

Result<std::unique_ptr<EngineWeights>> load_streamed_weights(const Model& model,
                                                             ComputeContext& compute,
                                                             ComputeContext& loading,
                                                             size_t buffer_bytes) {
  auto weights = std::make_unique<StreamedWeights>(model, compute, buffer_bytes);
  ASSAY_RETURN_IF_ERROR(weights->check(loading));
  return std::unique_ptr<EngineWeights>(std::move(weights));
}

uint64_t resident_weights_bytes(const Model& model) { return matrix_bytes(model); }

uint64_t streamed_weights_bytes(const Model& model, size_t buffer_bytes) {
  return PanelStream::kBuffers * PanelStream::memory_bytes(buffer_bytes) +
         (has_transposed(model) ? buffer_bytes : 0) +
         stride_of(model.tensor(TensorRole::kTokenEmbedding));
}

size_t stream_buffer_bytes_min(const Model& model) {
  uint64_t bytes = 1;
  for (const BoundTensor& tensor : model.tensors) {
    if (!is_resident(tensor)) bytes = std::max(bytes, stride_of(tensor));
  }
  return bytes;
}

size_t stream_buffer_bytes_max(const Model& model) {
  uint64_t bytes = std::max<uint64_t>(head_tensor(model).info.bytes, 1);
  for (size_t segment = 0; segment < segment_count(model); ++segment) {
    bytes = std::max(bytes, segment_bytes(model, segment));
  }
  return bytes;
}

}  // namespace assay
