#include "verify/waves.h"

namespace assay {

std::vector<uint64_t> wave_ends(uint64_t challenges) {
  std::vector<uint64_t> ends;
  if (challenges == 0) return ends;
  constexpr uint64_t kFirst = 64;
  constexpr uint64_t kSecond = 320;
  for (uint64_t end = kFirst; end < challenges; end = end == kFirst ? kSecond : end * 2) {
    ends.push_back(end);
    if (end > challenges / 2 && end != kFirst) break;  // the next doubling would pass the end
  }
  ends.push_back(challenges);
  return ends;
}

}  // namespace assay
