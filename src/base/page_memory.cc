#include "base/page_memory.h"

#include <sys/mman.h>

#include "base/check.h"

namespace assay {

PageMemory::PageMemory(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  const size_t alignment = bytes < kHugePage ? kPage : kHugePage;
  const size_t room = (bytes + kPage - 1) / kPage * kPage;
  void* memory = nullptr;
  ASSAY_CHECK(posix_memalign(&memory, alignment, room) == 0);
  memory_.reset(static_cast<uint8_t*>(memory));
#ifdef MADV_HUGEPAGE
  // Only whole ones: the tail would take memory that nobody asked for. It may be refused.
  if (room >= kHugePage) madvise(memory, room / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

}  // namespace assay
