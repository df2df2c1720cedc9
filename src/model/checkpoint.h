// Checkpoint: what a weight file (GGUF) or folder (Hugging Face safetensors) says it holds,
// format-independent: tensors by the file's own names, hyperparameters and tokenizer source.
// Nothing is executed or decoded here. gguf.cc and safetensors.cc fill it; family.cc gives it
// meaning. Every count, offset, length and string is checked before use. Tested in
// checkpoint_test.cc, hostile_test.cc; fuzzed in gguf_fuzz.cc, safetensors_fuzz.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "tensor/kernel_table.h"

namespace assay {

enum class CheckpointFormat : uint8_t { kGguf, kSafetensors };

// Scales of a matrix of F8 or I8, from the tensor that lies beside it (weight_scales.h).
struct TensorScales {
  std::vector<float> values;  // finite
  WeightScales layout;        // without values and row0

  // Those of the rows from row0 on.
  WeightScales from(uint64_t row0) const {
    WeightScales out = layout;
    out.values = values.data();
    out.row0 = row0;
    return out;
  }
};

struct TensorInfo {
  std::string name;  // as in the file
  DType type = DType::kF32;
  std::vector<uint64_t>
      shape;            // outermost first: [rows, columns]; GGUF's order is reversed on reading
  size_t file = 0;      // index into Checkpoint::files
  uint64_t offset = 0;  // absolute, in that file
  uint64_t bytes = 0;
  std::shared_ptr<const TensorScales> scales = nullptr;
  uint64_t scales_row0 = 0;  // the row of the scales that is row 0 here: a part of a larger tensor

  // Of the rows from row0 on; none where there are none.
  WeightScales scales_from(uint64_t row0) const {
    return scales == nullptr ? WeightScales{} : scales->from(scales_row0 + row0);
  }
  uint64_t elements() const;
  uint64_t rows() const { return shape.size() < 2 ? 1 : elements() / shape.back(); }
  uint64_t columns() const { return shape.empty() ? 1 : shape.back(); }
};

// A metadata value of GGUF, or a scalar of config.json converted to the same form.
using MetaValue = std::variant<bool, int64_t, uint64_t, double, std::string,
                               std::vector<std::string>, std::vector<double>, std::vector<int64_t>>;

struct Checkpoint {
  CheckpointFormat format = CheckpointFormat::kGguf;
  uint32_t gguf_version = 0;
  std::string path;                                    // as the user gave it
  std::vector<std::shared_ptr<const ReadFile>> files;  // weight files, in the order of their names
  std::map<std::string, TensorInfo> tensors;           // by the file's own names
  // GGUF: its key-value pairs ("llama.block_count"). Folder: the top-level scalars of config.json
  // under their own names ("num_hidden_layers"), and two levels of objects with dots
  // ("rope_scaling.type").
  std::map<std::string, MetaValue> meta;

  // Typed look-ups. Errors: NOT_FOUND "<path>: metadata field <name> is missing", DATA_LOSS on a
  // wrong type or a value out of [min, max]; each names path, field and value.
  Result<uint64_t> meta_uint(const std::string& name, uint64_t min, uint64_t max) const;
  Result<double> meta_double(const std::string& name) const;
  Result<std::string> meta_string(const std::string& name) const;
  bool has_meta(const std::string& name) const { return meta.contains(name); }
  Result<const TensorInfo*> tensor(const std::string& name) const;
};

// Opens a .gguf file, a .safetensors file, or a folder with config.json and one or more
// .safetensors (sharded with model.safetensors.index.json). The format is told by content, not by
// the name's ending. Errors: NOT_FOUND, PERMISSION_DENIED, DATA_LOSS (damaged or lying file; names
// path, field, value), UNIMPLEMENTED (a well-formed file that uses a type that is not supported;
// names it and what is).
Result<Checkpoint> open_checkpoint(const std::string& path);

}  // namespace assay
