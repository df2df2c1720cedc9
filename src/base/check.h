// ASSAY_CHECK: a programmer error aborts with file, line and expression. Never used on input from
// outside. ASSAY_DCHECK: the same for invariants too costly for release builds.
#pragma once

namespace assay {

[[noreturn]] void check_failed(const char* file, int line, const char* expression);

}  // namespace assay

#define ASSAY_CHECK(expr)                         \
  (static_cast<bool>(expr) ? static_cast<void>(0) \
                           : ::assay::check_failed(__FILE__, __LINE__, #expr))

#ifdef NDEBUG
#define ASSAY_DCHECK(expr) static_cast<void>(0)
#else
#define ASSAY_DCHECK(expr) ASSAY_CHECK(expr)
#endif
