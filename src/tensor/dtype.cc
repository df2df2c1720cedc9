#include "tensor/dtype.h"

#include <iterator>

#include "base/check.h"
#include "tensor/dtype_blocks.h"

namespace assay {
namespace {

template <DType kType>
constexpr DTypeInfo info_of(std::string_view name) {
  using Layout = BlockLayout<kType>;
  DTypeInfo info = {name, Layout::kElements, Layout::kBytes};
  if constexpr (kIsQuantised<kType>) info.scale_at = Layout::kScale;
  if constexpr (requires { Layout::kMin; }) info.min_at = Layout::kMin;
  return info;
}

}  // namespace

const DTypeInfo& dtype_info(DType type) {
  static constexpr DTypeInfo kInfo[] = {
      info_of<DType::kF32>("F32"),         info_of<DType::kF16>("F16"),
      info_of<DType::kBF16>("BF16"),       info_of<DType::kQ8_0>("Q8_0"),
      info_of<DType::kQ4_0>("Q4_0"),       info_of<DType::kQ4_1>("Q4_1"),
      info_of<DType::kQ5_0>("Q5_0"),       info_of<DType::kQ5_1>("Q5_1"),
      info_of<DType::kQ2_K>("Q2_K"),       info_of<DType::kQ3_K>("Q3_K"),
      info_of<DType::kQ4_K>("Q4_K"),       info_of<DType::kQ5_K>("Q5_K"),
      info_of<DType::kQ6_K>("Q6_K"),       info_of<DType::kIQ4_NL>("IQ4_NL"),
      info_of<DType::kIQ4_XS>("IQ4_XS"),   info_of<DType::kF8_E4M3>("F8_E4M3"),
      info_of<DType::kF8_E5M2>("F8_E5M2"), info_of<DType::kI8>("I8"),
  };
  static_assert(std::size(kInfo) == std::size(kAllDTypes));
  const auto index = static_cast<size_t>(type);
  ASSAY_CHECK(index < std::size(kInfo));
  return kInfo[index];
}

size_t row_bytes(DType type, size_t k) {
  const DTypeInfo& info = dtype_info(type);
  ASSAY_CHECK(k % info.block_elements == 0);
  return k / info.block_elements * info.block_bytes;
}

}  // namespace assay
