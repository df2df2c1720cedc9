#include "service/task_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace assay {
namespace {

TEST(TaskThreads, RunsEverythingThatItTookBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    TaskThreads threads(3, 1000);
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(threads.post([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 500);
}

TEST(TaskThreads, KeepsTheOrderWithOneThread) {
  std::vector<int> order;
  {
    TaskThreads threads(1, 1000);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(threads.post([&, i] { order.push_back(i); }));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order.at(static_cast<size_t>(i)), i);
}

TEST(TaskThreads, RefusesMoreThanMayWait) {
  std::promise<void> began;
  std::promise<void> goes_on;
  std::atomic<int> ran{0};
  {
    TaskThreads threads(1, 2);
    EXPECT_TRUE(threads.post([&] {
      began.set_value();
      goes_on.get_future().wait();
    }));
    began.get_future().wait();
    EXPECT_TRUE(threads.post([&] { ++ran; }));
    EXPECT_TRUE(threads.post([&] { ++ran; }));
    EXPECT_FALSE(threads.post([&] { ++ran; }));
    goes_on.set_value();
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace assay
