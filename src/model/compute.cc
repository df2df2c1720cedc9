#include "model/compute.h"

#include <sched.h>

#include <algorithm>

#include "tensor/fpenv.h"

namespace assay {
namespace {

// Processors this process may run on, which a container may have made fewer than the machine's.
size_t processors_available() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<size_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

Result<ComputeContext> make_compute(size_t threads) {
  if (threads > ThreadPool::kThreadsMax) {
    return invalid_argument("threads = " + std::to_string(threads) + " is above the limit of " +
                            std::to_string(ThreadPool::kThreadsMax));
  }
  ComputeContext compute;
  ASSAY_ASSIGN_OR_RETURN(compute.kernels, kernels_default());
  fpenv_set();
  compute.pool = std::make_unique<ThreadPool>(
      threads == 0 ? std::min(processors_available(), ThreadPool::kThreadsMax) : threads);
  compute.threads = compute.pool->threads();
  compute.threads_max = compute.threads;
  return compute;
}

}  // namespace assay
