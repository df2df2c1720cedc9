#include "model/weights.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace assay {

Status check_finite_row(const Model& model, const BoundTensor& tensor, uint64_t row,
                        std::span<const float> values) {
  // One pass without branches first: a non-finite value is the exception.
  uint32_t worst = 0;
  for (const float value : values)
    worst = std::max(worst, std::bit_cast<uint32_t>(value) & 0x7fffffffU);
  if (worst < 0x7f800000U) return ok_status();
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(values[i]) & 0x7fffffffU;
    if (bits < 0x7f800000U) continue;
    const bool vector = tensor.info.shape.size() == 1;
    return data_loss(
        model.checkpoint.files[tensor.info.file]->path() + ": tensor " + tensor.info.name + ", " +
        (vector ? "element " : "row " + std::to_string(row) + ", column ") + std::to_string(i) +
        " is " + (bits > 0x7f800000U ? "NaN" : "infinite") +
        "; every weight must be a finite number, so the file is damaged or was exported wrongly");
  }
  return ok_status();
}

Status check_finite(const Model& model, const BoundTensor& tensor, uint64_t row0, ByteSpan bytes,
                    ComputeContext& compute) {
  const size_t k = tensor.info.columns();
  const size_t stride = row_bytes(tensor.info.type, k);
  std::mutex mutex;
  Status first;
  uint64_t first_row = ~uint64_t{0};
  compute.pool->parallel_for(bytes.size() / stride, 64, [&](size_t begin, size_t end, size_t) {
    std::vector<float> row(k);
    for (size_t r = begin; r < end; ++r) {
      compute.kernels->decode(tensor.info.type, bytes.data() + r * stride, k, row.data());
      Status status = check_finite_row(model, tensor, row0 + r, row);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (row0 + r < first_row) {
        first_row = row0 + r;
        first = std::move(status);
      }
      return;
    }
  });
  return first;
}

namespace {

Result<std::vector<float>> load_vector(const Model& model, const BoundTensor& tensor,
                                       ComputeContext& compute) {
  Bytes bytes(tensor.info.bytes);
  ASSAY_RETURN_IF_ERROR(
      model.checkpoint.files[tensor.info.file]->read_at(tensor.info.offset, bytes));
  std::vector<float> values(tensor.info.elements());
  compute.kernels->decode(tensor.info.type, bytes.data(), values.size(), values.data());
  ASSAY_RETURN_IF_ERROR(check_finite_row(model, tensor, 0, values));
  return values;
}

}  // namespace

Result<VectorWeights> load_vectors(const Model& model, ComputeContext& compute) {
  VectorWeights out;
  out.attn_norm.resize(model.arch.layers);
  out.ffn_norm.resize(model.arch.layers);
  for (const BoundTensor& tensor : model.tensors) {
    if (tensor.info.shape.size() != 1) continue;
    ASSAY_ASSIGN_OR_RETURN(std::vector<float> values, load_vector(model, tensor, compute));
    switch (tensor.role) {
      case TensorRole::kAttnNorm:
        out.attn_norm[tensor.layer] = std::move(values);
        break;
      case TensorRole::kFfnNorm:
        out.ffn_norm[tensor.layer] = std::move(values);
        break;
      case TensorRole::kOutputNorm:
        out.output_norm = std::move(values);
        break;
      default:
        ASSAY_CHECK(false && "a vector without a place");
    }
  }
  return out;
}

LayerTensors layer_tensors(const Model& model, const VectorWeights& vectors, size_t layer) {
  return {.attn_norm = vectors.attn_norm[layer],
          .ffn_norm = vectors.ffn_norm[layer],
          .q = &model.tensor(TensorRole::kAttnQ, layer),
          .k = &model.tensor(TensorRole::kAttnK, layer),
          .v = &model.tensor(TensorRole::kAttnV, layer),
          .attn_output = &model.tensor(TensorRole::kAttnOutput, layer),
          .gate = &model.tensor(TensorRole::kFfnGate, layer),
          .up = &model.tensor(TensorRole::kFfnUp, layer),
          .down = &model.tensor(TensorRole::kFfnDown, layer)};
}

size_t matmul_scratch_floats_max(const Model& model) {
  size_t most = 0;
  for (const BoundTensor& tensor : model.tensors) {
    most = std::max(most, matmul_scratch_floats(tensor.info.columns()));
  }
  return most;
}

}  // namespace assay
