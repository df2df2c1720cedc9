#include "base/clock.h"

#include <chrono>

namespace assay {
namespace {

class SystemClock : public Clock {
 public:
  double seconds() const override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace

const Clock& monotonic_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace assay
