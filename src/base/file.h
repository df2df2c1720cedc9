// Files: positioned reads that never surprise, atomic replacement. Tested in file_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace assay {

// What tells that a file is still the one that was opened before.
struct FileIdentity {
  uint64_t size = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};

// A regular file opened for reading. Threads: const-safe (pread).
class ReadFile {
 public:
  // Errors: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT for what is not a regular file; each
  // names the path.
  static Result<std::shared_ptr<const ReadFile>> open(const std::string& path);
  ~ReadFile();
  ReadFile(const ReadFile&) = delete;
  ReadFile& operator=(const ReadFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const { return identity_.size; }
  const FileIdentity& identity() const { return identity_; }
  // The permission bits (07777) of the file that is open, whatever its name points to now.
  uint32_t permissions() const { return permissions_; }
  // Fills out from offset. Errors: DATA_LOSS when the file ends before, UNAVAILABLE on an I/O
  // error.
  Status read_at(uint64_t offset, std::span<uint8_t> out) const;
  // Tells the kernel that the range is not needed again, so that page cache of a huge file does not
  // push out what is. A hint: never fails.
  void drop_cache(uint64_t offset, uint64_t bytes) const;

 private:
  ReadFile(std::string path, int fd, FileIdentity identity, uint32_t permissions)
      : path_(std::move(path)), fd_(fd), identity_(identity), permissions_(permissions) {}
  std::string path_;
  int fd_;
  FileIdentity identity_;
  uint32_t permissions_;
};

// The whole file. Errors: as ReadFile, and RESOURCE_EXHAUSTED when it is larger than bytes_max.
Result<Bytes> read_whole_file(const std::string& path, uint64_t bytes_max);
Result<std::string> read_text_file(const std::string& path, uint64_t bytes_max);

struct WriteOptions {
  uint32_t mode = 0644;
  bool exclusive = false;  // refuse to replace an existing file
  bool sync = true;        // fsync the file and its folder
};
// Replaces path in one step: temporary file beside it, fsync, rename, fsync of the folder.
// Errors: ALREADY_EXISTS when exclusive, PERMISSION_DENIED, NOT_FOUND (folder), RESOURCE_EXHAUSTED
// (disk full).
Status write_file_atomically(const std::string& path, ByteSpan content,
                             const WriteOptions& options = {});

// The two ends of such a replacement, for files that are too large for one span.
// A new file beside path, open for writing, and its name; -1 and errno on failure.
int create_temporary(const std::string& path, uint32_t mode, std::string& name);
// Makes a rename inside the folder of path survive a crash.
Status sync_folder_of(const std::string& path);

bool path_exists(const std::string& path);
bool is_directory(const std::string& path);

// A Status for errno after a failed call on path: "cannot <verb> <path>: <reason>".
Status errno_status(int error, std::string_view verb, const std::string& path);

}  // namespace assay
