#include "inference/prefix_cache.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace assay {
namespace {

constexpr size_t kPage = KvPool::kPagePositions;

Architecture small_architecture() {
  Architecture arch;
  arch.layers = 1;
  arch.kv_heads = 1;
  arch.heads = 1;
  arch.head_dim = 4;
  arch.d_model = 4;
  return arch;
}

std::vector<TokenId> tokens_of(std::vector<TokenId> of_pages, size_t extra = 0) {
  std::vector<TokenId> tokens;
  for (const TokenId token : of_pages) tokens.insert(tokens.end(), kPage, token);
  tokens.insert(tokens.end(), extra, 99);
  return tokens;
}

class PrefixCacheTest : public testing::Test {
 protected:
  // As a sequence that was computed would hold them.
  std::vector<uint32_t> take(size_t count) {
    std::vector<uint32_t> pages;
    for (size_t i = 0; i < count; ++i) pages.push_back(pool_.take().value());
    return pages;
  }
  void release(const std::vector<uint32_t>& pages) {
    for (const uint32_t page : pages) pool_.release(page);
  }

  KvPool pool_{small_architecture(), 8};
  PrefixCache cache_{pool_};
};

TEST_F(PrefixCacheTest, FindsTheLongestBeginningInWholePages) {
  const auto pages = take(3);
  cache_.insert("", tokens_of({1, 2, 3}, 5), pages);
  EXPECT_EQ(cache_.find("", tokens_of({1, 2, 3})), pages);
  EXPECT_EQ(cache_.find("", tokens_of({1, 2, 4})), (std::vector{pages[0], pages[1]}));
  EXPECT_EQ(cache_.find("", tokens_of({1}, kPage - 1)), (std::vector{pages[0]}));
  EXPECT_TRUE(cache_.find("", tokens_of({2, 3})).empty());
  EXPECT_TRUE(cache_.find("", tokens_of({}, kPage - 1)).empty());
}

TEST_F(PrefixCacheTest, ScopesNeverShare) {
  cache_.insert("a", tokens_of({1}), take(1));
  EXPECT_TRUE(cache_.find("b", tokens_of({1})).empty());
  EXPECT_EQ(cache_.find("a", tokens_of({1})).size(), 1U);
}

TEST_F(PrefixCacheTest, KeepsWhatItKnowsAndItsFirstPages) {
  const auto first = take(2);
  const auto second = take(2);
  cache_.insert("", tokens_of({1, 2}), first);
  cache_.insert("", tokens_of({1, 3}), second);
  EXPECT_EQ(cache_.find("", tokens_of({1, 3})), (std::vector{first[0], second[1]}));
  EXPECT_EQ(pool_.holders(first[0]), 2U);
  EXPECT_EQ(pool_.holders(second[0]), 1U);  // not needed: the same tokens were known
}

TEST_F(PrefixCacheTest, GivesUpWhatWasNeededLeastRecentlyAndNobodyHolds) {
  const auto held = take(2);
  cache_.insert("", tokens_of({1, 2}), held);
  const auto loose = take(4);
  cache_.insert("", tokens_of({3, 4}), std::span(loose).first(2));
  cache_.insert("", tokens_of({5, 6}), std::span(loose).last(2));
  release(loose);
  EXPECT_EQ(pool_.pages_free(), 2U);
  cache_.find("", tokens_of({3, 4}));  // so {5, 6} is older
  EXPECT_TRUE(cache_.free_up(3));
  EXPECT_EQ(cache_.find("", tokens_of({5, 6})).size(), 1U);
  EXPECT_EQ(cache_.find("", tokens_of({3, 4})).size(), 2U);
  EXPECT_FALSE(cache_.free_up(7));  // two are held
  EXPECT_EQ(pool_.pages_free(), 3U);
  EXPECT_TRUE(cache_.free_up(6));
  EXPECT_EQ(cache_.find("", tokens_of({1, 2})), held);
  release(held);
  EXPECT_TRUE(cache_.free_up(8));
  EXPECT_EQ(cache_.pages(), 0U);
}

// What one sequence computed behind what another had computed alike stands behind the other's page,
// which nobody holds any more: it goes too when there is need.
TEST_F(PrefixCacheTest, AHeldPageDoesNotKeepWhatStandsBeforeIt) {
  const auto first = take(1);
  cache_.insert("", tokens_of({1}), first);
  release(first);
  const auto second = take(7);
  cache_.insert("", tokens_of({1, 2, 3, 4, 5, 6, 7}), second);
  EXPECT_EQ(pool_.pages_free(), 0U);
  EXPECT_TRUE(cache_.free_up(1));
  EXPECT_FALSE(cache_.free_up(2));
  release(second);
  EXPECT_TRUE(cache_.free_up(8));
}

// Against a list of everything that was ever inserted and not given up.
TEST_F(PrefixCacheTest, RandomUseNeverLosesOrInventsAPage) {
  Prng prng(1);
  for (int round = 0; round < 5000; ++round) {
    std::vector<TokenId> of_pages;
    for (uint64_t n = prng.below(4); n > 0; --n) {
      of_pages.push_back(static_cast<TokenId>(prng.below(3)));
    }
    const auto tokens = tokens_of(of_pages);
    const std::string scope = prng.below(2) == 0 ? "a" : "b";
    std::vector<uint32_t> pages = cache_.find(scope, tokens);
    for (const uint32_t page : pages) pool_.share(page);
    const size_t missing = of_pages.size() - pages.size();
    if (cache_.free_up(missing)) {
      const auto more = take(missing);
      pages.insert(pages.end(), more.begin(), more.end());
      cache_.insert(scope, tokens, pages);
      EXPECT_EQ(cache_.find(scope, tokens), pages);
    }
    release(pages);
    ASSERT_EQ(pool_.pages_free() + cache_.pages(), pool_.pages());
  }
  cache_.clear();
  EXPECT_EQ(pool_.pages_free(), pool_.pages());
}

}  // namespace
}  // namespace assay
