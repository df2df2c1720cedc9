// The numbers of the GGUF format: value types, tensor types, limits. Shared by gguf.cc and
// gguf_writer.cc. Source: ggml/docs/gguf.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tensor/dtype.h"

namespace assay {

// Type of a metadata value.
enum class GgufValue : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

inline constexpr uint32_t kGgufVersionMax = 3;
inline constexpr uint64_t kGgufAlignmentDefault = 32;
inline constexpr uint64_t kGgufAlignmentMin = 8;
inline constexpr uint64_t kGgufAlignmentMax = uint64_t{1} << 20;
inline constexpr uint64_t kGgufHeaderBytesMax = uint64_t{64} << 20;
inline constexpr uint64_t kGgufPairsMax = uint64_t{1} << 16;
inline constexpr uint64_t kGgufKeyBytesMax = (uint64_t{1} << 16) - 1;
inline constexpr uint64_t kGgufStringBytesMax = uint64_t{32} << 20;
inline constexpr uint64_t kGgufArrayElementsMax = uint64_t{1} << 21;

// "F32", "IQ2_XS" …; "type 77" for a number that ggml never used.
std::string ggml_type_name(uint32_t ggml_type);
// The type that the decoder knows; nullopt for one that it does not.
std::optional<DType> dtype_of_ggml(uint32_t ggml_type);
// nullopt for the types that only safetensors has.
std::optional<uint32_t> ggml_type_of(DType type);
// "F32, F16, Q4_0, …": for errors.
std::string supported_ggml_types();

}  // namespace assay
