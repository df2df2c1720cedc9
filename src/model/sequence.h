// Sequence: what an Engine keeps of one sequence of tokens. Tested in sequence_test.cc.
#pragma once

#include <span>
#include <vector>

#include "model/kv_pool.h"

namespace assay {

// Its position and its pages, which go back to the pool when it does. Must not outlive its engine.
class Sequence {
 public:
  Sequence() = default;  // of no engine; only to be assigned to
  ~Sequence() { clear(); }
  Sequence(Sequence&& other) noexcept;
  Sequence& operator=(Sequence&& other) noexcept;

  size_t positions() const { return positions_; }  // tokens consumed
  // Page i holds positions [i, i + 1) * KvPool::kPagePositions.
  std::span<const uint32_t> pages() const { return pages_; }

 private:
  friend class Engine;
  void clear();

  KvPool* pool_ = nullptr;
  std::vector<uint32_t> pages_;
  size_t positions_ = 0;
};

}  // namespace assay
