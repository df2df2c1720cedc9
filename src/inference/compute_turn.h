// ComputeTurn: a lock that is given in the order in which it was asked for. Models that share the
// threads of one ComputeContext take turns by it, step by step; a mutex would let the one that has
// just computed go on. Tested in compute_turn_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace assay {

// Works with std::lock_guard. Threads: any.
class ComputeTurn {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    const uint64_t own = next_++;
    changed_.wait(lock, [&] { return serving_ == own; });
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    ++serving_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ = 0;
  uint64_t serving_ = 0;
};

}  // namespace assay
