#include "sim/network.h"

#include <gtest/gtest.h>

namespace assay::sim {
namespace {

constexpr int kMessages = 20000;
const Bytes kMessage(100, 7);

size_t arrived(Network& network, size_t from, size_t to, const Bytes& message = kMessage) {
  size_t copies = 0;
  for (int i = 0; i < kMessages; ++i) copies += network.fate(from, to, message).copies;
  return copies;
}

TEST(Network, WithoutFaultsEverythingArrivesOnceAndSoon) {
  Network network(1, 4);
  for (int i = 0; i < kMessages; ++i) {
    const Network::Fate fate = network.fate(0, 1, kMessage);
    ASSERT_EQ(fate.copies, 1U);
    ASSERT_LE(fate.delay_ms[0], 10U);
    ASSERT_GE(fate.delay_ms[0], 1U);
  }
  EXPECT_EQ(network.totals().sent, uint64_t{kMessages});
  EXPECT_EQ(network.totals().bytes, uint64_t{kMessages} * kMessage.size());
}

TEST(Network, LosesAndDuplicatesAsOftenAsAsked) {
  Network network(2, 4);
  network.set_loss(250);
  EXPECT_NEAR(static_cast<double>(arrived(network, 0, 1)), 0.75 * kMessages, 0.02 * kMessages);
  network.set_loss(0);
  network.set_duplicates(100);
  EXPECT_NEAR(static_cast<double>(arrived(network, 0, 1)), 1.1 * kMessages, 0.02 * kMessages);
  network.set_duplicates(0);
  network.set_commit_loss(500);
  EXPECT_EQ(arrived(network, 0, 1), size_t{kMessages});  // these are no commits
  const Bytes commit = {1, 1, 3, 0};
  EXPECT_NEAR(static_cast<double>(arrived(network, 0, 1, commit)), 0.5 * kMessages,
              0.02 * kMessages);
}

TEST(Network, SpikesLetMessagesOvertakeEachOther) {
  Network network(3, 2);
  network.set_spikes(100);
  uint64_t longest = 0;
  for (int i = 0; i < kMessages; ++i) {
    longest = std::max(longest, network.fate(0, 1, kMessage).delay_ms[0]);
  }
  EXPECT_GT(longest, 500U);
  EXPECT_NEAR(static_cast<double>(network.totals().late), 0.1 * kMessages, 0.02 * kMessages);
}

TEST(Network, CutsAddUpUntilTheyAreMended) {
  Network network(4, 3);
  const uint64_t first = network.cut({0, 0, 1});
  const uint64_t second = network.cut({0, 1, 1});
  EXPECT_EQ(network.fate(0, 1, kMessage).copies, 0U);
  EXPECT_EQ(network.fate(1, 2, kMessage).copies, 0U);
  network.mend(first);
  EXPECT_EQ(network.fate(1, 2, kMessage).copies, 1U);
  EXPECT_EQ(network.fate(0, 2, kMessage).copies, 0U);
  network.mend(second);
  EXPECT_EQ(network.fate(0, 2, kMessage).copies, 1U);
}

TEST(Network, HealingEndsEverything) {
  Network network(5, 2);
  network.set_loss(999);
  network.set_commit_loss(999);
  network.set_slow(0, 500);
  network.set_spikes(999);
  (void)network.cut({0, 1});
  network.heal();
  for (int i = 0; i < 100; ++i) {
    const Network::Fate fate = network.fate(0, 1, {1, 1, 3});
    ASSERT_EQ(fate.copies, 1U);
    ASSERT_LE(fate.delay_ms[0], 10U);
  }
}

}  // namespace
}  // namespace assay::sim
