// Any bytes as blocks of every stored type: each instruction set decodes them to the bits of the
// plain reference, and multiplies decoded blocks to one result.
#include <algorithm>

#include "base/check.h"
#include "tensor/fpenv.h"
#include "tensor/kernels.h"
#include "tensor/profile_reference.h"

namespace {

using assay::Bytes;
using assay::DType;

// No bytes: memcmp must not be given a null pointer.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

void check_decode(DType type, const Bytes& blocks, size_t elements) {
  const std::vector<float> expected = assay::reference::elements(type, blocks.data(), elements);
  for (const assay::Isa isa : assay::isas_present()) {
    std::vector<float> out(elements);
    assay::kernels_for(isa).decode(type, blocks.data(), elements, out.data());
    ASSAY_CHECK(same_bits(out, expected));
  }
}

void check_matmul(DType type, const Bytes& blocks, size_t k, size_t tokens) {
  assay::Prng prng(k + tokens);
  const std::vector<float> x = assay::reference::random_floats(prng, tokens * k);
  static std::vector<float> scratch;  // megabytes, for a product of hundreds of elements
  scratch.resize(std::max(scratch.size(), assay::matmul_scratch_floats(k)));
  std::vector<float> first;
  for (const assay::Isa isa : assay::isas_present()) {
    std::vector<float> y(tokens);
    assay::kernels_for(isa).matmul({.x = x.data(),
                                    .tokens = tokens,
                                    .x_stride = k,
                                    .w = blocks.data(),
                                    .type = type,
                                    .rows = 1,
                                    .k = k,
                                    .y = y.data(),
                                    .y_stride = 1},
                                   scratch.data());
    if (first.empty()) first = y;
    ASSAY_CHECK(same_bits(y, first));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  assay::fpenv_set();
  constexpr size_t kBlocksMax = 4;  // enough for every path, and thousands of inputs a minute
  const size_t tokens = 1 + data[0] % 6;
  for (const DType type : assay::kAllDTypes) {
    const assay::DTypeInfo& info = assay::dtype_info(type);
    const size_t blocks_max = info.block_elements == 1 ? 100 : kBlocksMax;
    const size_t blocks = std::min((size - 1) / info.block_bytes, blocks_max);
    // A copy of just these bytes, so that a read behind them is seen.
    const Bytes bytes(data + 1, data + 1 + blocks * info.block_bytes);
    const size_t elements = blocks * info.block_elements;
    check_decode(type, bytes, elements);
    if (blocks > 0) check_matmul(type, bytes, elements, tokens);
  }
  return 0;
}
