#include "base/page_memory.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/memory.h"

namespace assay {
namespace {

TEST(PageMemory, EveryByteIsThereAndItBeginsAtAPage) {
  for (const size_t bytes : {size_t{1}, PageMemory::kPage, PageMemory::kHugePage - 1,
                             PageMemory::kHugePage, 3 * PageMemory::kHugePage + 5}) {
    const PageMemory memory(bytes);
    ASSERT_EQ(memory.size(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % PageMemory::kPage, 0U);
    for (size_t i = 0; i < bytes; ++i) memory.data()[i] = static_cast<uint8_t>(i * 7);
    for (size_t i = 0; i < bytes; ++i) ASSERT_EQ(memory.data()[i], static_cast<uint8_t>(i * 7));
  }
}

TEST(PageMemory, NothingIsNothing) {
  EXPECT_EQ(PageMemory().data(), nullptr);
  EXPECT_TRUE(PageMemory(0).bytes().empty());
}

TEST(PageMemory, MovesWithoutCopying) {
  PageMemory a(PageMemory::kPage);
  const uint8_t* const place = a.data();
  const PageMemory b = std::move(a);
  EXPECT_EQ(b.data(), place);
}

}  // namespace
}  // namespace assay
