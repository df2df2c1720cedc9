// PanelStream: reads pieces of weight files ahead of the computation, in the order asked for, into
// a fixed set of buffers. The one place where streamed execution and hashing touch the disk. Tested
// in panel_stream_test.cc (and under tsan).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace assay {

// Consecutive bytes of a file; a panel is one or more of them, placed one behind the other in a
// buffer.
struct Extent {
  std::shared_ptr<const ReadFile> file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// Past the page cache or through it. The bytes are the same.
enum class ReadPath : uint8_t {
  kBySize,  // past it where the file is too large for it
  kCached,
  kDirect,  // past it wherever the file system can
};

class PanelStream {
 public:
  static constexpr size_t kBuffers = 2;  // one is computed on while the next is read

  // More buffers let the reader go on while the computation is slow for a moment.
  explicit PanelStream(size_t buffer_bytes, ReadPath path = ReadPath::kBySize,
                       size_t buffers = kBuffers);
  ~PanelStream();  // stops the reader; what was not taken is dropped
  PanelStream(const PanelStream&) = delete;
  PanelStream& operator=(const PanelStream&) = delete;

  size_t buffer_bytes() const;
  // What a buffer of this size allocates.
  static size_t memory_bytes(size_t buffer_bytes);
  // Appends a panel to the queue. Pre: its bytes fit in a buffer (CHECK).
  void enqueue(std::vector<Extent> panel);

  // A panel that has been read. Its buffer is free again when the object goes.
  class Panel {
   public:
    Panel() = default;
    ~Panel();
    Panel(Panel&& other) noexcept;
    Panel& operator=(Panel&& other) noexcept;
    ByteSpan bytes() const { return bytes_; }
    explicit operator bool() const { return stream_ != nullptr; }

   private:
    friend class PanelStream;
    PanelStream* stream_ = nullptr;
    size_t buffer_ = 0;
    ByteSpan bytes_;
  };
  // The next panel in the order of enqueue; waits until it is read. At most as many panels as
  // there are buffers may be held at once. Pre: a panel is queued (CHECK). Errors: those of
  // ReadFile::read_at.
  Result<Panel> next();
  // Forgets what is queued and not yet taken. Pre: no panel is held (CHECK).
  void drain();

  uint64_t bytes_read() const;

 private:
  struct Shared;
  void release(size_t buffer);
  std::unique_ptr<Shared> shared_;
};

}  // namespace assay
