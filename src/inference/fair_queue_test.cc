#include "inference/fair_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace assay {
namespace {

// One client has a hundred waiting; another comes with one now and then, and waits for one turn.
TEST(FairQueue, ABusyClientDoesNotKeepAnotherWaiting) {
  FairQueue<int> queue(1000);
  for (int i = 0; i < 100; ++i) queue.push("busy", i);
  for (int round = 0; round < 20; ++round) {
    queue.push("rare", 1000 + round);
    std::vector<int> turns;
    for (int turn = 0; turn < 2; ++turn) {
      const int item = queue.pop();
      const char* client = item >= 1000 ? "rare" : "busy";
      queue.charge(client, 10);
      queue.leave(client);
      turns.push_back(item);
    }
    EXPECT_TRUE(turns[0] == 1000 + round || turns[1] == 1000 + round) << round;
  }
}

TEST(FairQueue, SharesByWhatWasGivenNotByTurns) {
  FairQueue<char> queue(1000);
  for (int i = 0; i < 100; ++i) {
    queue.push("large", 'l');
    queue.push("small", 's');
  }
  uint64_t given[2] = {0, 0};
  for (int i = 0; i < 100; ++i) {
    const bool is_large = queue.pop() == 'l';
    const uint64_t cost = is_large ? 50 : 10;
    queue.charge(is_large ? "large" : "small", cost);
    queue.leave(is_large ? "large" : "small");
    given[is_large ? 0 : 1] += cost;
  }
  EXPECT_NEAR(static_cast<double>(given[0]), static_cast<double>(given[1]), 60);
}

TEST(FairQueue, OfOneClientTheFirstComesFirst) {
  FairQueue<int> queue(10);
  for (int i = 0; i < 5; ++i) queue.push("a", i);
  EXPECT_EQ(queue.pop(), 0);
  queue.put_back("a", 0);
  queue.leave("a");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(queue.peek(), i);
    EXPECT_EQ(queue.pop(), i);
  }
}

TEST(FairQueue, FullItMakesRoomAtTheCostOfTheLongest) {
  FairQueue<int> queue(4);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(queue.push("a", i).has_value());
  EXPECT_EQ(queue.push("a", 4), 4);  // its own is the longest
  EXPECT_EQ(queue.push("b", 10), 3);
  EXPECT_EQ(queue.push("b", 11), 2);
  EXPECT_EQ(queue.push("b", 12), 12);  // two each
  EXPECT_EQ(queue.push("c", 20), 1);
  EXPECT_EQ(queue.size(), 4U);
}

TEST(FairQueue, WhoComesAnewIsOwedNothing) {
  FairQueue<int> queue(100);
  queue.push("old", 0);
  EXPECT_EQ(queue.pop(), 0);
  queue.charge("old", 1000);
  for (int i = 1; i < 6; ++i) queue.push("old", i);
  for (int i = 0; i < 6; ++i) queue.push("new", 100 + i);
  queue.leave("old");
  int old_turns = 0;
  for (int i = 0; i < 6; ++i) {
    const bool is_new = queue.pop() >= 100;
    if (!is_new) ++old_turns;
    queue.charge(is_new ? "new" : "old", 10);
    queue.leave(is_new ? "new" : "old");
  }
  EXPECT_GE(old_turns, 2);
}

TEST(FairQueue, RemovesWhatMatches) {
  FairQueue<std::unique_ptr<int>> queue(10);
  for (int i = 0; i < 6; ++i) queue.push(i % 2 == 0 ? "a" : "b", std::make_unique<int>(i));
  std::vector<int> taken;
  queue.remove_if([](const auto& item) { return *item % 3 == 0; },
                  [&](std::unique_ptr<int> item) { taken.push_back(*item); });
  EXPECT_EQ(taken, (std::vector<int>{0, 3}));
  EXPECT_EQ(queue.size(), 4U);
}

}  // namespace
}  // namespace assay
