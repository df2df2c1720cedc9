#include "model/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/file.h"
#include "model/checkpoint.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

class GgufWriterTest : public ::testing::Test {
 protected:
  GgufWriterTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("assay_writer_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = (folder_ / "out.gguf").string();
  }
  ~GgufWriterTest() override { std::filesystem::remove_all(folder_); }

  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
  Status create_error(GgufContent content) const {
    return GgufWriter::create(path_, std::move(content)).status();
  }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(GgufWriterTest, WhatIsWrittenIsReadBack) {
  const GgufContent content{
      {{"general.architecture", std::string("llama")},
       {"a.bool", true},
       {"a.u32", uint32_t{4000000000}},
       {"a.i32", int32_t{-5}},
       {"a.u64", ~uint64_t{0}},
       {"a.i64", int64_t{-6}},
       {"a.f32", 0.5F},
       {"a.f64", 0.1},
       {"a.strings", std::vector<std::string>{"", "x", "\xE2\x96\x81y"}},
       {"a.floats", std::vector<float>{1.5F, -2.5F}},
       {"a.ints", std::vector<int32_t>{-1, 7}}},
      {{"v", DType::kF32, {3}}, {"w", DType::kQ8_0, {2, 64}}, {"x", DType::kF16, {2, 1, 3, 4}}}};
  auto writer = GgufWriter::create(path_, content);
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  std::vector<Bytes> data;
  for (size_t i = 0; i < 3; ++i) {
    data.emplace_back((*writer)->tensor_bytes(i), static_cast<uint8_t>(i + 1));
  }
  // Out of order and in parts.
  ASSERT_TRUE((*writer)->write_at(2, 0, data[2]).ok());
  ASSERT_TRUE((*writer)->write_at(1, 100, ByteSpan(data[1]).subspan(100)).ok());
  ASSERT_TRUE((*writer)->write_at(1, 0, ByteSpan(data[1]).first(100)).ok());
  ASSERT_TRUE((*writer)->write_at(0, 0, data[0]).ok());
  EXPECT_FALSE(path_exists(path_)) << "the name appears only when the file is whole";
  ASSERT_TRUE((*writer)->finish(true).ok());
  EXPECT_EQ(files(), 1u);

  const auto read = open_checkpoint(path_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->gguf_version, 3u);
  EXPECT_EQ(read->files[0]->size(), (*writer)->file_bytes());
  EXPECT_EQ(*read->meta_uint("a.u32", 0, ~uint64_t{0}), 4000000000u);
  EXPECT_EQ(std::get<int64_t>(read->meta.at("a.i32")), -5);
  EXPECT_EQ(std::get<uint64_t>(read->meta.at("a.u64")), ~uint64_t{0});
  EXPECT_EQ(std::get<int64_t>(read->meta.at("a.i64")), -6);
  EXPECT_EQ(*read->meta_double("a.f32"), 0.5);
  EXPECT_EQ(*read->meta_double("a.f64"), 0.1);
  EXPECT_TRUE(std::get<bool>(read->meta.at("a.bool")));
  EXPECT_EQ(std::get<std::vector<std::string>>(read->meta.at("a.strings"))[2], "\xE2\x96\x81y");
  EXPECT_EQ(std::get<std::vector<double>>(read->meta.at("a.floats"))[1], -2.5);
  EXPECT_EQ(std::get<std::vector<int64_t>>(read->meta.at("a.ints"))[0], -1);
  ASSERT_EQ(read->tensors.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const TensorInfo& tensor = read->tensors.at(content.tensors[i].name);
    EXPECT_EQ(tensor.shape, content.tensors[i].shape);
    EXPECT_EQ(tensor.type, content.tensors[i].type);
    Bytes bytes(tensor.bytes);
    ASSERT_TRUE(read->files[0]->read_at(tensor.offset, bytes).ok());
    EXPECT_EQ(bytes, data[i]);
  }
}

TEST_F(GgufWriterTest, RefusesWhatTheReaderWouldRefuse) {
  const GgufTensor w{"w", DType::kF32, {2}};
  for (const auto& [content, part] : std::vector<std::pair<GgufContent, std::string>>{
           {{{}, {w, w}}, "\"w\" appears twice"},
           {{{}, {{"", DType::kF32, {2}}}}, "is empty"},
           {{{}, {{std::string(300, 'w'), DType::kF32, {2}}}}, "300 bytes"},
           {{{}, {{"w", DType::kQ8_0, {2, 33}}}}, "rows of 33"},
           {{{}, {{"w", DType::kQ4_K, {2, 96}}}}, "rows of 96"},
           {{{}, {{"w", DType::kF8_E4M3, {2, 96}}}}, "F8_E4M3, which GGUF does not have"},
           {{{}, {{"w", DType::kF32, {2, 0}}}}, "zero"},
           {{{}, {{"w", DType::kF32, {1, 1, 1, 1, 1}}}}, "5 dimensions"},
           {{{}, {{"w", DType::kF32, {}}}}, "no dimensions"},
           {{{{"k", 1.0F}, {"k", 2.0F}}, {}}, "\"k\" appears twice"},
           {{{{"", 1.0F}}, {}}, "is empty"}}) {
    const Status status = create_error(content);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(part));
    EXPECT_THAT(status.message(), HasSubstr(path_));
  }
  EXPECT_EQ(files(), 0u);
}

TEST_F(GgufWriterTest, AbandonedWriterLeavesTheOldFile) {
  ASSERT_TRUE(write_file_atomically(path_, as_bytes("old"), {.sync = false}).ok());
  {
    const auto writer = GgufWriter::create(path_, {{}, {{"w", DType::kF32, {2}}}});
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    EXPECT_EQ(files(), 2u);
  }
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(*read_text_file(path_, 10), "old");
}

TEST_F(GgufWriterTest, NoRoomIsFoundBeforeWriting) {
  // A file-size limit stands for a full disk: reserving the size fails in the same place.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = create_error({{}, {{"w", DType::kF32, {1024, 1024}}}});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("cannot reserve " + path_));
  EXPECT_EQ(files(), 0u);
  // More than any disk has.
  const uint64_t side = uint64_t{1} << 29;
  EXPECT_FALSE(create_error({{}, {{"w", DType::kF32, {side, side}}}}).ok());
  EXPECT_EQ(files(), 0u);
}

TEST_F(GgufWriterTest, MissingFolderIsNamed) {
  const std::string path = (folder_ / "absent" / "out.gguf").string();
  const Status status = GgufWriter::create(path, {}).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr(path));
}

}  // namespace
}  // namespace assay
