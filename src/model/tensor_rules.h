// Rules that a tensor of any weight format obeys before anything trusts it: its name, its shape,
// its size in bytes, and how tensors may lie in a file. Tested through hostile_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/checkpoint.h"

namespace assay {

inline constexpr uint64_t kTensorsMax = uint64_t{1} << 18;  // per checkpoint
inline constexpr size_t kTensorNameBytesMax = 256;
inline constexpr size_t kTensorDimsMax = 4;

// The text between quotes for an error message: control and non-ASCII bytes escaped, long text cut.
std::string in_quotes(std::string_view text);

// Not empty, at most bytes_max bytes, UTF-8, no control characters. Errors: DATA_LOSS "<where>
// <why>".
Status check_name(std::string_view name, size_t bytes_max, const std::string& where);

// Bytes of a tensor of this shape (outermost first). Errors: DATA_LOSS, each starting with where:
// too many dimensions, a zero dimension, a row that is not a whole number of blocks, a product that
// overflows 63 bits.
Result<uint64_t> tensor_bytes(DType type, std::span<const uint64_t> shape,
                              const std::string& where);

// "[1024, 64]".
std::string shape_text(std::span<const uint64_t> shape);

// A range [offset, offset + bytes) of the data section, in bytes from its start.
struct TensorExtent {
  std::string_view name;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
// How the extents of one file tile its data section: sorted by offset, each starts where the one
// before ends, rounded up to alignment. Errors: DATA_LOSS on a misaligned offset, an overlap, a gap
// or an end outside data_bytes; names the tensors and the values.
Status check_extents(std::vector<TensorExtent> extents, uint64_t data_bytes, uint64_t alignment,
                     const std::string& where);

}  // namespace assay
