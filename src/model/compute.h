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
};

// threads 0: all processors available to this process. Sets the floating-point environment of the
// calling thread, which the pool's threads inherit. Errors: those of kernels_default.
Result<ComputeContext> make_compute(size_t threads);

}  // namespace assay
