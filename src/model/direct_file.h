// DirectFile: reads past the page cache, for weights that are larger than the memory there is. In a
// cgroup every cached page is charged and must be reclaimed before the next can be read, and the
// copy out of the cache takes a processor that could compute. Tested in direct_file_test.cc.
#pragma once

#include <memory>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace assay {

class DirectFile {
 public:
  // Of offsets, sizes and addresses that the kernel reads directly: a page suits every device.
  static constexpr size_t kAlignment = 4096;
  // What read_at needs of the memory around the bytes it fills.
  static constexpr size_t kBytesBefore = kAlignment;
  static constexpr size_t kBytesBehind = 2 * kAlignment;

  // Null where the file system has no such reads (tmpfs), or the path names another file by now.
  static std::unique_ptr<DirectFile> open(const ReadFile& file);
  ~DirectFile();
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;

  // Fills out from offset, in one request of the kernel where out is as far from a page border as
  // offset is; else the bytes are moved once more. Pre: kBytesBefore bytes before out and
  // kBytesBehind behind it are memory of the caller; those before keep their values, those behind
  // do not. False: it could not be read this way, and what is in out is undefined.
  bool read_at(uint64_t offset, std::span<uint8_t> out);

 private:
  explicit DirectFile(int fd) : fd_(fd) {}
  int fd_;
};

// True when a file does not fit into memory beside what else there is to do, so that caching it
// would only push out other pages (and, read again, find none of its own).
bool is_too_large_to_cache(const ReadFile& file);

}  // namespace assay
