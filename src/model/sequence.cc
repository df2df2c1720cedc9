#include "model/sequence.h"

#include <utility>

namespace assay {

Sequence::Sequence(Sequence&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      pages_(std::exchange(other.pages_, {})),
      positions_(std::exchange(other.positions_, 0)) {}

Sequence& Sequence::operator=(Sequence&& other) noexcept {
  if (this != &other) {
    clear();
    pool_ = std::exchange(other.pool_, nullptr);
    pages_ = std::exchange(other.pages_, {});
    positions_ = std::exchange(other.positions_, 0);
  }
  return *this;
}

void Sequence::clear() {
  for (const uint32_t page : pages_) pool_->release(page);
  pages_.clear();
  positions_ = 0;
}

}  // namespace assay
