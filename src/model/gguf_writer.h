// GgufWriter: writes a GGUF version 3 file with bounded memory. The table of tensors is fixed when
// the writer is made; their bytes then arrive in any order, from any thread. Tested in
// gguf_writer_test.cc. Format: docs/formats/weights.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "tensor/dtype.h"

namespace assay {

// A metadata value in the width that it has in the file: readers expect u32 and f32 for most keys.
using GgufMeta =
    std::variant<bool, uint32_t, int32_t, uint64_t, int64_t, float, double, std::string,
                 std::vector<std::string>, std::vector<float>, std::vector<int32_t>>;

struct GgufTensor {
  std::string name;
  DType type = DType::kF32;
  std::vector<uint64_t> shape;  // outermost first, 1 to 4 sizes
};

struct GgufContent {
  std::vector<std::pair<std::string, GgufMeta>> meta;  // in this order; without general.alignment
  std::vector<GgufTensor> tensors;                     // in this order
};

class GgufWriter {
 public:
  // Creates a temporary file beside path, reserves its full size and writes the header.
  // Errors: INVALID_ARGUMENT for content that the reader would refuse (a name or key that is empty,
  // too long or twice, a shape that does not fit its type, a type that GGUF does not have),
  // RESOURCE_EXHAUSTED when the disk has no room for the whole file, NOT_FOUND (folder),
  // PERMISSION_DENIED.
  static Result<std::unique_ptr<GgufWriter>> create(const std::string& path, GgufContent content);
  // Without finish() the temporary file is removed and path stays as it was.
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  size_t tensors() const { return content_.tensors.size(); }
  const GgufTensor& tensor(size_t i) const { return content_.tensors[i]; }
  uint64_t tensor_bytes(size_t i) const { return extents_[i].bytes; }
  uint64_t file_bytes() const { return file_bytes_; }

  // Writes bytes of tensor i from offset, counted from the tensor's start.
  // Pre: the range lies inside the tensor (CHECK). Errors: RESOURCE_EXHAUSTED, UNAVAILABLE.
  // Threads: const-safe.
  Status write_at(size_t i, uint64_t offset, ByteSpan bytes) const;

  // Puts the file in its place in one step, after fsync where sync. Nothing may be written after.
  // Pre: every byte of every tensor was written once; bytes never written read as zero.
  Status finish(bool sync);

 private:
  struct Extent {
    uint64_t offset;  // in the file
    uint64_t bytes;
  };
  GgufWriter(std::string path, GgufContent content);
  Result<Bytes> layout();
  Status open_temporary();

  std::string path_;
  std::string temporary_;  // empty when there is none to remove
  GgufContent content_;
  std::vector<Extent> extents_;
  uint64_t file_bytes_ = 0;
  int fd_ = -1;
};

}  // namespace assay
