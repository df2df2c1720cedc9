#include "base/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>

namespace assay {
namespace {

TEST(Memory, PeakRisesWithWhatIsTouched) {
  const uint64_t before = peak_rss_bytes();
  ASSERT_GT(before, 0U);
  constexpr size_t kBytes = size_t{64} << 20;
  const auto block = std::make_unique<char[]>(kBytes);
  std::memset(block.get(), 1, kBytes);
  EXPECT_GE(peak_rss_bytes(), kBytes);
  EXPECT_LE(peak_rss_bytes(), before + kBytes + (size_t{16} << 20));
}

TEST(Memory, WhatIsTouchedIsResidentUntilItGoes) {
  constexpr size_t kBytes = size_t{64} << 20;
  const uint64_t before = rss_bytes();
  // From the kernel and filled by it: a sanitizer's allocator keeps what is freed, and its shadow
  // grows with what the program touches.
  void* block = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  EXPECT_GE(rss_bytes(), kBytes);
  EXPECT_GE(rss_bytes(), before + kBytes - (size_t{4} << 20));
  ASSERT_EQ(::munmap(block, kBytes), 0);
  EXPECT_LE(rss_bytes(), before + (size_t{16} << 20));
}

TEST(Memory, LimitIsPositiveAndAtMostPhysical) {
  EXPECT_GT(memory_limit_bytes(), uint64_t{16} << 20);
  EXPECT_LT(memory_limit_bytes(), uint64_t{1} << 50);
}

}  // namespace
}  // namespace assay
