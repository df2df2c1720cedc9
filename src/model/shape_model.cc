#include "model/shape_model.h"

#include <type_traits>

#include "model/tensor_rules.h"

namespace assay {
namespace {

constexpr uint64_t kAlignment = 32;  // of tensors in a GGUF file

// The value as the reader of such a file would give it.
MetaValue as_read(const GgufMeta& value) {
  return std::visit(
      [](const auto& v) -> MetaValue {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::vector<float>>) {
          return std::vector<double>(v.begin(), v.end());
        } else if constexpr (std::is_same_v<T, std::vector<int32_t>>) {
          return std::vector<int64_t>(v.begin(), v.end());
        } else if constexpr (std::is_same_v<T, float>) {
          return static_cast<double>(v);
        } else if constexpr (std::is_same_v<T, uint32_t>) {
          return uint64_t{v};
        } else if constexpr (std::is_same_v<T, int32_t>) {
          return int64_t{v};
        } else {
          return v;
        }
      },
      value);
}

}  // namespace

Result<Model> model_of_shape(const SynthShape& shape, DType type) {
  Model model;
  Checkpoint& checkpoint = model.checkpoint;
  checkpoint.gguf_version = 3;
  checkpoint.path = "a model of " + std::to_string(shape.params()) + " parameters";
  for (const auto& [key, value] : synth_meta(shape, type)) checkpoint.meta[key] = as_read(value);
  uint64_t offset = 0;
  for (const SynthTensor& tensor : synth_tensors(shape, type)) {
    const GgufTensor& t = tensor.tensor;
    TensorInfo info{.name = t.name, .type = t.type, .shape = t.shape, .offset = offset};
    ASSAY_ASSIGN_OR_RETURN(info.bytes, tensor_bytes(t.type, t.shape, t.name));
    offset += (info.bytes + kAlignment - 1) / kAlignment * kAlignment;
    checkpoint.tensors[t.name] = std::move(info);
  }
  ASSAY_ASSIGN_OR_RETURN(BoundFamily family, bind_family(checkpoint));
  model.arch = std::move(family.arch);
  model.tensors = std::move(family.tensors);
  for (const BoundTensor& bound : model.tensors) model.parameters += bound.info.elements();
  ASSAY_ASSIGN_OR_RETURN(model.tokenizer, open_tokenizer(checkpoint));
  return model;
}

}  // namespace assay
