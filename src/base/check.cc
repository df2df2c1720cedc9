#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace assay {

void check_failed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "%s:%d: internal check failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace assay
