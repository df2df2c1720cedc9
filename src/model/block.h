// Block: the forward computation of one transformer block over a tile of tokens, for any source of
// weights. Streamed and resident execution share it, so they share their bits. Tested through
// engine_test.cc and executor_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/compute.h"
#include "model/family.h"

namespace assay {

// Multiplies by matrices, wherever their rows come from.
class MatrixSource {
 public:
  virtual ~MatrixSource() = default;
  // y[t, r] = dot(x[t, :], w[r, :]) for all rows r of w, in the order of the file.
  // Shapes: x[tokens, columns] packed, y[tokens, rows] packed.
  // Pre: called for the matrices of a segment in their canonical order. Errors: reading the
  // weights.
  virtual Status multiply(const BoundTensor& w, const float* x, size_t tokens, float* y) = 0;
};

// Consecutive tokens of one sequence inside a tile.
struct SequenceSpan {
  size_t begin = 0;  // first token in the tile
  size_t count = 0;
  size_t position = 0;  // of the first token in its sequence
  // Cache of the layer, [positions, kv_heads * head_dim] each, which holds [0, position) and
  // receives the new rows; null: the sequence starts in this tile and its keys are needed no longer
  // than this.
  float* keys = nullptr;
  float* values = nullptr;
};

// The tensors of one layer, vectors decoded.
struct LayerTensors {
  std::span<const float> attn_norm;
  std::span<const float> ffn_norm;
  const BoundTensor* q = nullptr;
  const BoundTensor* k = nullptr;
  const BoundTensor* v = nullptr;
  const BoundTensor* attn_output = nullptr;
  const BoundTensor* gate = nullptr;
  const BoundTensor* up = nullptr;
  const BoundTensor* down = nullptr;
};

class Block {
 public:
  // Allocates everything it will ever need: floats() * 4 bytes.
  Block(const Architecture& arch, ComputeContext& compute, size_t tile_tokens,
        size_t positions_max);
  static uint64_t floats(const Architecture& arch, size_t threads, size_t tile_tokens,
                         size_t positions_max);

  // x += attention(norm(x)); x += mlp(norm(x)). Shapes: x[tokens, d_model]. Pre: tokens <=
  // tile_tokens (CHECK).
  Status attention(const LayerTensors& layer, MatrixSource& source,
                   std::span<const SequenceSpan> sequences, float* x, size_t tokens);
  Status feed_forward(const LayerTensors& layer, MatrixSource& source, float* x, size_t tokens);
  // y[t] = norm(x[t]) with weights w; x and y may be the same.
  void norm(std::span<const float> w, const float* x, size_t tokens, float* y);

 private:
  void rotate(const BoundTensor& tensor, size_t heads, std::span<const SequenceSpan> sequences,
              float* rows);
  void attend(std::span<const SequenceSpan> sequences);

  const Architecture arch_;
  ComputeContext& compute_;
  size_t tile_tokens_;
  size_t positions_max_;
  size_t q_width_;
  size_t kv_width_;
  std::vector<float> rope_cos_;  // [positions_max, rotary_dims / 2]
  std::vector<float> rope_sin_;
  std::vector<float> normed_;  // [tile, d_model]; reused for the sub-block's output
  std::vector<float> q_;       // [tile, q_width]
  std::vector<float> k_;       // [tile, kv_width]
  std::vector<float> v_;
  std::vector<float> mixed_;  // attention output [tile, q_width]
  std::vector<float> gate_;   // [tile, d_ff]
  std::vector<float> up_;
  std::vector<float> worker_scratch_;  // [threads, scores + lanes + head]
};

}  // namespace assay
