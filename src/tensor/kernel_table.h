// The table of functions that each instruction set fills in. Apart from kernels.h because the files
// built with wide instruction flags include it: it must define no inline function that the linker
// could choose for the whole program (docs/adr/0003-own-simd-wrapper.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace assay {

// What stands between the two matrices of a feed-forward part. kGeluTanh: 0.5 x (1 +
// tanh(sqrt(2/pi) (x + 0.044715 x^3))); kGeluErf: 0.5 x (1 + erf(x / sqrt 2)).
enum class Activation : uint8_t { kSilu, kGeluTanh, kGeluErf, kRelu };

enum class Isa : uint8_t { kScalar, kSse4, kAvx2, kAvx512, kNeon };

// Positions of a page of keys and values: a multiple of 16, so that a group of lanes never lies in
// two pages. Measured: engine_bench.cc.
inline constexpr size_t kAttendPagePositions = 32;

// Scales that lie beside a matrix of F8 or I8: the weight is its decoded value times the scale of
// its group of rows and columns, rounded once. Other types have none.
struct WeightScales {
  const float* values = nullptr;  // null: no scales
  size_t stride = 0;              // values from one group of rows to the next; 0: one group
  uint32_t rows_log2 = 0;         // rows of a group
  uint32_t columns_log2 = 63;     // columns of a group, 5 or more; 63: one group
  size_t row0 = 0;                // the row of the tensor that is row 0 of w
};

// y[t, r] = dot(x[t, :], w[r, :]) with the tree of rule 1: 16 lanes, fma ascending in k, fold 8 4
// 2 1. Shapes: x[tokens, k] f32, row t at x + t * x_stride; w[rows, k] row-major in `type`, rows
// packed (row_bytes);
//         y[tokens, rows] f32, row t at y + t * y_stride (strides in elements).
// Pre:    k is a multiple of the block size of type. Any tokens, rows >= 0.
// Cost:   2 * tokens * rows * k flop; reads w once per call for tokens up to an internal tile.
struct MatMulArgs {
  const float* x = nullptr;
  size_t tokens = 0;
  size_t x_stride = 0;
  const uint8_t* w = nullptr;
  DType type = DType::kF32;
  WeightScales scales;
  size_t rows = 0;
  size_t k = 0;
  float* y = nullptr;
  size_t y_stride = 0;
};

struct Kernels {
  Isa isa;
  // Exact decoding of n elements (whole blocks) to f32. Shapes: src row bytes, dst[n].
  void (*decode)(DType type, const uint8_t* src, size_t n, float* dst);
  float (*dot)(const float* x, const float* w, size_t k);
  // One thread. scratch: matmul_scratch_floats(k) floats, used to hold decoded rows.
  void (*matmul)(const MatMulArgs& args, float* scratch);
  // y[i] = x[i] * w[i] / sqrt(sum(x^2) / n + eps); the sum is the dot tree. x and y may be the
  // same.
  void (*rms_norm)(const float* x, const float* w, size_t n, float eps, float* y);
  // y[i] = (x[i] - mean) / sqrt(var + eps) * w[i] + b[i]; sums by the 16-lane tree; b may be null.
  void (*layer_norm)(const float* x, const float* w, const float* b, size_t n, float eps, float* y);
  // In place over a row: max first, then exp(x - max) and its 16-lane sum (lane = index mod 16),
  // then one division each.
  void (*softmax)(float* x, size_t n);
  // x[i] = activation(x[i]), times up[i] unless up is null.
  void (*activate)(Activation activation, float* x, const float* up, size_t n);
  // x[i] = cap * tanh(x[i] / cap). Pre: cap > 0.
  void (*soft_cap)(float* x, size_t n, float cap);
  // x[i] = x[i] * factor
  void (*scale)(float* x, size_t n, float factor);
  // x[i] += y[i]
  void (*add)(float* x, const float* y, size_t n);
  // y[i] = exp(x[i]) of the profile, any f32 in.
  void (*exp)(const float* x, float* y, size_t n);
  // Rotary embedding of one head in half-split order: pairs (i, i + half) with cos[i], sin[i], i <
  // half: a' = a cos - b sin, b' = b cos + a sin, each as fma(-b, sin, a * cos) and fma(a, sin, b *
  // cos). In place.
  void (*rope)(float* x, const float* cos, const float* sin, size_t half);
  // Attention of one query over `positions` keys and values (rule 7): scores[p] = dot(q, k_p) *
  // scale, then soft_cap unless it is 0, then + bias[p] unless null; softmax over [0, positions),
  // out[j] = sum_p scores[p] v_p[j] with lane = p mod 16 and the fold of rule 1. The scores of the
  // first `masked` positions are -inf instead: their weights are 0. As long as that leaves out
  // whole groups of 16 it may begin later, with the same bits. Shapes: q[head_dim]; row p of keys
  // at k + p * k_stride, of values at v + p * v_stride; scores[positions] scratch; lanes: 16 *
  // head_dim floats scratch; out[head_dim].
  // With pages, row p is row (page_first + p) mod kAttendPagePositions of page pages[(page_first +
  // p) / kAttendPagePositions], and page i of keys begins at k + i * page_stride, of values at v +
  // i * page_stride. The bits are the same.
  struct AttendArgs {
    const float* q;
    const float* k;
    size_t k_stride;
    const float* v;
    size_t v_stride;
    size_t positions;  // > masked
    size_t head_dim;
    float scale;
    float soft_cap = 0;
    const float* bias = nullptr;  // [positions]
    size_t masked = 0;
    const uint32_t* pages = nullptr;  // null: rows follow one another
    size_t page_stride = 0;           // floats
    size_t page_first = 0;            // a multiple of 16, below kAttendPagePositions
    float* scores;
    float* lanes;
    float* out;
  };
  void (*attend)(const AttendArgs& args);
  // Index of the largest value, ties to the lowest index; NaN never wins. Pre: n > 0.
  size_t (*argmax)(const float* x, size_t n);
};

}  // namespace assay
