// Encoding f32 values to the stored weight types, the inverse of Kernels::decode up to rounding.
// Tested in encode_test.cc. Source: ggml/docs/gguf.md and ggml-quants;
// IEEE 754 round to nearest even.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace assay {

// Round to nearest, ties to even; overflow gives infinity, NaN stays NaN.
uint16_t f16_from_f32(float value);
uint16_t bf16_from_f32(float value);

// Shapes:  src[n] f32, dst row_bytes(type, n).
// Exact:   Q8_0: scale = f16(amax / 127), codes = round(x / scale), ties to even. Q4_0:
//          scale = f16(value of largest magnitude / -8), codes = floor(x / scale + 8.5) in [0, 15].
//          The codes are the nearest for the scale as stored; ggml's reference takes the scale
//          before it is rounded to f16, so that some codes differ by one. The other quantised
//          types: scales (and minima) from the range of the values, rounded to what the type
//          stores, then the nearest code; ggml's search for the least error is not repeated.
// Pre:     n is a multiple of the block size, and GGUF has the type (CHECK); finite values of
//          magnitude below 2^15.
// Cost:    O(n). Threads: const-safe.
void encode_row(DType type, const float* src, size_t n, uint8_t* dst);

}  // namespace assay
