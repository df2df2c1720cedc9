// The header of a .safetensors file: a JSON table of tensors. Tested in checkpoint_test.cc and
// hostile_test.cc, fuzzed in safetensors_fuzz.cc. Format: docs/formats/weights.md.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/byte_source.h"
#include "model/checkpoint.h"

namespace assay {

inline constexpr uint64_t kSafetensorsHeaderBytesMax = uint64_t{16} << 20;
inline constexpr size_t kSafetensorsEntryBytesMax = 4096;  // JSON of one tensor

// Whether a file with these first bytes can be a safetensors file: used to tell formats
// apart by content.
bool looks_like_safetensors(ByteSpan first_16_bytes);

// Buffers that exporters write beside the weights (causal masks, position ids), by name.
bool is_non_weight_tensor(std::string_view name);

// Tensors by name; file index 0, offsets from the start of the file. Tensors of integer and bool
// types that are known not to be weights (is_non_weight_tensor) are checked like the others and
// left out. Errors: DATA_LOSS (damaged or lying; names file, field and value), UNIMPLEMENTED (a
// type that is not decoded).
Result<std::map<std::string, TensorInfo>> parse_safetensors(const ByteSource& source);

}  // namespace assay
