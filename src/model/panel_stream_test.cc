#include "model/panel_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/prng.h"

namespace assay {
namespace {

// Everything holds for reads through the page cache and past it.
class PanelStreamTest : public ::testing::TestWithParam<ReadPath> {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "panel_stream_test." +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(path_.begin() + static_cast<std::ptrdiff_t>(::testing::TempDir().size()),
                 path_.end(), '/', '_');
    Prng prng(7);
    content_.resize(1 << 16);
    for (uint8_t& byte : content_) byte = static_cast<uint8_t>(prng.next());
    ASSERT_TRUE(write_file_atomically(path_, content_, {.sync = false}).ok());
    auto file = ReadFile::open(path_);
    ASSERT_TRUE(file.ok());
    file_ = *file;
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_;
  Bytes content_;
  std::shared_ptr<const ReadFile> file_;
};

TEST_P(PanelStreamTest, GivesPanelsInTheOrderAskedFor) {
  PanelStream stream(4096, GetParam());
  Prng prng(1);
  std::vector<Bytes> expected;
  for (int i = 0; i < 500; ++i) {
    std::vector<Extent> panel;
    Bytes bytes;
    const uint64_t extents = 1 + prng.below(3);
    for (uint64_t e = 0; e < extents; ++e) {
      const uint64_t size = prng.below(1300);
      const uint64_t offset = prng.below(content_.size() - size);
      panel.push_back({file_, offset, size});
      bytes.insert(bytes.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset),
                   content_.begin() + static_cast<std::ptrdiff_t>(offset + size));
    }
    expected.push_back(bytes);
    stream.enqueue(std::move(panel));
  }
  for (const Bytes& bytes : expected) {
    auto panel = stream.next();
    ASSERT_TRUE(panel.ok());
    EXPECT_EQ(Bytes(panel->bytes().begin(), panel->bytes().end()), bytes);
  }
}

TEST_P(PanelStreamTest, AsManyPanelsMayBeHeldAsThereAreBuffers) {
  for (const size_t buffers : {1U, 2U, 5U}) {
    PanelStream stream(64, GetParam(), buffers);
    for (uint64_t i = 0; i < 20; ++i) stream.enqueue({{file_, 64 * i, 64}});
    for (uint64_t i = 0; i < 20; i += buffers) {
      std::vector<PanelStream::Panel> held;
      for (uint64_t j = i; j < std::min<uint64_t>(20, i + buffers); ++j) {
        auto panel = stream.next();
        ASSERT_TRUE(panel.ok());
        held.push_back(std::move(panel).value());
      }
      for (uint64_t j = 0; j < held.size(); ++j) {
        EXPECT_EQ(held[j].bytes()[5], content_[64 * (i + j) + 5]);
      }
    }
  }
}

TEST_P(PanelStreamTest, ABufferIsFreeAgainWhenItsPanelGoes) {
  PanelStream stream(64, GetParam());
  for (uint64_t i = 0; i < 4; ++i) stream.enqueue({{file_, 64 * i, 64}});
  auto first = stream.next();
  auto second = stream.next();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->bytes()[5], content_[5]);
  EXPECT_EQ(second->bytes()[5], content_[69]);
  {
    const auto released = std::move(first).value();
  }
  auto third = stream.next();
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(third->bytes()[0], content_[128]);
  EXPECT_EQ(second->bytes()[5], content_[69]);
}

TEST_P(PanelStreamTest, AFileThatEndsEarlyIsAnErrorOfItsPanelOnly) {
  PanelStream stream(128, GetParam());
  stream.enqueue({{file_, content_.size() - 10, 100}});
  stream.enqueue({{file_, 0, 100}});
  auto bad = stream.next();
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().code(), Code::kDataLoss);
  EXPECT_NE(bad.status().message().find("truncated"), std::string::npos);
  auto good = stream.next();
  EXPECT_TRUE(good.ok());
}

TEST_P(PanelStreamTest, StopsWithPanelsNotTaken) {
  PanelStream stream(1024, GetParam());
  for (int i = 0; i < 100; ++i) stream.enqueue({{file_, 0, 1024}});
  auto held = stream.next();
  ASSERT_TRUE(held.ok());
  *held = PanelStream::Panel();  // the stream must outlive its panels
}

INSTANTIATE_TEST_SUITE_P(Paths, PanelStreamTest,
                         ::testing::Values(ReadPath::kBySize, ReadPath::kCached, ReadPath::kDirect),
                         [](const auto& param_info) -> std::string {
                           if (param_info.param == ReadPath::kBySize) return "BySize";
                           return param_info.param == ReadPath::kCached ? "Cached" : "Direct";
                         });

}  // namespace
}  // namespace assay
