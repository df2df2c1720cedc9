#include "model/kv_pool.h"

#include <gtest/gtest.h>

#include <set>

namespace assay {
namespace {

Architecture small_architecture() {
  Architecture arch;
  arch.layers = 3;
  arch.kv_heads = 2;
  arch.head_dim = 5;
  return arch;
}

TEST(KvPool, GivesEachPageOnceUntilItsLastHolderReleasesIt) {
  KvPool pool(small_architecture(), 3);
  std::set<uint32_t> taken;
  for (int i = 0; i < 3; ++i) taken.insert(*pool.take());
  EXPECT_EQ(taken, (std::set<uint32_t>{0, 1, 2}));
  EXPECT_EQ(pool.pages_free(), 0U);
  EXPECT_EQ(pool.take(), std::nullopt);

  pool.share(1);
  EXPECT_EQ(pool.holders(1), 2U);
  pool.release(1);
  EXPECT_EQ(pool.take(), std::nullopt);
  pool.release(1);
  EXPECT_EQ(pool.pages_free(), 1U);
  EXPECT_EQ(pool.take(), std::optional<uint32_t>(1));
  EXPECT_EQ(pool.holders(1), 1U);
}

TEST(KvPool, RowsOfPagesAndLayersAreDisjoint) {
  const Architecture arch = small_architecture();
  constexpr size_t kPages = 2;
  KvPool pool(arch, kPages);
  const size_t rows = KvPool::kPagePositions * arch.kv_heads * arch.head_dim;
  EXPECT_EQ(KvPool::page_bytes(arch), 4 * 2 * 3 * rows);
  EXPECT_EQ(pool.page_stride() * 4, KvPool::page_bytes(arch));
  std::set<const float*> begins;
  for (size_t page = 0; page < kPages; ++page) {
    for (size_t layer = 0; layer < arch.layers; ++layer) {
      begins.insert(pool.keys(layer) + page * pool.page_stride());
      begins.insert(pool.values(layer) + page * pool.page_stride());
    }
  }
  ASSERT_EQ(begins.size(), kPages * arch.layers * 2);
  const float* expected = pool.keys(0);
  for (const float* begin : begins) {
    EXPECT_EQ(begin, expected);
    expected = begin + rows;
  }
}

TEST(KvPool, CountsPagesOfPositions) {
  EXPECT_EQ(KvPool::pages_for(0), 0U);
  EXPECT_EQ(KvPool::pages_for(1), 1U);
  EXPECT_EQ(KvPool::pages_for(KvPool::kPagePositions), 1U);
  EXPECT_EQ(KvPool::pages_for(KvPool::kPagePositions + 1), 2U);
}

TEST(KvPoolDeathTest, ReleasingWhatNobodyHoldsIsAMistake) {
  KvPool pool(small_architecture(), 1);
  EXPECT_DEATH(pool.release(0), "");
  EXPECT_DEATH(pool.share(0), "");
  EXPECT_DEATH(pool.release(1), "");
}

}  // namespace
}  // namespace assay
