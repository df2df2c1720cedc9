// Clock: where time comes from. Code outside base, net and service takes a Clock&, so that tests
// and simulations decide. Tested in clock_test.cc.
#pragma once

namespace assay {

class Clock {
 public:
  virtual ~Clock() = default;
  // Seconds since an arbitrary moment, never going back.
  virtual double seconds() const = 0;
};

// The machine's monotonic clock. Threads: const-safe.
const Clock& monotonic_clock();

}  // namespace assay
