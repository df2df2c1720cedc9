#include "model/weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>

namespace assay {

namespace {

std::string_view nan_or_infinite(bool nan) { return nan ? "NaN" : "infinite"; }

// "block 3 (columns 96 to 127): its scale is NaN", of the block that holds this column.
std::string bad_block(const DTypeInfo& info, const uint8_t* row, size_t column) {
  const size_t block = column / info.block_elements;
  const uint8_t* const bytes = row + block * info.block_bytes;
  const auto magnitude = [&](uint32_t at) {
    return at == DTypeInfo::kNoField ? 0U : load_le<uint16_t>(bytes + at) & 0x7fffU;
  };
  const bool in_scale = magnitude(info.scale_at) >= 0x7c00U;
  const uint32_t value = magnitude(in_scale ? info.scale_at : info.min_at);
  return "block " + std::to_string(block) + " (columns " +
         std::to_string(block * info.block_elements) + " to " +
         std::to_string((block + 1) * info.block_elements - 1) + "): its " +
         (in_scale ? "scale" : "minimum") + " is " + std::string(nan_or_infinite(value > 0x7c00U));
}

}  // namespace

Status check_finite_row(const Model& model, const BoundTensor& tensor, uint64_t row,
                        const uint8_t* stored, std::span<const float> values) {
  // One pass without branches first: a non-finite value is the exception.
  uint32_t worst = 0;
  for (const float value : values)
    worst = std::max(worst, std::bit_cast<uint32_t>(value) & 0x7fffffffU);
  if (worst < 0x7f800000U) return ok_status();
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) {
    return (std::bit_cast<uint32_t>(value) & 0x7fffffffU) >= 0x7f800000U;
  });
  const auto column = static_cast<size_t>(bad - values.begin());
  const bool vector = tensor.info.shape.size() == 1;
  const DTypeInfo& type = dtype_info(tensor.info.type);
  std::string where = model.checkpoint.files[tensor.info.file]->path() + ": tensor " +
                      tensor.info.name + ", " + (vector ? "" : "row " + std::to_string(row) + ", ");
  if (type.block_elements > 1) {
    // Finite scales times codes are finite: it is the scale that is not.
    where += bad_block(type, stored, column);
  } else {
    where += (vector ? "element " : "column ") + std::to_string(column) + " is " +
             std::string(nan_or_infinite(std::isnan(*bad)));
  }
  return data_loss(
      where +
      "; every weight must be a finite number, so the file is damaged or was exported wrongly");
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
      const uint8_t* const stored = bytes.data() + r * stride;
      compute.kernels->decode(tensor.info.type, stored, k, row.data());
      Status status = check_finite_row(model, tensor, row0 + r, stored, row);
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
  ASSAY_RETURN_IF_ERROR(check_finite_row(model, tensor, 0, bytes.data(), values));
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
