#include "crypto/sha256_pair.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace assay {
namespace {

Bytes content(size_t size, uint32_t seed) {
  Bytes out(size);
  uint32_t state = seed;
  for (uint8_t& byte : out) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<uint8_t>(state >> 24U);
  }
  return out;
}

Digest expected(uint8_t tag, ByteSpan bytes) {
  return Sha256().update(ByteSpan(&tag, 1)).update(bytes).finish();
}

void expect_pair(size_t size) {
  // Off any alignment, as rows of a file are.
  const Bytes memory = content(2 * size + 3, static_cast<uint32_t>(size) + 1);
  const ByteSpan first = ByteSpan(memory).subspan(1, size);
  const ByteSpan second = ByteSpan(memory).subspan(2 + size, size);
  for (const uint8_t tag : Bytes{0, 1, 255}) {
    const auto [a, b] = sha256_pair(tag, first, second);
    ASSERT_EQ(a, expected(tag, first)) << size << " bytes behind " << int{tag};
    ASSERT_EQ(b, expected(tag, second)) << size << " bytes behind " << int{tag};
  }
}

TEST(Sha256Pair, IsTwoDigestsForEveryLengthAroundTheBlocks) {
  // One, two and more blocks, each with every length of the padding.
  for (size_t size = 0; size <= 400; ++size) expect_pair(size);
}

TEST(Sha256Pair, IsTwoDigestsOfRowsOfWeights) {
  for (const size_t size : std::vector<size_t>{4096, 16384, 16385, 44032, 1 << 20})
    expect_pair(size);
}

TEST(Sha256Pair, ThreadsDoNotDisturbEachOther) {
  const Bytes first = content(1000, 1);
  const Bytes second = content(1000, 2);
  const std::array<Digest, 2> alone = {expected(0, first), expected(0, second)};
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) count += sha256_pair(0, first, second) == alone ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace assay
