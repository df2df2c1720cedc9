// Prng: xoshiro256** (Blackman & Vigna 2018), seeded from 32 bytes. The same stream on every
// machine; not for secrets. Tested against the authors' reference outputs in prng_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace assay {

class Prng {
 public:
  // An all-zero seed is replaced by a fixed non-zero state.
  explicit Prng(std::span<const uint8_t, 32> seed);
  // Seeds the state with four outputs of SplitMix64(seed).
  explicit Prng(uint64_t seed);

  uint64_t next();
  // Uniform in [0, bound) by rejection. Pre: bound > 0 (CHECK).
  uint64_t below(uint64_t bound);
  // Uniform in [0, 1), 53 bits.
  double uniform();

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace assay
