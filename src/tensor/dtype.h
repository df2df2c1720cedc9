// Weight types and their exact decoding to f32. Tested against independent decoders in
// dtype_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace assay {

enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
  kF8_E4M3,  // the finite-only variant: no infinities, NaN is 0x7f and 0xff
  kF8_E5M2,
  kI8,  // integers; every use has scales
};
inline constexpr DType kAllDTypes[] = {
    DType::kF32,  DType::kF16,    DType::kBF16,   DType::kQ8_0,    DType::kQ4_0,    DType::kQ4_1,
    DType::kQ5_0, DType::kQ5_1,   DType::kQ2_K,   DType::kQ3_K,    DType::kQ4_K,    DType::kQ5_K,
    DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS, DType::kF8_E4M3, DType::kF8_E5M2, DType::kI8};

// Storage: `block_elements` consecutive elements of a row take `block_bytes`. A row is a whole
// number of blocks.
struct DTypeInfo {
  static constexpr uint32_t kNoField = ~uint32_t{0};
  std::string_view name;  // "F32", "Q8_0": the spelling of reports and errors
  uint32_t block_elements;
  uint32_t block_bytes;
  // Where a block holds its f16 scale and its f16 minimum (or scale of the minima), in bytes.
  uint32_t scale_at = kNoField;
  uint32_t min_at = kNoField;
};
const DTypeInfo& dtype_info(DType type);

// Bytes of a row of k elements. Pre: k is a multiple of block_elements (CHECK).
size_t row_bytes(DType type, size_t k);

}  // namespace assay
