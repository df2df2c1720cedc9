#include "model/segment.h"

#include <algorithm>

namespace assay {

size_t segment_count(const Model& model) { return 2 * size_t{model.arch.layers} + 1; }

std::string segment_site(const Model& model, size_t segment) {
  if (segment + 1 == segment_count(model)) return "final";
  return "L" + std::to_string(segment / 2) + (segment % 2 == 0 ? ".post_attn" : ".post_mlp");
}

std::vector<const BoundTensor*> segment_matrices(const Model& model, size_t segment) {
  if (segment + 1 == segment_count(model)) return {};
  const size_t layer = segment / 2;
  if (segment % 2 == 0) {
    return {&model.tensor(TensorRole::kAttnQ, layer), &model.tensor(TensorRole::kAttnK, layer),
            &model.tensor(TensorRole::kAttnV, layer),
            &model.tensor(TensorRole::kAttnOutput, layer)};
  }
  return {&model.tensor(TensorRole::kFfnGate, layer), &model.tensor(TensorRole::kFfnUp, layer),
          &model.tensor(TensorRole::kFfnDown, layer)};
}

uint64_t segment_bytes(const Model& model, size_t segment) {
  uint64_t bytes = 0;
  for (const BoundTensor* tensor : segment_matrices(model, segment)) bytes += tensor->info.bytes;
  return bytes;
}

const BoundTensor& head_tensor(const Model& model) {
  return model.tensor(model.arch.tied_head ? TensorRole::kTokenEmbedding : TensorRole::kOutput);
}

std::vector<PanelLayout> cut_panels(const std::vector<const BoundTensor*>& matrices,
                                    uint64_t buffer_bytes) {
  std::vector<PanelLayout> panels;
  uint64_t used = 0;
  for (const BoundTensor* tensor : matrices) {
    const uint64_t stride = tensor->info.bytes / tensor->info.rows();
    ASSAY_CHECK(stride <= buffer_bytes);
    uint64_t row = 0;
    while (row < tensor->info.rows()) {
      if (panels.empty() || buffer_bytes - used < stride) {
        panels.emplace_back();
        used = 0;
      }
      const uint64_t rows = std::min(tensor->info.rows() - row, (buffer_bytes - used) / stride);
      panels.back().push_back({tensor, row, rows, used});
      used += rows * stride;
      row += rows;
    }
  }
  return panels;
}

}  // namespace assay
