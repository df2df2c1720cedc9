#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

namespace assay {
namespace {

TEST(ThreadPool, PiecesCoverTheRangeOnceAndRespectTheGrain) {
  for (const size_t threads : {1u, 2u, 3u, 7u}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const size_t count : {0u, 1u, 2u, 15u, 16u, 17u, 1000u}) {
      for (const size_t grain : {1u, 3u, 16u, 5000u}) {
        std::vector<std::atomic<int>> visits(count);
        std::atomic<int> malformed{0};
        pool.parallel_for(count, grain, [&](size_t begin, size_t end, size_t worker) {
          if (begin % grain != 0 || end <= begin || end - begin > grain || end > count ||
              worker >= threads) {
            ++malformed;
          }
          for (size_t i = begin; i < end; ++i) ++visits[i];
        });
        ASSERT_EQ(malformed, 0);
        ASSERT_TRUE(std::all_of(visits.begin(), visits.end(),
                                [](const std::atomic<int>& n) { return n == 1; }))
            << threads << " threads, count " << count << ", grain " << grain;
      }
    }
  }
}

TEST(ThreadPool, AllWorkIsVisibleAfterTheCall) {
  // Plain, unsynchronised writes: tsan watches the hand-over.
  ThreadPool pool(4);
  std::vector<uint64_t> values(4096, 0);
  for (uint64_t round = 1; round <= 200; ++round) {
    pool.parallel_for(values.size(), 64, [&](size_t begin, size_t end, size_t) {
      for (size_t i = begin; i < end; ++i) values[i] += round;
    });
  }
  for (const uint64_t value : values) ASSERT_EQ(value, 200u * 201u / 2);
}

TEST(ThreadPool, OneWorkerIndexIsOneThreadDuringACall) {
  ThreadPool pool(4);
  std::vector<std::vector<std::thread::id>> ids(4);
  pool.parallel_for(4000, 1, [&](size_t, size_t, size_t worker) {
    ids[worker].push_back(std::this_thread::get_id());
  });
  std::set<std::thread::id> distinct;
  size_t workers_used = 0;
  for (const auto& seen : ids) {
    if (seen.empty()) continue;
    ++workers_used;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), seen[0]),
              static_cast<std::ptrdiff_t>(seen.size()));
    distinct.insert(seen[0]);
  }
  EXPECT_EQ(distinct.size(), workers_used);
}

TEST(ThreadPool, ThreadsReallyRunAtTheSameTime) {
  // Three pieces that each wait for the other two would never end on fewer than three threads.
  ThreadPool pool(3);
  std::atomic<int> arrived{0};
  pool.parallel_for(3, 1, [&](size_t, size_t, size_t) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 3);
}

TEST(ThreadPool, OneThreadRunsInline) {
  ThreadPool pool(1);
  const auto caller = std::this_thread::get_id();
  std::vector<size_t> begins;
  pool.parallel_for(10, 4, [&](size_t begin, size_t, size_t worker) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(worker, 0u);
    begins.push_back(begin);
  });
  EXPECT_EQ(begins, (std::vector<size_t>{0, 4, 8}));
}

TEST(ThreadPool, ManyPoolsStartAndStop) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(4);
    std::atomic<size_t> sum{0};
    if (i % 2 == 0) {
      pool.parallel_for(100, 7, [&](size_t begin, size_t end, size_t) { sum += end - begin; });
      ASSERT_EQ(sum, 100u);
    }
  }
}

// Loops so short that workers join late, or fall asleep between them, or miss them.
TEST(ThreadPool, ShortLoopsLoseNoPiece) {
  for (const size_t threads : {2u, 3u, 7u}) {
    ThreadPool pool(threads);
    std::vector<uint64_t> values(8, 0);
    constexpr uint64_t kLoops = 20000;
    for (uint64_t loop = 0; loop < kLoops; ++loop) {
      pool.parallel_for(values.size(), 1, [&](size_t begin, size_t, size_t) { ++values[begin]; });
      if (loop % 1000 != 0) continue;
      const auto asleep = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
      while (std::chrono::steady_clock::now() < asleep) std::this_thread::yield();
    }
    EXPECT_EQ(values, std::vector<uint64_t>(8, kLoops)) << threads << " threads";
  }
}

TEST(ThreadPoolDeathTest, PreconditionsAreChecked) {
  EXPECT_DEATH(ThreadPool(0), "internal check failed");
  EXPECT_DEATH(ThreadPool(ThreadPool::kThreadsMax + 1), "internal check failed");
  ThreadPool pool(1);
  EXPECT_DEATH(pool.parallel_for(1, 0, [](size_t, size_t, size_t) {}), "internal check failed");
  const auto within_itself = [] {
    ThreadPool two(2);
    two.parallel_for(2, 1, [&](size_t, size_t, size_t) {
      two.parallel_for(2, 1, [](size_t, size_t, size_t) {});
    });
  };
  EXPECT_DEATH(within_itself(), "one caller at a time");
}

}  // namespace
}  // namespace assay
