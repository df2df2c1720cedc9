#include "model/residual_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"
#include "base/file.h"

namespace assay {

Result<std::unique_ptr<ResidualStore>> ResidualStore::create(size_t tokens, size_t width,
                                                             bool spilled,
                                                             const std::string& scratch_folder) {
  std::unique_ptr<ResidualStore> store(new ResidualStore(tokens, width));
  if (!spilled) {
    store->memory_.resize(tokens * width);
    return store;
  }
  store->path_ = scratch_folder + "/assay-scratch-XXXXXX";
  store->fd_ = ::mkostemp(store->path_.data(), O_CLOEXEC);
  if (store->fd_ < 0) return errno_status(errno, "create a scratch file", store->path_);
  ::unlink(store->path_.c_str());  // gone with the process, however it ends
  if (::ftruncate(store->fd_, static_cast<off_t>(tokens * width * sizeof(float))) != 0) {
    return errno_status(errno, "size the scratch file", store->path_);
  }
  return store;
}

ResidualStore::~ResidualStore() {
  if (fd_ >= 0) ::close(fd_);
}

Result<float*> ResidualStore::get(size_t first, size_t count, std::span<float> scratch) {
  ASSAY_CHECK(first <= tokens_ && count <= tokens_ - first);
  if (fd_ < 0) return memory_.data() + first * width_;
  const size_t bytes = count * width_ * sizeof(float);
  ASSAY_CHECK(scratch.size_bytes() >= bytes);
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::pread(fd_, reinterpret_cast<char*>(scratch.data()) + done, bytes - done,
                                static_cast<off_t>(first * width_ * sizeof(float) + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return errno_status(got < 0 ? errno : EIO, "read the scratch file", path_);
    done += static_cast<size_t>(got);
  }
  return scratch.data();
}

Status ResidualStore::put(size_t first, size_t count, const float* rows) {
  ASSAY_CHECK(first <= tokens_ && count <= tokens_ - first);
  if (fd_ < 0) {
    ASSAY_CHECK(rows == memory_.data() + first * width_);
    return ok_status();
  }
  const size_t bytes = count * width_ * sizeof(float);
  size_t done = 0;
  while (done < bytes) {
    const ssize_t put = ::pwrite(fd_, reinterpret_cast<const char*>(rows) + done, bytes - done,
                                 static_cast<off_t>(first * width_ * sizeof(float) + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return errno_status(put < 0 ? errno : EIO, "write the scratch file", path_);
    done += static_cast<size_t>(put);
  }
  return ok_status();
}

}  // namespace assay
