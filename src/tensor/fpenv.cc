#include "tensor/fpenv.h"

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace assay {

#if defined(__x86_64__)

namespace {
// MXCSR: DAZ, the two rounding bits, FTZ. The six mask bits keep exceptions from trapping.
constexpr uint32_t kMode = 0x0040U | 0x6000U | 0x8000U;
constexpr uint32_t kMasks = 0x1f80U;
}  // namespace

void fpenv_set() { _mm_setcsr((_mm_getcsr() & ~kMode) | kMasks); }
bool fpenv_ok() { return (_mm_getcsr() & (kMode | kMasks)) == kMasks; }

#elif defined(__aarch64__)

namespace {
// FPCR: FIZ, AH, NEP, trap enables 8-12 and 15, FZ16, rounding mode, FZ, DN.
constexpr uint64_t kMode = 0x7U | 0x9f00U | 1U << 19U | 3U << 22U | 1U << 24U | 1U << 25U;
uint64_t read_fpcr() {
  uint64_t fpcr;
  __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
  return fpcr;
}
}  // namespace

void fpenv_set() {
  const uint64_t fpcr = read_fpcr() & ~kMode;
  __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
}
bool fpenv_ok() { return (read_fpcr() & kMode) == 0; }

#else
#error "no floating-point environment for this processor"
#endif

}  // namespace assay
