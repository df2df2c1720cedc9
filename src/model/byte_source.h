// ByteSource: where a format parser reads from. A file in production, memory in tests and fuzzing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"

namespace assay {

// Positioned reads over bytes of a known size. Threads: const-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual const std::string& name() const = 0;  // the path; every error starts with it
  virtual uint64_t size() const = 0;
  // Fills out from offset. Errors: DATA_LOSS when the source ends before, UNAVAILABLE on an I/O
  // error.
  virtual Status read_at(uint64_t offset, std::span<uint8_t> out) const = 0;
};

class FileSource : public ByteSource {
 public:
  explicit FileSource(std::shared_ptr<const ReadFile> file) : file_(std::move(file)) {}
  const std::string& name() const override { return file_->path(); }
  uint64_t size() const override { return file_->size(); }
  Status read_at(uint64_t offset, std::span<uint8_t> out) const override {
    return file_->read_at(offset, out);
  }

 private:
  std::shared_ptr<const ReadFile> file_;
};

// Borrows the bytes: they must outlive the source.
class MemorySource : public ByteSource {
 public:
  MemorySource(std::string name, ByteSpan bytes) : name_(std::move(name)), bytes_(bytes) {}
  const std::string& name() const override { return name_; }
  uint64_t size() const override { return bytes_.size(); }
  Status read_at(uint64_t offset, std::span<uint8_t> out) const override;

 private:
  std::string name_;
  ByteSpan bytes_;
};

}  // namespace assay
