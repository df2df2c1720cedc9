#include "model/byte_source.h"

#include <algorithm>

namespace assay {

Status MemorySource::read_at(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
    return data_loss(name_ + " ends at byte " + std::to_string(bytes_.size()) +
                     "; it is truncated");
  }
  std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  return ok_status();
}

}  // namespace assay
