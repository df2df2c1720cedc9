// Weight types and their exact decoding to f32. Tested against independent decoders in
// dtype_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace assay {

enum class DType : uint8_t { kF32, kF16, kBF16, kQ8_0, kQ4_0 };

// Storage: `block_elements` consecutive elements of a row take `block_bytes`. A row is a whole
// number of blocks.
struct DTypeInfo {
  std::string_view name;  // "F32", "Q8_0": the spelling of reports and errors
  uint32_t block_elements;
  uint32_t block_bytes;
};
const DTypeInfo& dtype_info(DType type);

// Bytes of a row of k elements. Pre: k is a multiple of block_elements (CHECK).
size_t row_bytes(DType type, size_t k);

}  // namespace assay
