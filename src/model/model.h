// Model: a checkpoint with its family's meaning: hyperparameters, canonical tensors, tokenizer.
// Nothing is loaded yet. Tested in model_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "model/family.h"
#include "model/tokenizer.h"

namespace assay {

struct Model {
  Checkpoint checkpoint;
  Architecture arch;
  // Canonical order: token embedding, the tensors of layer 0, 1, …, output norm, output. A tied
  // head is not in it.
  std::vector<BoundTensor> tensors;
  std::unique_ptr<Tokenizer> tokenizer;  // null when the file has none
  uint64_t parameters = 0;               // elements of all tensors

  // Pre: the family has the role in that layer (CHECK).
  const BoundTensor& tensor(TensorRole role, size_t layer = 0) const;
  // Null when the model has no such tensor.
  const BoundTensor* find_tensor(TensorRole role, size_t layer = 0) const;
};

// Errors: those of open_checkpoint, bind_family and open_tokenizer; a missing tokenizer is none.
Result<Model> open_model(const std::string& path);

// "GGUF v3", "safetensors"; "F16 + F32" by falling share of bytes.
std::string format_name(const Checkpoint& checkpoint);
std::string type_names(const Model& model);

}  // namespace assay
