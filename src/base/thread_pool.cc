#include "base/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"

namespace assay {

struct ThreadPool::Shared {
  std::mutex mutex;
  std::condition_variable start;
  std::condition_variable finished;
  uint64_t generation = 0;  // one per parallel_for
  size_t running = 0;       // workers still inside the current generation
  bool busy = false;        // a parallel_for is under way
  bool stopping = false;
  const std::function<void(size_t, size_t, size_t)>* body = nullptr;
  size_t count = 0;
  size_t grain = 1;
  std::atomic<size_t> next{0};
  std::vector<std::thread> workers;

  void run_pieces(size_t worker) {
    while (true) {
      const size_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      (*body)(begin, begin + grain < count ? begin + grain : count, worker);
    }
  }

  void worker_loop(size_t worker) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      start.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping) return;
      seen = generation;
      lock.unlock();
      run_pieces(worker);
      lock.lock();
      if (--running == 0) finished.notify_one();
    }
  }
};

ThreadPool::ThreadPool(size_t threads) : threads_(threads), shared_(std::make_unique<Shared>()) {
  ASSAY_CHECK(threads >= 1 && threads <= kThreadsMax);
  for (size_t i = 1; i < threads; ++i) {
    shared_->workers.emplace_back([this, i] { shared_->worker_loop(i); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->start.notify_all();
  for (std::thread& worker : shared_->workers) worker.join();
}

void ThreadPool::parallel_for(size_t count, size_t grain,
                              const std::function<void(size_t, size_t, size_t)>& body) {
  ASSAY_CHECK(grain > 0);
  if (count == 0) return;
  if (threads_ == 1 || count <= grain) {
    for (size_t begin = 0; begin < count; begin += grain) {
      body(begin, begin + grain < count ? begin + grain : count, 0);
    }
    return;
  }
  Shared& s = *shared_;
  {
    const std::lock_guard lock(s.mutex);
    ASSAY_CHECK(!s.busy && "one caller at a time");
    s.busy = true;
    s.body = &body;
    s.count = count;
    s.grain = grain;
    s.next.store(0, std::memory_order_relaxed);
    s.running = threads_ - 1;
    ++s.generation;
  }
  s.start.notify_all();
  s.run_pieces(0);
  std::unique_lock lock(s.mutex);
  s.finished.wait(lock, [&] { return s.running == 0; });
  s.busy = false;
}

}  // namespace assay
