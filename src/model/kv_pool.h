// KvPool: the keys and values of many sequences, in pages of one size. A page holds
// kPagePositions positions of all layers; sequences with a common beginning share its pages, which
// are counted. Tested in kv_pool_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/page_memory.h"
#include "model/architecture.h"

namespace assay {

// Threads: one owner; nothing here is synchronised.
class KvPool {
 public:
  static constexpr size_t kPagePositions = kAttendPagePositions;
  // Pages that hold this many positions.
  static constexpr size_t pages_for(size_t positions) {
    return positions / kPagePositions + (positions % kPagePositions == 0 ? 0 : 1);
  }
  static uint64_t page_bytes(const Architecture& arch);
  // What a pool of these pages allocates; the system gives the memory of a page when it is first
  // written.
  static uint64_t bytes(const Architecture& arch, size_t pages);

  KvPool(const Architecture& arch, size_t pages);

  // A page with one holder; none when all are held. What it contains is undefined.
  std::optional<uint32_t> take();
  // One holder more, or less; a page without one is free again. Pre: the page is held (CHECK).
  void share(uint32_t page);
  void release(uint32_t page);

  uint32_t holders(uint32_t page) const { return holders_[page]; }
  size_t pages() const { return holders_.size(); }
  size_t pages_free() const { return free_.size(); }

  // Of one layer, [kv_heads, kPagePositions, head_dim] in page i at keys(layer) + i *
  // page_stride(): a query reads the keys of one head, so that they lie side by side. Strides in
  // floats.
  float* keys(size_t layer) const { return floats() + 2 * layer * rows_floats_; }
  float* values(size_t layer) const { return keys(layer) + rows_floats_; }
  size_t page_stride() const { return page_floats_; }

 private:
  float* floats() const;

  size_t rows_floats_;  // of the keys of one layer in a page, and of the values
  size_t page_floats_;
  PageMemory memory_;
  std::vector<uint32_t> holders_;  // of each page
  std::vector<uint32_t> free_;     // the next to be taken is the last
};

}  // namespace assay
