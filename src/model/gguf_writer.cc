#include "model/gguf_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/file.h"
#include "model/gguf_types.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

void put_string(Bytes& out, std::string_view text) {
  append_le(out, uint64_t{text.size()});
  append_bytes(out, as_bytes(text));
}

// Appends the type and the value of one metadata pair.
struct ValueWriter {
  Bytes& out;

  void type(GgufValue value) const { append_le(out, static_cast<uint32_t>(value)); }
  void array(GgufValue element, size_t count) const {
    type(GgufValue::kArray);
    type(element);
    append_le(out, uint64_t{count});
  }
  template <typename T>
  void scalar(GgufValue kind, T value) const {
    type(kind);
    append_le(out, value);
  }
  void operator()(bool value) const { scalar(GgufValue::kBool, static_cast<uint8_t>(value)); }
  void operator()(uint32_t value) const { scalar(GgufValue::kU32, value); }
  void operator()(int32_t value) const { scalar(GgufValue::kI32, value); }
  void operator()(uint64_t value) const { scalar(GgufValue::kU64, value); }
  void operator()(int64_t value) const { scalar(GgufValue::kI64, value); }
  void operator()(float value) const { scalar(GgufValue::kF32, value); }
  void operator()(double value) const { scalar(GgufValue::kF64, value); }
  void operator()(const std::string& value) const {
    type(GgufValue::kString);
    put_string(out, value);
  }
  void operator()(const std::vector<std::string>& list) const {
    array(GgufValue::kString, list.size());
    for (const std::string& text : list) put_string(out, text);
  }
  void operator()(const std::vector<float>& list) const {
    array(GgufValue::kF32, list.size());
    for (const float value : list) append_le(out, value);
  }
  void operator()(const std::vector<int32_t>& list) const {
    array(GgufValue::kI32, list.size());
    for (const int32_t value : list) append_le(out, value);
  }
};

uint64_t aligned(uint64_t offset) {
  return (offset + kGgufAlignmentDefault - 1) / kGgufAlignmentDefault * kGgufAlignmentDefault;
}

// What the reader calls damage is a wrong argument here.
Status as_argument_error(const Status& status) {
  return status.ok() ? ok_status() : invalid_argument(status.message());
}

Status write_range(int fd, uint64_t offset, ByteSpan bytes, const std::string& path) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put =
        ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (put < 0) {
      if (errno == EINTR) continue;
      return errno_status(errno, "write", path);
    }
    done += static_cast<size_t>(put);
  }
  return ok_status();
}

}  // namespace

GgufWriter::GgufWriter(std::string path, GgufContent content)
    : path_(std::move(path)), content_(std::move(content)) {}

GgufWriter::~GgufWriter() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

// The header with its padding; fills extents_ and file_bytes_.
Result<Bytes> GgufWriter::layout() {
  Bytes header;
  append_bytes(header, as_bytes("GGUF"));
  append_le(header, kGgufVersionMax);
  append_le(header, uint64_t{content_.tensors.size()});
  append_le(header, uint64_t{content_.meta.size()});
  std::set<std::string_view> seen;
  for (const auto& [key, value] : content_.meta) {
    ASSAY_RETURN_IF_ERROR(
        as_argument_error(check_name(key, kGgufKeyBytesMax, path_ + ": metadata key")));
    if (!seen.insert(key).second) {
      return invalid_argument(path_ + ": metadata key " + in_quotes(key) + " appears twice");
    }
    put_string(header, key);
    std::visit(ValueWriter{header}, value);
  }
  seen.clear();
  uint64_t offset = 0;
  for (const GgufTensor& tensor : content_.tensors) {
    const std::string where = path_ + ": tensor " + in_quotes(tensor.name);
    ASSAY_RETURN_IF_ERROR(
        as_argument_error(check_name(tensor.name, kTensorNameBytesMax, path_ + ": tensor name")));
    if (!seen.insert(tensor.name).second) return invalid_argument(where + " appears twice");
    const Result<uint64_t> bytes = assay::tensor_bytes(tensor.type, tensor.shape, where);
    if (!bytes.ok()) return as_argument_error(bytes.status());
    if (tensor.shape.empty()) return invalid_argument(where + " has no dimensions");
    const std::optional<uint32_t> ggml_type = ggml_type_of(tensor.type);
    if (!ggml_type) {
      return invalid_argument(where + " has the type " + std::string(dtype_info(tensor.type).name) +
                              ", which GGUF does not have; it has " + supported_ggml_types());
    }
    put_string(header, tensor.name);
    append_le(header, static_cast<uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
      append_le(header, *size);
    }
    append_le(header, *ggml_type);
    append_le(header, offset);
    extents_.push_back({offset, *bytes});
    offset = aligned(offset + *bytes);
  }
  header.resize(aligned(header.size()));
  if (header.size() > kGgufHeaderBytesMax) {
    return invalid_argument(path_ + ": a header of " + format_size(header.size()) + "; at most " +
                            format_size(kGgufHeaderBytesMax) + " can be read back");
  }
  for (Extent& extent : extents_) extent.offset += header.size();
  file_bytes_ = header.size() + offset;
  return header;
}

Status GgufWriter::open_temporary() {
  fd_ = create_temporary(path_, 0644, temporary_);
  if (fd_ < 0) {
    const int error = errno;
    temporary_.clear();
    return errno_status(error, "create", path_);
  }
  // A full disk is found now, not after an hour of writing. File systems that cannot reserve still
  // get the size.
  const auto size = static_cast<off_t>(file_bytes_);
  if (::fallocate(fd_, 0, 0, size) != 0) {
    if (errno != EOPNOTSUPP && errno != ENOSYS) return errno_status(errno, "reserve", path_);
    if (::ftruncate(fd_, size) != 0) return errno_status(errno, "reserve", path_);
  }
  return ok_status();
}

Result<std::unique_ptr<GgufWriter>> GgufWriter::create(const std::string& path,
                                                       GgufContent content) {
  auto writer = std::unique_ptr<GgufWriter>(new GgufWriter(path, std::move(content)));
  ASSAY_ASSIGN_OR_RETURN(const Bytes header, writer->layout());
  ASSAY_RETURN_IF_ERROR(writer->open_temporary());
  ASSAY_RETURN_IF_ERROR(write_range(writer->fd_, 0, header, path));
  return writer;
}

Status GgufWriter::write_at(size_t i, uint64_t offset, ByteSpan bytes) const {
  ASSAY_CHECK(i < extents_.size() && fd_ >= 0);
  ASSAY_CHECK(offset <= extents_[i].bytes && bytes.size() <= extents_[i].bytes - offset);
  return write_range(fd_, extents_[i].offset + offset, bytes, path_);
}

Status GgufWriter::finish(bool sync) {
  ASSAY_CHECK(fd_ >= 0);
  if (sync && ::fsync(fd_) != 0) return errno_status(errno, "sync", path_);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) return errno_status(errno, "close", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return errno_status(errno, "replace", path_);
  }
  temporary_.clear();
  return sync ? sync_folder_of(path_) : ok_status();
}

}  // namespace assay
