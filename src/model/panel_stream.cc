#include "model/panel_stream.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"

namespace assay {

struct PanelStream::Shared {
  enum class BufferState { kFree, kReading, kReady, kHeld };
  struct Buffer {
    std::unique_ptr<uint8_t[]> memory;
    BufferState state = BufferState::kFree;
    size_t used = 0;
    uint64_t sequence = 0;  // of the panel in it
    Status status;
  };

  size_t buffer_bytes = 0;
  std::array<Buffer, kBuffers> buffers;
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
      size_t at = 0;
      Status status;
      for (const Extent& extent : panel) {
        status = extent.file->read_at(extent.offset, {buffer.memory.get() + at, extent.bytes});
        if (!status.ok()) break;
        at += extent.bytes;
      }
      lock.lock();
      buffer.used = at;
      buffer.status = std::move(status);
      buffer.state = BufferState::kReady;
      bytes_read += at;
      changed.notify_all();
    }
  }
};

PanelStream::PanelStream(size_t buffer_bytes) : shared_(std::make_unique<Shared>()) {
  shared_->buffer_bytes = buffer_bytes;
  for (auto& buffer : shared_->buffers)
    buffer.memory = std::make_unique_for_overwrite<uint8_t[]>(buffer_bytes);
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
  panel.bytes_ = {ready->memory.get(), ready->used};
  return panel;
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
