#include "model/kv_pool.h"

#include "base/check.h"

namespace assay {
namespace {

uint64_t rows_floats(const Architecture& arch) {
  return uint64_t{KvPool::kPagePositions} * arch.kv_heads * arch.head_dim;
}

}  // namespace

uint64_t KvPool::page_bytes(const Architecture& arch) {
  return uint64_t{2} * arch.layers * rows_floats(arch) * sizeof(float);
}

uint64_t KvPool::bytes(const Architecture& arch, size_t pages) {
  return pages * (page_bytes(arch) + 2 * sizeof(uint32_t));
}

KvPool::KvPool(const Architecture& arch, size_t pages)
    : rows_floats_(rows_floats(arch)),
      page_floats_(2 * arch.layers * rows_floats_),
      memory_(pages * page_bytes(arch)),
      holders_(pages, 0) {
  ASSAY_CHECK(pages <= UINT32_MAX);
  free_.reserve(pages);
  // The first page is taken first, so that memory is touched from its beginning.
  for (size_t page = pages; page > 0; --page) free_.push_back(static_cast<uint32_t>(page - 1));
}

// The memory of posix_memalign holds any object of its alignment; floats are written before they
// are read.
float* KvPool::floats() const { return reinterpret_cast<float*>(memory_.data()); }

std::optional<uint32_t> KvPool::take() {
  if (free_.empty()) return std::nullopt;
  const uint32_t page = free_.back();
  free_.pop_back();
  holders_[page] = 1;
  return page;
}

void KvPool::share(uint32_t page) {
  ASSAY_CHECK(page < holders_.size() && holders_[page] > 0);
  ++holders_[page];
}

void KvPool::release(uint32_t page) {
  ASSAY_CHECK(page < holders_.size() && holders_[page] > 0);
  if (--holders_[page] == 0) free_.push_back(page);
}

}  // namespace assay
