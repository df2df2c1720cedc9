#include "crypto/sodium_start.h"

#include <sodium.h>

#include "base/check.h"

namespace assay {

void sodium_start() {
  static const bool started = sodium_init() >= 0;
  ASSAY_CHECK(started);
}

}  // namespace assay
