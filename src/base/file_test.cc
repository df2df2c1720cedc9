#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

namespace assay {
namespace {

namespace fs = std::filesystem;

class File : public ::testing::Test {
 protected:
  File() {
    std::string pattern = (fs::temp_directory_path() / "assay-file-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/x";
  }
  ~File() override { fs::remove_all(folder_); }

  void write(std::string_view text) const { std::ofstream(path_, std::ios::binary) << text; }
  std::string text() const { return read_text_file(path_, 1 << 20).value(); }
  std::ptrdiff_t files_in_folder() const {
    return std::distance(fs::directory_iterator(folder_), {});
  }
  uint32_t mode() const {
    struct stat st{};
    EXPECT_EQ(::stat(path_.c_str(), &st), 0);
    return st.st_mode & 07777u;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(File, ReadsAnyRange) {
  write("0123456789");
  const auto file = ReadFile::open(path_).value();
  EXPECT_EQ(file->size(), 10u);
  EXPECT_EQ(file->path(), path_);
  std::array<uint8_t, 4> part{};
  ASSERT_TRUE(file->read_at(3, part).ok());
  EXPECT_EQ(std::string(part.begin(), part.end()), "3456");
  ASSERT_TRUE(file->read_at(10, {}).ok());
  file->drop_cache(0, 10);
  ASSERT_TRUE(file->read_at(6, part).ok());
  EXPECT_EQ(std::string(part.begin(), part.end()), "6789");
}

TEST_F(File, ReadingBeyondTheEndSaysWhere) {
  write("0123456789");
  const auto file = ReadFile::open(path_).value();
  std::array<uint8_t, 4> part{};
  const Status status = file->read_at(8, part);
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_NE(status.message().find("byte 10, 2 bytes early"), std::string::npos) << status.message();
  // Offsets that do not fit the system's signed type are as far beyond the end as any other.
  EXPECT_EQ(file->read_at(UINT64_MAX - 1, part).code(), Code::kDataLoss);
  EXPECT_EQ(file->read_at(uint64_t{1} << 63, part).code(), Code::kDataLoss);
}

TEST_F(File, OnlyRegularFilesAreOpened) {
  EXPECT_EQ(ReadFile::open(path_).status().code(), Code::kNotFound);
  EXPECT_EQ(ReadFile::open(folder_).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ReadFile::open("/dev/null").status().code(), Code::kInvalidArgument);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const auto pipe = ReadFile::open(path_);  // must not wait for a writer
  EXPECT_EQ(pipe.status().code(), Code::kInvalidArgument);
  EXPECT_NE(pipe.status().message().find(path_), std::string::npos);
}

TEST_F(File, IdentityChangesWhenTheFileIsReplaced) {
  write("one");
  const FileIdentity before = ReadFile::open(path_).value()->identity();
  EXPECT_EQ(ReadFile::open(path_).value()->identity(), before);
  // The old file stays open, so that its inode number cannot be given to the new one.
  const auto held = ReadFile::open(path_).value();
  ASSERT_TRUE(write_file_atomically(path_, as_bytes("two")).ok());
  EXPECT_NE(ReadFile::open(path_).value()->identity(), before);
  std::array<uint8_t, 3> old{};
  ASSERT_TRUE(held->read_at(0, old).ok());
  EXPECT_EQ(std::string(old.begin(), old.end()), "one");
}

TEST_F(File, PermissionsAreThoseOfTheOpenFile) {
  write("x");
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  EXPECT_EQ(ReadFile::open(path_).value()->permissions(), 0640u);
}

TEST_F(File, WholeFileIsBounded) {
  write("0123456789");
  EXPECT_EQ(read_text_file(path_, 10).value(), "0123456789");
  EXPECT_EQ(read_whole_file(path_, 9).status().code(), Code::kResourceExhausted);
  write("");
  EXPECT_TRUE(read_whole_file(path_, 0).value().empty());
}

TEST_F(File, WritesReplaceInOneStepAndLeaveNothingBehind) {
  ASSERT_TRUE(write_file_atomically(path_, as_bytes("first")).ok());
  EXPECT_EQ(text(), "first");
  ASSERT_TRUE(write_file_atomically(path_, as_bytes("second"), {.mode = 0600, .sync = false}).ok());
  EXPECT_EQ(text(), "second");
  EXPECT_EQ(mode(), 0600u);
  ASSERT_TRUE(write_file_atomically(path_, {}).ok());
  EXPECT_EQ(text(), "");
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(File, ExclusiveNeverReplaces) {
  const WriteOptions exclusive{.exclusive = true};
  ASSERT_TRUE(write_file_atomically(path_, as_bytes("first"), exclusive).ok());
  EXPECT_EQ(write_file_atomically(path_, as_bytes("second"), exclusive).code(),
            Code::kAlreadyExists);
  EXPECT_EQ(text(), "first");
  // A link that points nowhere is a name that exists.
  fs::remove(path_);
  fs::create_symlink(folder_ + "/nowhere", path_);
  EXPECT_EQ(write_file_atomically(path_, as_bytes("third"), exclusive).code(),
            Code::kAlreadyExists);
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(File, LeftOverTemporariesAreNotReused) {
  // A file with another mode and another reader under the name a temporary could get.
  const std::string stale = path_ + ".tmp." + std::to_string(::getpid());
  for (const std::string& name : {stale, stale + ".0", stale + ".1", stale + ".2"}) {
    std::ofstream(name) << "left over";
    ASSERT_EQ(::chmod(name.c_str(), 0666), 0);
  }
  ASSERT_TRUE(write_file_atomically(path_, as_bytes("secret"), {.mode = 0600}).ok());
  EXPECT_EQ(mode(), 0600u);
  EXPECT_EQ(read_text_file(stale, 100).value(), "left over");
}

TEST_F(File, TwoWritersOfOnePathDoNotMix) {
  const auto writer = [this](char c) {
    for (int i = 0; i < 50; ++i) {
      const std::string content(4096, c);
      EXPECT_TRUE(write_file_atomically(path_, as_bytes(content), {.sync = false}).ok());
    }
  };
  std::thread other(writer, 'b');
  writer('a');
  other.join();
  const std::string last = text();
  EXPECT_TRUE(last == std::string(4096, 'a') || last == std::string(4096, 'b'));
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(File, FailedWritesSayWhyAndLeaveNothing) {
  EXPECT_EQ(write_file_atomically(folder_ + "/no/folder", {}).code(), Code::kNotFound);
  fs::create_directory(path_);
  const Status status = write_file_atomically(path_, as_bytes("x"));
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find(path_), std::string::npos);
  EXPECT_EQ(files_in_folder(), 1);
}

TEST_F(File, ExistenceTests) {
  EXPECT_FALSE(path_exists(path_));
  EXPECT_TRUE(path_exists(folder_));
  EXPECT_TRUE(is_directory(folder_));
  write("x");
  EXPECT_TRUE(path_exists(path_));
  EXPECT_FALSE(is_directory(path_));
}

TEST(ErrnoStatus, MapsToCodes) {
  EXPECT_EQ(errno_status(ENOENT, "open", "p").code(), Code::kNotFound);
  EXPECT_EQ(errno_status(EACCES, "open", "p").code(), Code::kPermissionDenied);
  EXPECT_EQ(errno_status(EEXIST, "create", "p").code(), Code::kAlreadyExists);
  EXPECT_EQ(errno_status(ENOSPC, "write", "p").code(), Code::kResourceExhausted);
  EXPECT_EQ(errno_status(EISDIR, "replace", "p").code(), Code::kInvalidArgument);
  EXPECT_EQ(errno_status(EIO, "read", "p").code(), Code::kUnavailable);
  EXPECT_EQ(errno_status(ENOENT, "open", "p").message(),
            "cannot open p: No such file or directory");
}

}  // namespace
}  // namespace assay
