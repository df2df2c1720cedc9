#include "verify/sketch.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"
#include "base/check.h"
#include "base/prng.h"
#include "crypto/sha256.h"

namespace assay {
namespace {

constexpr size_t kGroup = 8;
constexpr size_t kTableSize = size_t{1} << kGroup;

// table[m] = ((0 +- x0) +- x1) ... +- x7, where bit j of m chooses the sign of x[j]. Built by
// doubling: each step appends one input to every partial sum, so the order of additions is the one
// stated in the header.
void fill_table(const std::array<double, kGroup>& x, std::array<double, kTableSize>& table) {
  table[0] = 0.0;
  for (size_t j = 0; j < kGroup; ++j) {
    const size_t half = size_t{1} << j;
    for (size_t m = 0; m < half; ++m) {
      table[m + half] = table[m] + x[j];
      table[m] = table[m] - x[j];
    }
  }
}

}  // namespace

void pool_mean(std::span<const float> values, size_t tokens, size_t width,
               std::span<float> pooled) {
  ASSAY_CHECK(tokens > 0);
  ASSAY_CHECK(values.size() == tokens * width);
  ASSAY_CHECK(pooled.size() == width);
  constexpr size_t kColumns = 128;
  std::array<double, kColumns> sums;
  for (size_t begin = 0; begin < width; begin += kColumns) {
    const size_t columns = std::min(kColumns, width - begin);
    sums.fill(0.0);
    for (size_t t = 0; t < tokens; ++t) {
      const float* row = values.data() + t * width + begin;
      for (size_t c = 0; c < columns; ++c) sums[c] += static_cast<double>(row[c]);
    }
    for (size_t c = 0; c < columns; ++c) {
      pooled[begin + c] = static_cast<float>(sums[c] / static_cast<double>(tokens));
    }
  }
}

SketchProjection::SketchProjection(size_t width) : width_(width) {
  ASSAY_CHECK(width > 0 && width <= kWidthMax);
  Bytes domain;
  append_bytes(domain, as_bytes("assay.sketch.v1"));
  append_le(domain, static_cast<uint64_t>(width));
  Prng prng(std::span<const uint8_t, 32>(sha256(domain)));
  signs_.resize(memory_bytes(width));
  for (size_t at = 0; at < signs_.size(); at += sizeof(uint64_t)) {
    store_le(signs_.data() + at, prng.next());
  }
}

Sketch SketchProjection::sketch(std::span<const float> pooled) const {
  ASSAY_CHECK(pooled.size() == width_);
  std::array<double, kSketchBits> sums{};
  std::array<double, kTableSize> table;
  for (size_t begin = 0; begin < width_; begin += kGroup) {
    std::array<double, kGroup> x{};  // inputs beyond the width are zero
    const size_t count = std::min(kGroup, width_ - begin);
    for (size_t j = 0; j < count; ++j) x[j] = static_cast<double>(pooled[begin + j]);
    fill_table(x, table);
    const uint8_t* signs = signs_.data() + begin / kGroup * kSketchBits;
    for (size_t o = 0; o < kSketchBits; ++o) sums[o] += table[signs[o]];
  }
  Sketch out{};
  for (size_t o = 0; o < kSketchBits; ++o) {
    if (sums[o] > 0.0) out[o / 8] = static_cast<uint8_t>(out[o / 8] | (1u << (o % 8)));
  }
  return out;
}

int SketchProjection::sign(size_t output, size_t input) const {
  ASSAY_CHECK(output < kSketchBits && input < width_);
  const uint8_t signs = signs_[input / kGroup * kSketchBits + output];
  return (signs >> (input % kGroup) & 1) != 0 ? 1 : -1;
}

unsigned hamming(const Sketch& a, const Sketch& b) {
  unsigned bits = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    bits += static_cast<unsigned>(std::popcount(static_cast<uint8_t>(a[i] ^ b[i])));
  }
  return bits;
}

}  // namespace assay
