// Replaces operator new of the test program by one that counts; in a file of its own, so that the
// compiler cannot inline half of a pair. It measures (hostile_test.cc, HeapMeter).
#include "model/heap_meter.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<int64_t> g_live{0};
std::atomic<int64_t> g_peak{0};
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(size_t bytes) {
  void* p = std::malloc(bytes == 0 ? 1 : bytes);
  if (p == nullptr) throw std::bad_alloc();
  const auto used = static_cast<int64_t>(malloc_usable_size(p));
  const int64_t live = g_live.fetch_add(used) + used;
  int64_t peak = g_peak.load();
  while (live > peak && !g_peak.compare_exchange_weak(peak, live)) {
  }
  return p;
}
void operator delete(void* p) noexcept {
  if (p != nullptr) g_live.fetch_sub(static_cast<int64_t>(malloc_usable_size(p)));
  std::free(p);
}
void operator delete(void* p, size_t) noexcept { operator delete(p); }
#endif

namespace assay {

namespace {
int64_t allocated() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
#else
  return 0;
#endif
}
}  // namespace

HeapMeter::HeapMeter() : before_(g_live.load()), before_all_(allocated()) { g_peak.store(before_); }
int64_t HeapMeter::growth() const { return allocated() - before_all_; }
int64_t HeapMeter::peak_growth() const { return g_peak.load() - before_; }

}  // namespace assay
