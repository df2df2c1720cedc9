#include "base/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"

namespace assay {
namespace {

// A step of a small model is a hundred loops of some microseconds with less between them, and to
// wake a thread takes tens: who waits looks around for a while (25 us on an AMD EPYC) before it
// sleeps.
constexpr int kLooks = 1000;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// The word that says what goes on: the number of the loop, how many workers are inside it, and
// whether more may join.
constexpr uint64_t kOpen = 1;
constexpr uint64_t kOneInside = 2;
constexpr uint64_t kOneLoop = uint64_t{1} << 16;
static_assert(kOneInside * ThreadPool::kThreadsMax < kOneLoop);
constexpr uint64_t inside(uint64_t state) { return state % kOneLoop / kOneInside; }
constexpr uint64_t loop_of(uint64_t state) { return state / kOneLoop; }

}  // namespace

// Nobody waits for a worker that did not join: one that still sleeps when the others have done all
// pieces is not missed.
//
// Who goes to sleep counts itself first and looks at the state again; who changes the state looks
// at the count afterwards (both sequentially consistent): one of the two sees the other.
struct ThreadPool::Shared {
  std::atomic<uint64_t> state{0};
  std::atomic<bool> stopping{false};
  std::atomic<size_t> workers_asleep{0};
  std::atomic<bool> caller_asleep{false};
  std::atomic<bool> busy{false};  // a parallel_for is under way
  std::mutex mutex;               // of the two below
  std::condition_variable start;
  std::condition_variable finished;

  // Of the loop; changed only while it is closed and nobody is inside.
  const std::function<void(size_t, size_t, size_t)>* body = nullptr;
  size_t count = 0;
  size_t grain = 1;
  std::atomic<size_t> next{0};
  int looks = 0;
  std::vector<std::thread> workers;

  void run_pieces(size_t worker) {
    while (true) {
      const size_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      (*body)(begin, begin + grain < count ? begin + grain : count, worker);
    }
  }

  // False: there is no loop but the one that was `seen`.
  bool join(uint64_t& seen) {
    uint64_t now = state.load();
    while ((now & kOpen) != 0 && loop_of(now) != seen) {
      if (!state.compare_exchange_weak(now, now + kOneInside)) continue;
      seen = loop_of(now);
      return true;
    }
    return false;
  }

  // False: it is time to stop.
  bool wait_for_loop(uint64_t& seen) {
    for (int i = 0; i < looks; ++i) {
      if (stopping.load(std::memory_order_relaxed)) return false;
      if (join(seen)) return true;
      pause_briefly();
    }
    bool joined = false;
    std::unique_lock lock(mutex);
    ++workers_asleep;
    start.wait(lock, [&] { return stopping || (joined = join(seen)); });
    --workers_asleep;
    return joined;
  }

  void worker_loop(size_t worker) {
    uint64_t seen = 0;
    while (wait_for_loop(seen)) {
      run_pieces(worker);
      const uint64_t before = state.fetch_sub(kOneInside);
      if (inside(before) == 1 && (before & kOpen) == 0 && caller_asleep) {
        const std::lock_guard lock(mutex);
        finished.notify_one();
      }
    }
  }

  void open() {
    state.store((loop_of(state.load(std::memory_order_relaxed)) + 1) * kOneLoop | kOpen);
    if (workers_asleep == 0) return;
    const std::lock_guard lock(mutex);
    start.notify_all();
  }

  // Returns when all that joined have left.
  void close() {
    state.fetch_and(~kOpen);
    for (int i = 0; i < looks; ++i) {
      if (inside(state.load(std::memory_order_acquire)) == 0) return;
      pause_briefly();
    }
    std::unique_lock lock(mutex);
    caller_asleep = true;
    finished.wait(lock, [&] { return inside(state.load()) == 0; });
    caller_asleep = false;
  }
};

ThreadPool::ThreadPool(size_t threads) : threads_(threads), shared_(std::make_unique<Shared>()) {
  ASSAY_CHECK(threads >= 1 && threads <= kThreadsMax);
  // Where threads have to share a processor, who looks around keeps another from its work.
  if (threads <= std::thread::hardware_concurrency()) shared_->looks = kLooks;
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
  ASSAY_CHECK(!s.busy.exchange(true, std::memory_order_acquire) && "one caller at a time");
  s.body = &body;
  s.count = count;
  s.grain = grain;
  s.next.store(0, std::memory_order_relaxed);
  s.open();
  s.run_pieces(0);
  s.close();
  s.busy.store(false, std::memory_order_release);
}

}  // namespace assay
