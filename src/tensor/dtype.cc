#include "tensor/dtype.h"

#include <iterator>

#include "base/check.h"

namespace assay {

const DTypeInfo& dtype_info(DType type) {
  static constexpr DTypeInfo kInfo[] = {
      {"F32", 1, 4}, {"F16", 1, 2}, {"BF16", 1, 2}, {"Q8_0", 32, 34}, {"Q4_0", 32, 18}};
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
