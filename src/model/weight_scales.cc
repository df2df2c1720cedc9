#include "model/weight_scales.h"

#include <cmath>

#include "model/tensor_rules.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

constexpr uint32_t kBlockLog2 = 7;
constexpr uint64_t kBlock = uint64_t{1} << kBlockLog2;

uint64_t blocks_of(uint64_t size) { return (size + kBlock - 1) / kBlock; }

std::string place(const Checkpoint& checkpoint, const TensorInfo& tensor) {
  return checkpoint.files[tensor.file]->path() + ": tensor " + in_quotes(tensor.name);
}

// The names under which the scales of a matrix may be: only ".weight" has them.
struct Names {
  std::string scale;
  std::string scale_inv;
  std::string scb;
};
std::optional<Names> scale_names(const TensorInfo& tensor) {
  constexpr std::string_view kEnding = ".weight";
  if (!tensor.name.ends_with(kEnding)) return std::nullopt;
  return Names{tensor.name + "_scale", tensor.name + "_scale_inv",
               tensor.name.substr(0, tensor.name.size() - kEnding.size()) + ".SCB"};
}

// The one companion there is; null when there is none.
Result<const TensorInfo*> find_companion(const Checkpoint& checkpoint, const TensorInfo& tensor) {
  const std::optional<Names> names = scale_names(tensor);
  const TensorInfo* found = nullptr;
  if (!names) return found;
  for (const std::string& name : {names->scale, names->scale_inv, names->scb}) {
    const auto it = checkpoint.tensors.find(name);
    if (it == checkpoint.tensors.end()) continue;
    if (found != nullptr) {
      return data_loss(place(checkpoint, tensor) + " has the scales " + in_quotes(found->name) +
                       " and also " + in_quotes(name) + "; which of them counts is ambiguous");
    }
    found = &it->second;
  }
  return found;
}

// Refuses a configured block size other than that of the layout.
Status check_block_size(const Checkpoint& checkpoint) {
  const std::string field = "quantization_config.weight_block_size";
  const auto it = checkpoint.meta.find(field);
  if (it == checkpoint.meta.end()) return ok_status();
  const auto* sizes = std::get_if<std::vector<int64_t>>(&it->second);
  const std::vector<int64_t> supported(2, static_cast<int64_t>(kBlock));
  if (sizes != nullptr && *sizes == supported) return ok_status();
  return unimplemented(checkpoint.path + ": config.json: " + field +
                       " is not [128, 128], the only block size that is supported");
}

Result<WeightScales> layout_of(const Checkpoint& checkpoint, const TensorInfo& tensor,
                               const TensorInfo& scales, bool rows_only) {
  const uint64_t rows = tensor.rows();
  const uint64_t columns = tensor.columns();
  const auto has_shape = [&](std::initializer_list<uint64_t> shape) {
    return std::equal(shape.begin(), shape.end(), scales.shape.begin(), scales.shape.end());
  };
  if (has_shape({rows}) || has_shape({rows, 1})) return WeightScales{.stride = 1};
  if (!rows_only && scales.elements() == 1) return WeightScales{.stride = 0};
  if (!rows_only && has_shape({blocks_of(rows), blocks_of(columns)})) {
    ASSAY_RETURN_IF_ERROR(check_block_size(checkpoint));
    return WeightScales{.stride = static_cast<size_t>(blocks_of(columns)),
                        .rows_log2 = kBlockLog2,
                        .columns_log2 = kBlockLog2};
  }
  const std::string per_row = shape_text(std::vector<uint64_t>{rows});
  return data_loss(place(checkpoint, scales) + " has the shape " + shape_text(scales.shape) +
                   "; the scales of " + in_quotes(tensor.name) + ", " + shape_text(tensor.shape) +
                   ", must be " + per_row +
                   (rows_only ? ""
                              : ", [1] or " + shape_text(std::vector<uint64_t>{
                                                  blocks_of(rows), blocks_of(columns)})));
}

Result<std::shared_ptr<const TensorScales>> read_scales(const Checkpoint& checkpoint,
                                                        const TensorInfo& tensor,
                                                        const TensorInfo& scales) {
  if (scales.type != DType::kF32 && scales.type != DType::kF16 && scales.type != DType::kBF16) {
    return unimplemented(place(checkpoint, scales) + " has the type " +
                         std::string(dtype_info(scales.type).name) +
                         "; scales must be F32, F16 or BF16");
  }
  const bool scb = scales.name.ends_with(".SCB");
  if (scb && tensor.type != DType::kI8) {
    return data_loss(place(checkpoint, scales) + " belongs to I8, but " + in_quotes(tensor.name) +
                     " is " + std::string(dtype_info(tensor.type).name));
  }
  auto out = std::make_shared<TensorScales>();
  ASSAY_ASSIGN_OR_RETURN(out->layout, layout_of(checkpoint, tensor, scales, scb));
  Bytes bytes(scales.bytes);
  ASSAY_RETURN_IF_ERROR(checkpoint.files[scales.file]->read_at(scales.offset, bytes));
  out->values.resize(scales.elements());
  kernels_for(Isa::kScalar)
      .decode(scales.type, bytes.data(), out->values.size(), out->values.data());
  for (size_t i = 0; i < out->values.size(); ++i) {
    if (!std::isfinite(out->values[i])) {
      return data_loss(place(checkpoint, scales) + ", element " + std::to_string(i) + " is " +
                       (std::isnan(out->values[i]) ? "NaN" : "infinite") +
                       "; every scale must be a finite number");
    }
    if (scb) out->values[i] /= 127.0F;  // the largest magnitude of the row, whose code is 127
  }
  return std::shared_ptr<const TensorScales>(std::move(out));
}

}  // namespace

Status bind_scales(Checkpoint& checkpoint) {
  std::vector<std::string> taken;
  for (auto& [name, tensor] : checkpoint.tensors) {
    const bool integers = tensor.type == DType::kI8;
    if (!integers && tensor.type != DType::kF8_E4M3 && tensor.type != DType::kF8_E5M2) continue;
    ASSAY_ASSIGN_OR_RETURN(const TensorInfo* scales, find_companion(checkpoint, tensor));
    if (scales == nullptr && !integers) continue;  // 8-bit floats that are the weights themselves
    if (scales == nullptr || tensor.shape.size() != 2) {
      return unimplemented(
          place(checkpoint, tensor) + " has the type " + std::string(dtype_info(tensor.type).name) +
          " and the shape " + shape_text(tensor.shape) +
          "; supported are matrices NAME.weight with scales in NAME.weight_scale, "
          "NAME.weight_scale_inv or (I8) NAME.SCB; save the model dequantized, as BF16");
    }
    ASSAY_ASSIGN_OR_RETURN(tensor.scales, read_scales(checkpoint, tensor, *scales));
    taken.push_back(scales->name);
  }
  for (const std::string& name : taken) checkpoint.tensors.erase(name);
  return ok_status();
}

}  // namespace assay
