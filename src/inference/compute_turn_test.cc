#include "inference/compute_turn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace assay {
namespace {

TEST(ComputeTurn, OneAtATime) {
  ComputeTurn turn;
  int count = 0;  // not atomic: the lock guards it
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const std::lock_guard lock(turn);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 2000);
}

// Whoever waits comes before whoever asks again.
TEST(ComputeTurn, NobodyComesTwiceWhileAnotherWaits) {
  ComputeTurn turn;
  std::atomic<int> rounds_of_other{0};
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      const std::lock_guard lock(turn);
      ++rounds_of_other;
    }
  });
  while (rounds_of_other == 0) std::this_thread::yield();
  for (int i = 0; i < 200; ++i) {
    int before = 0;
    {
      const std::lock_guard lock(turn);
      before = rounds_of_other;
    }
    // Asking again at once: the other, if it waits, comes between.
    const std::lock_guard lock(turn);
    EXPECT_LE(rounds_of_other, before + 2);
  }
  done = true;
  other.join();
}

}  // namespace
}  // namespace assay
