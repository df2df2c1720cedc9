#include "bft/mempool.h"

#include <gtest/gtest.h>

#include "bft/codec.h"

namespace assay::bft {
namespace {

Transaction make(uint8_t sender, const std::string& text) {
  Transaction t;
  t.sender[0] = sender;
  t.body = Bytes(text.begin(), text.end());
  return t;
}

TEST(Mempool, ATransactionWaitsOnceAndIsNotTakenAgainAfterItsBlock) {
  Mempool pool({});
  EXPECT_TRUE(pool.add(make(1, "a")).ok());
  EXPECT_EQ(pool.add(make(1, "a")).code(), Code::kAlreadyExists);
  EXPECT_EQ(pool.take(1000), std::vector{make(1, "a")});
  EXPECT_EQ(pool.size(), 1U) << "taking is not committing";
  pool.committed({make(1, "a"), make(2, "never seen here")});
  EXPECT_TRUE(pool.empty());
  EXPECT_EQ(pool.bytes(), 0U);
  EXPECT_EQ(pool.add(make(1, "a")).code(), Code::kAlreadyExists);
  EXPECT_EQ(pool.add(make(2, "never seen here")).code(), Code::kAlreadyExists);
}

TEST(Mempool, WhoFloodsWaitsForItself) {
  Mempool pool({.bytes_max = 100000, .sender_bytes_max = 5000});
  size_t accepted = 0;
  for (int i = 0; i < 1000; ++i) accepted += size_t{pool.add(make(1, std::to_string(i))).ok()};
  EXPECT_LT(accepted, 200U);
  EXPECT_EQ(pool.add(make(1, "more")).code(), Code::kResourceExhausted);
  EXPECT_TRUE(pool.add(make(2, "from another")).ok());
  const std::vector<Transaction> taken = pool.take(200);
  EXPECT_EQ(std::count(taken.begin(), taken.end(), make(2, "from another")), 1);
  EXPECT_EQ(taken.front(), make(1, "0")) << "the oldest first";
}

TEST(Mempool, IsBoundedAsAWholeAndFreeAgainAfterABlock) {
  Mempool pool({.bytes_max = 1000, .sender_bytes_max = 1000});
  uint8_t sender = 0;
  while (pool.add(make(sender, "x")).ok()) ++sender;
  EXPECT_EQ(pool.add(make(200, "x")).code(), Code::kResourceExhausted);
  EXPECT_LE(pool.bytes(), 1000U);
  pool.committed(pool.take(500));
  EXPECT_TRUE(pool.add(make(200, "x")).ok());
  EXPECT_EQ(pool.add(make(1, std::string(2000, 'x'))).code(), Code::kInvalidArgument);
}

TEST(Mempool, WhatIsTakenFitsAPayload) {
  Mempool pool({});
  for (uint8_t sender = 0; sender < 50; ++sender) {
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(pool.add(make(sender, std::string(sender, 'x') + std::to_string(i))).ok());
    }
  }
  for (const size_t bytes : {4U, 50U, 100U, 1000U, 5000U, 100000U}) {
    EXPECT_LE(encode_payload(pool.take(bytes)).size(), bytes);
  }
  EXPECT_EQ(pool.take(100000).size(), 200U);
}

TEST(Mempool, RemembersABoundedNumberOfCommittedOnes) {
  Mempool pool({.remembered_max = 10});
  for (int i = 0; i < 100; ++i) pool.committed({make(1, std::to_string(i))});
  EXPECT_FALSE(pool.add(make(1, "99")).ok());
  EXPECT_TRUE(pool.add(make(1, "0")).ok());
}

}  // namespace
}  // namespace assay::bft
