// ComputeContext: the instruction set and the threads that a computation runs on. Results depend on
// neither.
#pragma once

#include <memory>

#include "base/thread_pool.h"
#include "tensor/kernels.h"

namespace assay {

struct ComputeContext {
  const Kernels* kernels = nullptr;
  std::unique_ptr<ThreadPool> pool;
  // Of the pool as it was made. The pool may be swapped by a self-test; this may be read any time.
  size_t threads = 0;
  // Of any pool that takes the place of this one while something computes with it, as a self-test
  // does. To be set before anything computes; 0: those of the pool.
  size_t threads_max = 0;

  // How many threads scratch space has room for.
  size_t scratch_threads() const { return threads_max != 0 ? threads_max : pool->threads(); }
};

// threads 0: all processors available to this process. Sets the floating-point environment of the
// calling thread, which the pool's threads inherit. Errors: those of kernels_default.
Result<ComputeContext> make_compute(size_t threads);

}  // namespace assay
