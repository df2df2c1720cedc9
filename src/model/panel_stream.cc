#include "model/panel_stream.h"

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/page_memory.h"
#include "model/direct_file.h"

namespace assay {
namespace {

// Room around the panel for direct reads.
PageMemory allocate_panel(size_t bytes) {
  static_assert(PageMemory::kPage % DirectFile::kAlignment == 0);
  return PageMemory(PanelStream::memory_bytes(bytes));
}

// Reads panels, on the reader's thread.
class PanelReader {
 public:
  explicit PanelReader(ReadPath path) : path_(path) {}

  // Fills memory with the panel's extents, one behind the other, and gives where they begin: as far
  // from a page border as the first one is in its file.
  Result<ByteSpan> read(const std::vector<Extent>& panel, uint8_t* memory) {
    const size_t lead = panel.empty() ? 0 : panel.front().offset % DirectFile::kAlignment;
    uint8_t* const begin = memory + DirectFile::kBytesBefore + lead;
    size_t at = 0;
    for (size_t i = 0; i < panel.size();) {
      // Neighbours in the file are one request.
      uint64_t bytes = panel[i].bytes;
      size_t next = i + 1;
      while (next < panel.size() && panel[next].file == panel[i].file &&
             panel[next].offset == panel[i].offset + bytes) {
        bytes += panel[next++].bytes;
      }
      ASSAY_RETURN_IF_ERROR(read_extent({panel[i].file, panel[i].offset, bytes}, begin + at));
      at += bytes;
      i = next;
    }
    return ByteSpan(begin, at);
  }

 private:
  Status read_extent(const Extent& extent, uint8_t* to) {
    const std::span<uint8_t> out(to, extent.bytes);
    DirectFile* const direct = direct_file(*extent.file);
    if (direct != nullptr && direct->read_at(extent.offset, out)) return ok_status();
    ASSAY_RETURN_IF_ERROR(extent.file->read_at(extent.offset, out));
    if (past_cache(*extent.file)) extent.file->drop_cache(extent.offset, extent.bytes);
    return ok_status();
  }

  bool past_cache(const ReadFile& file) {
    if (path_ != ReadPath::kBySize) return path_ == ReadPath::kDirect;
    const auto [entry, is_new] = too_large_.try_emplace(&file);
    if (is_new) entry->second = is_too_large_to_cache(file);
    return entry->second;
  }

  DirectFile* direct_file(const ReadFile& file) {
    if (!past_cache(file)) return nullptr;
    const auto [entry, is_new] = direct_.try_emplace(&file);
    if (is_new) entry->second = DirectFile::open(file);
    return entry->second.get();
  }

  ReadPath path_;
  std::map<const ReadFile*, bool> too_large_;
  std::map<const ReadFile*, std::unique_ptr<DirectFile>> direct_;
};

}  // namespace

struct PanelStream::Shared {
  enum class BufferState { kFree, kReading, kReady, kHeld };
  struct Buffer {
    PageMemory memory;
    BufferState state = BufferState::kFree;
    ByteSpan panel;
    uint64_t sequence = 0;  // of the panel in it
    Status status;
  };

  Shared(ReadPath path, size_t buffer_count) : panel_reader(path), buffers(buffer_count) {}

  size_t buffer_bytes = 0;
  PanelReader panel_reader;
  std::vector<Buffer> buffers;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::vector<Extent>> queue;  // not yet being read
  uint64_t sequence_read = 0;             // panels handed to a buffer so far
  uint64_t sequence_taken = 0;            // panels given out by next()
  uint64_t sequence_queued = 0;
  uint64_t bytes_read = 0;
  bool stopping = false;
  std::thread reader;

  Buffer* find(BufferState state) {
    for (Buffer& buffer : buffers) {
      if (buffer.state == state) return &buffer;
    }
    return nullptr;
  }

  void read_loop() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stopping || (!queue.empty() && find(BufferState::kFree)); });
      if (stopping) return;
      const std::vector<Extent> panel = std::move(queue.front());
      queue.pop_front();
      Buffer& buffer = *find(BufferState::kFree);
      buffer.state = BufferState::kReading;
      buffer.sequence = sequence_read++;
      lock.unlock();
      Result<ByteSpan> read = panel_reader.read(panel, buffer.memory.data());
      lock.lock();
      buffer.status = read.ok() ? ok_status() : read.status();
      buffer.panel = read.ok() ? *read : ByteSpan();
      buffer.state = BufferState::kReady;
      bytes_read += buffer.panel.size();
      changed.notify_all();
    }
  }
};

PanelStream::PanelStream(size_t buffer_bytes, ReadPath path, size_t buffers)
    : shared_(std::make_unique<Shared>(path, buffers)) {
  shared_->buffer_bytes = buffer_bytes;
  for (auto& buffer : shared_->buffers) buffer.memory = allocate_panel(buffer_bytes);
  shared_->reader = std::thread([shared = shared_.get()] { shared->read_loop(); });
}

PanelStream::~PanelStream() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->changed.notify_all();
  shared_->reader.join();
}

size_t PanelStream::memory_bytes(size_t buffer_bytes) {
  return DirectFile::kBytesBefore + buffer_bytes + DirectFile::kAlignment +
         DirectFile::kBytesBehind;
}

size_t PanelStream::buffer_bytes() const { return shared_->buffer_bytes; }

void PanelStream::enqueue(std::vector<Extent> panel) {
  uint64_t bytes = 0;
  for (const Extent& extent : panel) bytes += extent.bytes;
  ASSAY_CHECK(bytes <= shared_->buffer_bytes);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back(std::move(panel));
    ++shared_->sequence_queued;
  }
  shared_->changed.notify_all();
}

Result<PanelStream::Panel> PanelStream::next() {
  Shared& s = *shared_;
  std::unique_lock lock(s.mutex);
  ASSAY_CHECK(s.sequence_taken < s.sequence_queued);
  Shared::Buffer* ready = nullptr;
  s.changed.wait(lock, [&] {
    for (Shared::Buffer& buffer : s.buffers) {
      if (buffer.state == Shared::BufferState::kReady && buffer.sequence == s.sequence_taken)
        ready = &buffer;
    }
    return ready != nullptr;
  });
  ++s.sequence_taken;
  if (!ready->status.ok()) {
    ready->state = Shared::BufferState::kFree;
    return ready->status;
  }
  ready->state = Shared::BufferState::kHeld;
  Panel panel;
  panel.stream_ = this;
  panel.buffer_ = static_cast<size_t>(ready - s.buffers.data());
  panel.bytes_ = ready->panel;
  return panel;
}

void PanelStream::drain() {
  Shared& s = *shared_;
  std::unique_lock lock(s.mutex);
  ASSAY_CHECK(s.find(Shared::BufferState::kHeld) == nullptr);
  s.sequence_queued -= s.queue.size();
  s.queue.clear();
  s.changed.wait(lock, [&] { return s.find(Shared::BufferState::kReading) == nullptr; });
  for (Shared::Buffer& buffer : s.buffers) buffer.state = Shared::BufferState::kFree;
  s.sequence_taken = s.sequence_queued;
}

uint64_t PanelStream::bytes_read() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->bytes_read;
}

void PanelStream::release(size_t buffer) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->buffers[buffer].state = Shared::BufferState::kFree;
  }
  shared_->changed.notify_all();
}

PanelStream::Panel::~Panel() {
  if (stream_ != nullptr) stream_->release(buffer_);
}

PanelStream::Panel::Panel(Panel&& other) noexcept
    : stream_(std::exchange(other.stream_, nullptr)),
      buffer_(other.buffer_),
      bytes_(other.bytes_) {}

PanelStream::Panel& PanelStream::Panel::operator=(Panel&& other) noexcept {
  if (this != &other) {
    if (stream_ != nullptr) stream_->release(buffer_);
    stream_ = std::exchange(other.stream_, nullptr);
    buffer_ = other.buffer_;
    bytes_ = other.bytes_;
  }
  return *this;
}

}  // namespace assay
