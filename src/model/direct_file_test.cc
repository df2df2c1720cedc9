#include "model/direct_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/prng.h"

namespace assay {
namespace {

constexpr size_t kPage = DirectFile::kAlignment;

class DirectFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "direct_file_test." +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    Prng prng(11);
    content_.resize(9 * kPage + 1234);
    for (uint8_t& byte : content_) byte = static_cast<uint8_t>(prng.next());
    ASSERT_TRUE(write_file_atomically(path_, content_, {.sync = true}).ok());
    auto file = ReadFile::open(path_);
    ASSERT_TRUE(file.ok());
    file_ = *file;
    direct_ = DirectFile::open(*file_);
    if (direct_ == nullptr) {
      GTEST_SKIP() << path_ << " is on a file system without direct reads; they are left out";
    }
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_;
  Bytes content_;
  std::shared_ptr<const ReadFile> file_;
  std::unique_ptr<DirectFile> direct_;
};

TEST_F(DirectFileTest, AnyRangeToAnyAddressIsWhatTheFileHoldsAndKeepsWhatLiesBefore) {
  Bytes memory(DirectFile::kBytesBefore + kPage + content_.size() + DirectFile::kBytesBehind);
  Prng prng(3);
  for (int i = 0; i < 300; ++i) {
    // On page borders and around them as often as anywhere.
    const auto place = [&](uint64_t end) {
      const uint64_t any = prng.below(end);
      return prng.below(2) == 0 ? any : std::min(end - 1, any / kPage * kPage + prng.below(3));
    };
    const uint64_t offset = place(content_.size());
    const uint64_t bytes = i % 7 == 0 ? content_.size() - offset : place(content_.size() - offset);
    const size_t at = DirectFile::kBytesBefore + place(kPage);
    std::fill(memory.begin(), memory.end(), uint8_t{0xA5});
    ASSERT_TRUE(direct_->read_at(offset, std::span(memory).subspan(at, bytes)));
    for (size_t b = 0; b < at; ++b) ASSERT_EQ(memory[b], 0xA5) << b;
    for (size_t b = 0; b < bytes; ++b) ASSERT_EQ(memory[at + b], content_[offset + b]) << b;
  }
}

TEST_F(DirectFileTest, ARangeBeyondTheEndIsRefused) {
  Bytes memory(DirectFile::kBytesBefore + 2 * kPage + DirectFile::kBytesBehind);
  const auto out = std::span(memory).subspan(DirectFile::kBytesBefore, kPage);
  EXPECT_FALSE(direct_->read_at(content_.size() - 10, out));
  EXPECT_FALSE(direct_->read_at(uint64_t{1} << 40, out));
  EXPECT_FALSE(direct_->read_at(UINT64_MAX - 5, out));
}

TEST_F(DirectFileTest, ANameThatMeansAnotherFileByNowIsNotOpened) {
  ASSERT_TRUE(write_file_atomically(path_, content_, {.sync = false}).ok());
  EXPECT_EQ(DirectFile::open(*file_), nullptr);
}

}  // namespace
}  // namespace assay
