// Quantisers of one block, for encode.cc: simple ones (the range of the values decides the scale),
// not those of least error. Codes are the nearest for the scale as it is stored. Tested in
// encode_test.cc.
#pragma once

#include <cstdint>
#include <span>

namespace assay::encode {

// Stores the f16 nearest to scale and gives it back as stored: codes are then the nearest ones for
// the value that a reader multiplies with.
float put_scale(float scale, uint8_t* dst);
// The value of largest magnitude, with its sign.
float extreme_of(std::span<const float> values);
// The integer nearest to x in [lo, hi], ties to even.
int nearest(float x, int lo, int hi);
// The code of IQ4 whose value is nearest to x, the lower one on a tie.
int iq4_code(float x);

// Shapes: src[256]; dst: the bytes of a block, all zero.
void q2_k(const float* src, uint8_t* dst);
void q3_k(const float* src, uint8_t* dst);
void q4_k(const float* src, uint8_t* dst);
void q5_k(const float* src, uint8_t* dst);
void q6_k(const float* src, uint8_t* dst);
void iq4_xs(const float* src, uint8_t* dst);

}  // namespace assay::encode
