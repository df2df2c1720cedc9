#include "model/model.h"

#include <algorithm>

namespace assay {

const BoundTensor* Model::find_tensor(TensorRole role, size_t layer) const {
  for (const BoundTensor& bound : tensors) {
    if (bound.role == role && bound.layer == layer) return &bound;
  }
  return nullptr;
}

const BoundTensor& Model::tensor(TensorRole role, size_t layer) const {
  const BoundTensor* found = find_tensor(role, layer);
  ASSAY_CHECK(found != nullptr);
  return *found;
}

Result<Model> open_model(const std::string& path) {
  Model model;
  ASSAY_ASSIGN_OR_RETURN(model.checkpoint, open_checkpoint(path));
  ASSAY_ASSIGN_OR_RETURN(BoundFamily family, bind_family(model.checkpoint));
  model.arch = std::move(family.arch);
  model.tensors = std::move(family.tensors);
  for (const BoundTensor& bound : model.tensors) model.parameters += bound.info.elements();
  auto tokenizer = open_tokenizer(model.checkpoint);
  if (tokenizer.ok()) {
    model.tokenizer = std::move(tokenizer).value();
    if (model.tokenizer->size() > model.arch.vocab) {
      return data_loss(path + ": the tokenizer has " + std::to_string(model.tokenizer->size()) +
                       " tokens, the embedding only " + std::to_string(model.arch.vocab) + " rows");
    }
  } else if (tokenizer.status().code() != Code::kNotFound) {
    return tokenizer.status();
  }
  return model;
}

std::string format_name(const Checkpoint& checkpoint) {
  if (checkpoint.format == CheckpointFormat::kGguf) {
    return "GGUF v" + std::to_string(checkpoint.gguf_version);
  }
  return "safetensors";
}

std::string type_names(const Model& model) {
  std::vector<std::pair<uint64_t, std::string_view>> shares;
  for (const BoundTensor& bound : model.tensors) {
    const std::string_view name = dtype_info(bound.info.type).name;
    const auto it =
        std::find_if(shares.begin(), shares.end(), [&](const auto& s) { return s.second == name; });
    if (it == shares.end()) {
      shares.emplace_back(bound.info.bytes, name);
    } else {
      it->first += bound.info.bytes;
    }
  }
  std::sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::string out;
  for (const auto& [bytes, name] : shares) {
    if (!out.empty()) out += " + ";
    out += name;
  }
  return out;
}

}  // namespace assay
