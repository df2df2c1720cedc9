#include "base/prng.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace assay {

Prng::Prng(std::span<const uint8_t, 32> seed) : state_{} {
  std::memcpy(state_.data(), seed.data(), 32);
  if ((state_[0] | state_[1] | state_[2] | state_[3]) == 0) state_[0] = 0x9E3779B97F4A7C15u;
}

Prng::Prng(uint64_t seed) : state_{} {
  for (uint64_t& word : state_) {
    seed += 0x9E3779B97F4A7C15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    word = z ^ (z >> 31);
  }
}

uint64_t Prng::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Prng::below(uint64_t bound) {
  ASSAY_CHECK(bound > 0);
  const uint64_t threshold = (0 - bound) % bound;
  while (true) {
    const uint64_t r = next();
    if (r >= threshold) return r % bound;
  }
}

double Prng::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

}  // namespace assay
