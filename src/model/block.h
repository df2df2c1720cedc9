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

// Where a layer's keys and values of earlier positions lie, and where the new ones go: in pages
// (KvPool).
struct LayerCache {
  float* keys = nullptr;
  float* values = nullptr;
  size_t page_stride = 0;
};

// Consecutive tokens of one sequence inside a tile.
struct SequenceSpan {
  size_t begin = 0;  // first token in the tile
  size_t count = 0;
  size_t position = 0;  // of the first token in its sequence
  size_t length = 0;    // of the sequence, with all that may come
  // Its pages of the cache, which hold [0, position) and have room for the new positions; null: the
  // sequence starts in this tile and its keys are needed no longer than this.
  const uint32_t* pages = nullptr;
};

// The sequences of a tile. cache: of the layer, where they have pages.
struct TileSequences {
  std::span<const SequenceSpan> spans;
  LayerCache cache = {};
};

// y = W x + b. No tensor: the layer has no such step. No bias: none is added.
struct Linear {
  const BoundTensor* tensor = nullptr;
  std::span<const float> bias;
};

// Empty weight: the layer has no such norm.
struct Norm {
  std::span<const float> weight;
  std::span<const float> bias;
  explicit operator bool() const { return !weight.empty(); }
};

// The tensors of one layer. What a family does not have is empty.
struct LayerTensors {
  size_t layer = 0;
  Norm attn_norm;
  Linear q;
  Linear k;
  Linear v;
  Norm q_norm;  // of each head
  Norm k_norm;
  Linear attn_output;
  Norm attn_post_norm;                   // of the sub-block's output
  Norm attn_sum_norm;                    // of the residual behind the sub-block
  std::span<const float> relative_bias;  // [buckets, heads]
  Norm cross_norm;
  Linear cross_q;
  Linear cross_k;
  Linear cross_v;
  Linear cross_output;
  Norm ffn_norm;
  Linear gate;
  Linear up;
  Linear down;
  Norm ffn_post_norm;
  Norm ffn_sum_norm;
};

// The states of a tile are rows [x, carry] of arch.state_width() floats: the residual and, in some
// families, what a later step needs besides (architecture.h).
class Block {
 public:
  // Allocates everything it will ever need: floats() * 4 bytes. The tables of angles are computed
  // with `loading`, all else with `compute`.
  Block(const Architecture& arch, ComputeContext& compute, ComputeContext& loading,
        size_t tile_tokens, size_t positions_max);
  static uint64_t floats(const Architecture& arch, size_t threads, size_t tile_tokens,
                         size_t positions_max);

  // x += post_norm(attention(norm x)), then the norm of the sum, as far as the layer has them. In a
  // parallel family the carry receives x as it was. Shapes: states[tokens, state_width]. Pre:
  // tokens <= tile_tokens (CHECK).
  Status attention(const LayerTensors& layer, MatrixSource& source, const TileSequences& sequences,
                   float* states, size_t tokens);
  // x += attention of (norm x) to the carry, which holds the encoder's output. Pre: whole
  // sequences.
  Status cross_attention(const LayerTensors& layer, MatrixSource& source,
                         std::span<const SequenceSpan> sequences, float* states, size_t tokens);
  // x += post_norm(mlp(norm x)), or of the carry in a parallel family.
  Status feed_forward(const LayerTensors& layer, MatrixSource& source, float* states,
                      size_t tokens);
  // y[t] = norm(x[t]); x and y may be the same. Strides in floats.
  void norm(const Norm& norm, const float* x, size_t x_stride, size_t tokens, float* y,
            size_t y_stride);

 private:
  struct Heads;
  Status linear(const Linear& linear, MatrixSource& source, const float* x, size_t tokens,
                float* y);
  void prepare_heads(const Heads& heads, std::span<const SequenceSpan> sequences);
  struct Mask;
  void keep(const SequenceSpan& sequence, const LayerCache& cache);
  void attend(const Mask& mask, const TileSequences& sequences);
  void attend_one(const Mask& mask, const SequenceSpan& sequence, const LayerCache& cache,
                  size_t index, size_t kv_head, float* scratch);
  void relative_bias(const LayerTensors& layer, size_t head, size_t query, size_t positions,
                     float* bias) const;
  void add_output(const Norm& post_norm, const Norm& sum_norm, float* states, size_t tokens);

  const Architecture arch_;
  ComputeContext& compute_;
  size_t tile_tokens_;
  size_t positions_max_;
  size_t q_width_;
  size_t kv_width_;
  struct RotaryTable {
    std::vector<float> cos;  // [positions_max, rotary_dims / 2]
    std::vector<float> sin;
  };
  RotaryTable make_table(const Rotary& rotary, const std::vector<double>& divisors,
                         ThreadPool& pool) const;
  RotaryTable rope_;
  RotaryTable rope_long_;
  RotaryTable rope_local_;
  std::vector<float> normed_;  // [tile, d_model]; reused for the sub-block's output
  std::vector<float> q_;       // [tile, q_width]
  std::vector<float> k_;       // [tile, kv_width]
  std::vector<float> v_;
  std::vector<float> mixed_;  // attention output [tile, q_width]
  std::vector<float> gate_;   // [tile, d_ff]
  std::vector<float> up_;
  std::vector<float> worker_scratch_;  // [threads, scores + bias + lanes + head]
};

}  // namespace assay
