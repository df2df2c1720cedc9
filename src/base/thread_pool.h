// ThreadPool: a fixed set of threads for data-parallel loops, some microseconds apart: between two
// of them workers look for the next one for a while before they sleep. Tested in
// thread_pool_test.cc (and under tsan). Results never depend on the number of threads: a loop body
// owns its outputs (02-determinism, rule 1).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace assay {

class ThreadPool {
 public:
  // threads counts the caller: ThreadPool(1) starts no thread and runs everything inline.
  // Pre: 1 <= threads <= kThreadsMax (CHECK).
  static constexpr size_t kThreadsMax = 256;
  explicit ThreadPool(size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const { return threads_; }

  // Calls body(begin, end, worker) over disjoint pieces that cover [0, count), each of at most
  // `grain` items and starting at a multiple of it; worker in [0, threads()) is stable during one
  // call, for scratch space. Returns when all pieces are done. Pre: grain > 0; not called from
  // inside a body. body must not throw. Threads: one caller at a time (CHECK).
  void parallel_for(size_t count, size_t grain,
                    const std::function<void(size_t begin, size_t end, size_t worker)>& body);

 private:
  struct Shared;
  size_t threads_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace assay
