// How each stored type lies in a file: elements and bytes of a block, and the places of its fields
// in bytes. "A block" of an unquantised type is one element. Constants only, because files built
// with wide instruction flags include this (kernel_table.h says why).
// Source: ggml-common.h (block_q4_0 ...) and ggml/docs/gguf.md; tested against an independent
// decoder in dtype_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace assay {

template <DType kType>
struct BlockLayout;

template <size_t kBlockElements, size_t kBlockBytes>
struct BlockSize {
  static constexpr size_t kElements = kBlockElements;
  static constexpr size_t kBytes = kBlockBytes;
};

// clang-format off
template <> struct BlockLayout<DType::kF32> : BlockSize<1, 4> {};
template <> struct BlockLayout<DType::kF16> : BlockSize<1, 2> {};
template <> struct BlockLayout<DType::kBF16> : BlockSize<1, 2> {};
template <> struct BlockLayout<DType::kF8_E4M3> : BlockSize<1, 1> {};
template <> struct BlockLayout<DType::kF8_E5M2> : BlockSize<1, 1> {};
template <> struct BlockLayout<DType::kI8> : BlockSize<1, 1> {};

// d and m are f16: value = d * code (+ m). High bits of the codes, where there are more than four,
// are in kHighBits: bit j of the u32 belongs to element j.
template <> struct BlockLayout<DType::kQ4_0> : BlockSize<32, 18> {
  static constexpr size_t kScale = 0, kCodes = 2;
};
template <> struct BlockLayout<DType::kQ4_1> : BlockSize<32, 20> {
  static constexpr size_t kScale = 0, kMin = 2, kCodes = 4;
};
template <> struct BlockLayout<DType::kQ5_0> : BlockSize<32, 22> {
  static constexpr size_t kScale = 0, kHighBits = 2, kCodes = 6;
};
template <> struct BlockLayout<DType::kQ5_1> : BlockSize<32, 24> {
  static constexpr size_t kScale = 0, kMin = 2, kHighBits = 4, kCodes = 8;
};
template <> struct BlockLayout<DType::kQ8_0> : BlockSize<32, 34> {
  static constexpr size_t kScale = 0, kCodes = 2;
};
template <> struct BlockLayout<DType::kIQ4_NL> : BlockSize<32, 18> {
  static constexpr size_t kScale = 0, kCodes = 2;
};

// Super-blocks: 8 or 16 sub-blocks with integer scales (and minima) of their own, times one f16
// scale (and one f16 scale of the minima).
template <> struct BlockLayout<DType::kQ2_K> : BlockSize<256, 84> {
  static constexpr size_t kScales = 0, kCodes = 16, kScale = 80, kMin = 82;
};
template <> struct BlockLayout<DType::kQ3_K> : BlockSize<256, 110> {
  static constexpr size_t kHighBits = 0, kCodes = 32, kScales = 96, kScale = 108;
};
template <> struct BlockLayout<DType::kQ4_K> : BlockSize<256, 144> {
  static constexpr size_t kScale = 0, kMin = 2, kScales = 4, kCodes = 16;
};
template <> struct BlockLayout<DType::kQ5_K> : BlockSize<256, 176> {
  static constexpr size_t kScale = 0, kMin = 2, kScales = 4, kHighBits = 16, kCodes = 48;
};
template <> struct BlockLayout<DType::kQ6_K> : BlockSize<256, 210> {
  static constexpr size_t kCodes = 0, kHighBits = 128, kScales = 192, kScale = 208;
};
template <> struct BlockLayout<DType::kIQ4_XS> : BlockSize<256, 136> {
  static constexpr size_t kScale = 0, kScalesHigh = 2, kScalesLow = 4, kCodes = 8;
};
// clang-format on

// Whether the values of a block are codes times a scale.
template <DType kType>
static constexpr bool kIsQuantised = BlockLayout<kType>::kElements > 1;

// Whether a tensor of the type may have scales of its own beside it (WeightScales).
template <DType kType>
static constexpr bool kTakesScales = BlockLayout<kType>::kBytes == 1;

// The 16 values of a code of IQ4_NL and IQ4_XS.
static constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

}  // namespace assay
