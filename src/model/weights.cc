#include "model/weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>

#include "tensor/matmul.h"

namespace assay {

void decode_row(const Kernels& kernels, const TensorInfo& tensor, uint64_t row,
                const uint8_t* stored, std::span<float> out) {
  kernels.decode(tensor.type, stored, out.size(), out.data());
  apply_scales(tensor.scales_from(row), 0, out);
}

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

// A value is not finite when its exponent is all ones: one more carries into the sign bit.
bool all_finite(std::span<const float> values) {
  constexpr size_t kStep = 64;  // a number that the compiler knows, for it to use vectors
  const auto carry = [](float value) {
    return (std::bit_cast<uint32_t>(value) & 0x7fffffffU) + 0x00800000U;
  };
  uint32_t carries = 0;
  for (; values.size() >= kStep; values = values.subspan(kStep)) {
    for (size_t i = 0; i < kStep; ++i) carries |= carry(values[i]);
  }
  for (const float value : values) carries |= carry(value);
  return carries < 0x80000000U;
}

}  // namespace

Status check_finite_row(const Model& model, const BoundTensor& tensor, uint64_t row,
                        const uint8_t* stored, std::span<const float> values) {
  // One pass without branches first: a non-finite value is the exception.
  if (all_finite(values)) return ok_status();
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
      decode_row(*compute.kernels, tensor.info, row0 + r, stored, row);
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

bool is_resident(const BoundTensor& tensor) {
  return tensor.info.shape.size() == 1 || tensor.role == TensorRole::kPositionEmbedding ||
         tensor.role == TensorRole::kTokenTypeEmbedding || tensor.role == TensorRole::kRelativeBias;
}

bool has_transposed(const Model& model) {
  return std::any_of(model.tensors.begin(), model.tensors.end(), [](const BoundTensor& tensor) {
    return tensor.placement.transposed_width != 0;
  });
}

Status check_length(const Model& model, size_t tokens) {
  const uint32_t most = model.arch.context_max;
  if (most == 0 || tokens <= most) return ok_status();
  return invalid_argument(model.checkpoint.path + ": a sequence of " + std::to_string(tokens) +
                          " tokens is longer than the " + std::to_string(most) +
                          " positions that this model defines");
}

uint64_t stride_of(const BoundTensor& tensor) { return tensor.info.bytes / tensor.info.rows(); }

void append_extents(const Model& model, const BoundTensor& tensor, uint64_t row0, uint64_t rows,
                    std::vector<Extent>& out) {
  const TensorInfo& info = tensor.info;
  const Placement& place = tensor.placement;
  const auto& file = model.checkpoint.files[info.file];
  if (place.transposed_width != 0) {
    const uint64_t element = dtype_info(info.type).block_bytes;
    for (uint64_t column = 0; column < info.columns(); ++column) {
      out.push_back(
          {file, info.offset + (column * place.transposed_width + row0) * element, rows * element});
    }
    return;
  }
  // A vector is one row to its users, and a column where it is stored in groups.
  const bool grouped_vector = place.group != 0 && info.shape.size() == 1;
  const uint64_t stride = grouped_vector ? dtype_info(info.type).block_bytes : stride_of(tensor);
  if (place.group == 0) {
    out.push_back({file, info.offset + row0 * stride, rows * stride});
    return;
  }
  const uint64_t end = grouped_vector ? info.elements() : row0 + rows;
  for (uint64_t row = grouped_vector ? 0 : row0; row < end;) {
    const uint64_t in_group = row % place.group;
    const uint64_t count = std::min(place.group - in_group, end - row);
    out.push_back({file, info.offset + (row / place.group * place.stride + in_group) * stride,
                   count * stride});
    row += count;
  }
}

void transpose_rows(const BoundTensor& tensor, ByteSpan panel, std::span<uint8_t> out) {
  const uint64_t element = dtype_info(tensor.info.type).block_bytes;
  const uint64_t columns = tensor.info.columns();
  const uint64_t rows = panel.size() / element / columns;
  ASSAY_CHECK(tensor.placement.transposed_width != 0 && out.size() == panel.size());
  // In squares, so that both sides stay in the cache.
  constexpr uint64_t kSquare = 32;
  for (uint64_t r0 = 0; r0 < rows; r0 += kSquare) {
    for (uint64_t c0 = 0; c0 < columns; c0 += kSquare) {
      for (uint64_t r = r0; r < std::min(rows, r0 + kSquare); ++r) {
        for (uint64_t c = c0; c < std::min(columns, c0 + kSquare); ++c) {
          std::memcpy(out.data() + (r * columns + c) * element,
                      panel.data() + (c * rows + r) * element, element);
        }
      }
    }
  }
}

Status read_tensor(const Model& model, const BoundTensor& tensor, std::span<uint8_t> out) {
  ASSAY_CHECK(out.size() == tensor.info.bytes);
  Bytes columns_first;
  std::span<uint8_t> bytes = out;
  if (tensor.placement.transposed_width != 0) {
    columns_first.resize(out.size());
    bytes = columns_first;
  }
  std::vector<Extent> extents;
  append_extents(model, tensor, 0, tensor.info.rows(), extents);
  size_t at = 0;
  for (const Extent& extent : extents) {
    ASSAY_RETURN_IF_ERROR(extent.file->read_at(extent.offset, bytes.subspan(at, extent.bytes)));
    at += extent.bytes;
  }
  if (tensor.placement.transposed_width != 0) transpose_rows(tensor, columns_first, out);
  return ok_status();
}

namespace {

Result<std::vector<float>> load_resident(const Model& model, const BoundTensor& tensor,
                                         ComputeContext& compute) {
  Bytes bytes(tensor.info.bytes);
  ASSAY_RETURN_IF_ERROR(read_tensor(model, tensor, bytes));
  std::vector<float> values(tensor.info.elements());
  compute.kernels->decode(tensor.info.type, bytes.data(), values.size(), values.data());
  const size_t columns = tensor.info.columns();
  for (size_t row = 0; row < tensor.info.rows(); ++row) {
    const std::span<float> row_values(&values[row * columns], columns);
    apply_scales(tensor.info.scales_from(row), 0, row_values);
    ASSAY_RETURN_IF_ERROR(
        check_finite_row(model, tensor, row, bytes.data() + row * stride_of(tensor), row_values));
  }
  if (tensor.plus_one) {
    for (float& value : values) value += 1.0F;
  }
  return values;
}

}  // namespace

Result<ResidentWeights> ResidentWeights::load(const Model& model, ComputeContext& compute) {
  ResidentWeights out;
  for (const BoundTensor& tensor : model.tensors) {
    if (!is_resident(tensor)) continue;
    ASSAY_ASSIGN_OR_RETURN(out.values_[std::make_pair(tensor.role, size_t{tensor.layer})],
                           load_resident(model, tensor, compute));
  }
  return out;
}

std::span<const float> ResidentWeights::get(TensorRole role, size_t layer) const {
  const auto it = values_.find({role, layer});
  if (it == values_.end()) return {};
  return it->second;
}

std::span<uint8_t> ResidentWeights::bytes_for_test(TensorRole role, size_t layer) {
  const auto it = values_.find({role, layer});
  if (it == values_.end()) return {};
  return {reinterpret_cast<uint8_t*>(it->second.data()), it->second.size() * sizeof(float)};
}

LayerTensors layer_tensors(const Model& model, const ResidentWeights& weights, size_t layer) {
  using R = TensorRole;
  const auto vector = [&](R role) { return weights.get(role, layer); };
  const auto linear = [&](R matrix, R bias) {
    return Linear{model.find_tensor(matrix, layer),
                  bias == R::kCount ? std::span<const float>() : vector(bias)};
  };
  const auto norm = [&](R weight, R bias) {
    return Norm{vector(weight), bias == R::kCount ? std::span<const float>() : vector(bias)};
  };
  // The table of distances belongs to the whole stack.
  const size_t stack = model.arch.is_encoder(layer) ? 0 : model.arch.encoder_layers;
  return {.layer = layer,
          .attn_norm = norm(R::kAttnNorm, R::kAttnNormBias),
          .q = linear(R::kAttnQ, R::kAttnQBias),
          .k = linear(R::kAttnK, R::kAttnKBias),
          .v = linear(R::kAttnV, R::kAttnVBias),
          .q_norm = norm(R::kAttnQNorm, R::kCount),
          .k_norm = norm(R::kAttnKNorm, R::kCount),
          .attn_output = linear(R::kAttnOutput, R::kAttnOutputBias),
          .attn_post_norm = norm(R::kAttnPostNorm, R::kCount),
          .attn_sum_norm = norm(R::kAttnSumNorm, R::kAttnSumNormBias),
          .relative_bias = weights.get(R::kRelativeBias, stack),
          .cross_norm = norm(R::kCrossNorm, R::kCount),
          .cross_q = linear(R::kCrossQ, R::kCount),
          .cross_k = linear(R::kCrossK, R::kCount),
          .cross_v = linear(R::kCrossV, R::kCount),
          .cross_output = linear(R::kCrossOutput, R::kCount),
          .ffn_norm = norm(R::kFfnNorm, R::kFfnNormBias),
          .gate = linear(R::kFfnGate, R::kFfnGateBias),
          .up = linear(R::kFfnUp, R::kFfnUpBias),
          .down = linear(R::kFfnDown, R::kFfnDownBias),
          .ffn_post_norm = norm(R::kFfnPostNorm, R::kCount),
          .ffn_sum_norm = norm(R::kFfnSumNorm, R::kFfnSumNormBias)};
}

void finish_embedding(const Model& model, const ResidentWeights& weights, ComputeContext& compute,
                      std::span<const size_t> positions, float* x) {
  const Architecture& a = model.arch;
  const Kernels& kernels = *compute.kernels;
  const size_t d = a.d_model;
  const auto table = weights.get(TensorRole::kPositionEmbedding);
  const auto types = weights.get(TensorRole::kTokenTypeEmbedding);
  const auto norm = weights.get(TensorRole::kEmbeddingNorm);
  const auto norm_bias = weights.get(TensorRole::kEmbeddingNormBias);
  for (size_t t = 0; t < positions.size(); ++t) {
    float* const row = x + t * a.state_width();
    if (a.embedding_scale != 1) kernels.scale(row, d, a.embedding_scale);
    // BERT adds types before positions; sums of three differ with their order.
    if (!types.empty()) kernels.add(row, types.data(), d);
    if (!table.empty()) kernels.add(row, &table[positions[t] * d], d);
    if (!norm.empty()) {
      kernels.layer_norm(row, norm.data(), norm_bias.data(), d, a.norm_eps, row);
    }
  }
}

size_t matmul_scratch_floats_max(const Model& model) {
  size_t most = 0;
  for (const BoundTensor& tensor : model.tensors) {
    most = std::max(most, matmul_scratch_floats(tensor.info.columns()));
  }
  return most;
}

}  // namespace assay
