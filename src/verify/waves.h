// Waves: the points at which a sequential verification may stop. Challenges run in waves so that a
// clear DIFFERENT ends early and a wave is large enough to stream the weights once for all of it;
// the ends are fixed in advance, so a checker knows every count at which a run may have stopped.
// Tested in waves_test.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace assay {

// Cumulative counts: 64, 320, then doubling (640, 1280, ...), cut off by `challenges`, which is the
// last. Empty for no challenges.
std::vector<uint64_t> wave_ends(uint64_t challenges);

}  // namespace assay
