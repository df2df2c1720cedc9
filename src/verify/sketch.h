// Sketches: 256 bits that say in which direction an activation points. Two activations at an angle
// theta have sketches that differ in about 256 * theta / pi bits, so a sketch shows how far two
// models are apart at a site where a digest only says that they are not equal. Tested in
// sketch_test.cc.
//
// The projection (docs/formats/transcript.md, "Sketch"): signs are drawn from xoshiro256** seeded
// with SHA-256("assay.sketch.v1" || u64le(width)), so they are a property of the format and not of
// a process: anyone can recompute a sketch. Bit o of a sketch (bit o % 8 of byte o / 8) is set when
// sum_i s[o][i] * pooled[i] > 0.
// Source: Charikar 2002, "Similarity estimation techniques from rounding algorithms".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "verify/transcript.h"

namespace assay {

// The mean over the tokens of a challenge.
// Shapes: values[tokens, width] row-major, pooled[width].
// Exact:  each column is summed in double in token order, divided once, rounded to f32 once.
// Pre:    tokens > 0 and the shapes hold (CHECK). Threads: const-safe.
void pool_mean(std::span<const float> values, size_t tokens, size_t width, std::span<float> pooled);

// The +-1 matrix [256, width] of one width, made once and shared. Threads: const-safe.
class SketchProjection {
 public:
  // Pre: 0 < width <= kWidthMax (CHECK). Cost: memory_bytes(width), 4 * width draws.
  static constexpr size_t kWidthMax = size_t{1} << 24;
  explicit SketchProjection(size_t width);

  size_t width() const { return width_; }
  static size_t memory_bytes(size_t width) { return (width + 7) / 8 * kSketchBits; }

  // Exact: inputs are taken in groups of eight; a group is summed from its first input to its last
  //        in double, and groups are added in order. Non-finite sums give a 0 bit.
  // Pre:   pooled.size() == width() (CHECK).
  // Cost:  64 * width double additions (a table of the 256 signed sums of each group is shared by
  //        all 256 outputs), no allocation. Threads: const-safe.
  Sketch sketch(std::span<const float> pooled) const;

  // +1 or -1. Pre: output < 256, input < width() (CHECK).
  int sign(size_t output, size_t input) const;

 private:
  size_t width_;
  // signs_[group * 256 + output]: bit j is set when input 8 * group + j enters output with +1.
  std::vector<uint8_t> signs_;
};

// Differing bits, 0 to 256.
unsigned hamming(const Sketch& a, const Sketch& b);

}  // namespace assay
