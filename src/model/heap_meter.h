// HeapMeter: by how much the heap of the test program grew at most since the meter was made. Test
// only; a sanitizer build brings its own operator new and always reads 0.
#pragma once

#include <cstdint>

namespace assay {

// Threads: counts those of all threads; one meter at a time.
class HeapMeter {
 public:
  HeapMeter();
  int64_t peak_growth() const;
  // Now, with memory that operator new did not give.
  int64_t growth() const;

 private:
  int64_t before_;
  int64_t before_all_;
};

}  // namespace assay
