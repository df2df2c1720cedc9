#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace assay {

Status errno_status(int error, std::string_view verb, const std::string& path) {
  std::string message = "cannot ";
  message += verb;
  message += " " + path + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return not_found(std::move(message));
    case EACCES:
    case EPERM:
    case EROFS:
      return permission_denied(std::move(message));
    case EISDIR:
    case ENAMETOOLONG:
      return invalid_argument(std::move(message));
    case EEXIST:
      return {Code::kAlreadyExists, std::move(message)};
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return resource_exhausted(std::move(message));
    default:
      return unavailable(std::move(message));
  }
}

Result<std::shared_ptr<const ReadFile>> ReadFile::open(const std::string& path) {
  // O_NONBLOCK: a named pipe without a writer is refused below, not waited for. It changes nothing
  // for regular files.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno_status(errno, "open", path);
  struct stat st{};
  if (::fstat(fd, &st) != 0) {
    const int error = errno;
    ::close(fd);
    return errno_status(error, "stat", path);
  }
  if (!S_ISREG(st.st_mode)) {
    ::close(fd);
    return invalid_argument(path + " is not a regular file");
  }
  const FileIdentity identity{
      .size = static_cast<uint64_t>(st.st_size),
      .inode = static_cast<uint64_t>(st.st_ino),
      .mtime_ns = static_cast<int64_t>(st.st_mtim.tv_sec) * 1000000000 + st.st_mtim.tv_nsec};
  return std::shared_ptr<const ReadFile>(new ReadFile(path, fd, identity, st.st_mode & 07777u));
}

ReadFile::~ReadFile() { ::close(fd_); }

Status ReadFile::read_at(uint64_t offset, std::span<uint8_t> out) const {
  // off_t is signed; what lies beyond its range lies beyond every file.
  constexpr uint64_t kOffsetMax = INT64_MAX;
  if (offset > kOffsetMax || out.size() > kOffsetMax - offset) {
    return data_loss(path_ + " has " + std::to_string(size()) + " bytes; " +
                     std::to_string(out.size()) + " bytes at " + std::to_string(offset) +
                     " were asked for");
  }
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(fd_, out.data() + done, std::min<size_t>(out.size() - done, size_t{1} << 30),
                static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno_status(errno, "read", path_);
    }
    if (got == 0) {
      return data_loss(path_ + " ends at byte " + std::to_string(offset + done) + ", " +
                       std::to_string(out.size() - done) + " bytes early; the file is truncated");
    }
    done += static_cast<size_t>(got);
  }
  return ok_status();
}

void ReadFile::drop_cache(uint64_t offset, uint64_t bytes) const {
  (void)::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                        POSIX_FADV_DONTNEED);
}

Result<Bytes> read_whole_file(const std::string& path, uint64_t bytes_max) {
  ASSAY_ASSIGN_OR_RETURN(const auto file, ReadFile::open(path));
  if (file->size() > bytes_max) {
    return resource_exhausted(path + " has " + format_size(file->size()) + "; at most " +
                              format_size(bytes_max) + " are read here");
  }
  Bytes out(file->size());
  ASSAY_RETURN_IF_ERROR(file->read_at(0, out));
  return out;
}

Result<std::string> read_text_file(const std::string& path, uint64_t bytes_max) {
  ASSAY_ASSIGN_OR_RETURN(const Bytes bytes, read_whole_file(path, bytes_max));
  return std::string(bytes.begin(), bytes.end());
}

namespace {

Status write_all(int fd, ByteSpan content, const std::string& path) {
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t put = ::write(fd, content.data() + done, content.size() - done);
    if (put < 0) {
      if (errno == EINTR) continue;
      return errno_status(errno, "write", path);
    }
    done += static_cast<size_t>(put);
  }
  return ok_status();
}

}  // namespace

// O_EXCL: never a file that somebody left or put there,
// whose mode or reader we would inherit. The serial keeps threads that write one path apart.
int create_temporary(const std::string& path, uint32_t mode, std::string& name) {
  static std::atomic<uint64_t> serial{0};
  constexpr int kAttemptsMax = 100;
  int fd = -1;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    name = path + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(serial.fetch_add(1));
    fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd >= 0 || errno != EEXIST) break;
  }
  return fd;
}

Status sync_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_status(errno, "open", folder);
  const int failed = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  // Some file systems refuse fsync on a folder; the rename itself is still atomic there.
  if (failed != 0 && error != EINVAL) return errno_status(error, "sync", folder);
  return ok_status();
}

Status write_file_atomically(const std::string& path, ByteSpan content,
                             const WriteOptions& options) {
  if (options.exclusive && path_exists(path)) {
    return {Code::kAlreadyExists,
            path + " already exists and is not replaced; choose another name"};
  }
  std::string temporary;
  const int fd = create_temporary(path, options.mode, temporary);
  if (fd < 0) return errno_status(errno, "create", path);
  Status status = write_all(fd, content, path);
  if (status.ok() && options.sync && ::fsync(fd) != 0) status = errno_status(errno, "sync", path);
  // Some file systems report a full disk only here.
  if (::close(fd) != 0 && status.ok()) status = errno_status(errno, "close", path);
  if (status.ok() && options.exclusive) {
    // link() fails when the name exists: no window between the check above and the rename.
    if (::link(temporary.c_str(), path.c_str()) != 0) status = errno_status(errno, "create", path);
    ::unlink(temporary.c_str());
  } else if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = errno_status(errno, "replace", path);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return options.sync ? sync_folder_of(path) : ok_status();
}

bool path_exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace assay
