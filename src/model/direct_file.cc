#include "model/direct_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/memory.h"

namespace assay {
namespace {

constexpr uint64_t round_up_to_page(uint64_t value) {
  return (value + DirectFile::kAlignment - 1) / DirectFile::kAlignment * DirectFile::kAlignment;
}

}  // namespace

std::unique_ptr<DirectFile> DirectFile::open(const ReadFile& file) {
  const int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
  if (fd < 0) return nullptr;
  std::unique_ptr<DirectFile> direct(new DirectFile(fd));
  struct stat st{};
  if (::fstat(fd, &st) != 0 || static_cast<uint64_t>(st.st_ino) != file.identity().inode ||
      static_cast<uint64_t>(st.st_size) != file.size()) {
    return nullptr;
  }
  return direct;
}

DirectFile::~DirectFile() { ::close(fd_); }

bool DirectFile::read_at(uint64_t offset, std::span<uint8_t> out) {
  if (out.empty()) return true;
  if (offset > INT64_MAX || out.size() > INT64_MAX - offset) return false;
  // The pages that hold the range are read to `at`, so that the range itself comes to lie at `to`:
  // the first address from out on that is as far from a page border as offset is.
  const uint64_t lead = offset % kAlignment;
  const auto address = reinterpret_cast<uintptr_t>(out.data());
  const uint64_t shift = (lead + kAlignment - address % kAlignment) % kAlignment;
  uint8_t* const to = out.data() + shift;
  uint8_t* const at = to - lead;
  const uint64_t pages = round_up_to_page(lead + out.size());

  std::array<uint8_t, kAlignment> kept;  // of the memory before out
  const size_t keep = at < out.data() ? static_cast<size_t>(out.data() - at) : 0;
  std::memcpy(kept.data(), at, keep);
  uint64_t done = 0;
  while (done < lead + out.size()) {
    const ssize_t got = ::pread(fd_, at + done, std::min<uint64_t>(pages - done, uint64_t{1} << 30),
                                static_cast<off_t>(offset - lead + done));
    if (got < 0 && errno == EINTR) continue;
    // The last pages of a file may be short; nothing else may, because the next read would not be
    // aligned any more.
    if (got <= 0) break;
    done += static_cast<uint64_t>(got);
    if (done % kAlignment != 0) break;
  }
  if (shift != 0) std::memmove(out.data(), to, out.size());
  std::memcpy(at, kept.data(), keep);
  return done >= lead + out.size();
}

bool is_too_large_to_cache(const ReadFile& file) { return file.size() > memory_limit_bytes() / 4; }

}  // namespace assay
