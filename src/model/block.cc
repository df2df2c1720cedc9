#include "model/block.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace assay {
namespace {

// Floats of scratch a worker needs: scores of every position, the 16 lanes of attend, one head.
size_t worker_floats(const Architecture& arch, size_t positions_max) {
  return positions_max + 17 * size_t{arch.head_dim};
}

}  // namespace

uint64_t Block::floats(const Architecture& arch, size_t threads, size_t tile_tokens,
                       size_t positions_max) {
  const uint64_t q_width = uint64_t{arch.heads} * arch.head_dim;
  const uint64_t kv_width = uint64_t{arch.kv_heads} * arch.head_dim;
  const uint64_t per_token = arch.d_model + 2 * q_width + 2 * kv_width + 2 * uint64_t{arch.d_ff};
  return tile_tokens * per_token + positions_max * arch.rotary_dims +
         threads * worker_floats(arch, positions_max);
}

Block::Block(const Architecture& arch, ComputeContext& compute, size_t tile_tokens,
             size_t positions_max)
    : arch_(arch),
      compute_(compute),
      tile_tokens_(tile_tokens),
      positions_max_(positions_max),
      q_width_(size_t{arch.heads} * arch.head_dim),
      kv_width_(size_t{arch.kv_heads} * arch.head_dim),
      rope_cos_(positions_max * arch.rotary_dims / 2),
      rope_sin_(positions_max * arch.rotary_dims / 2),
      normed_(tile_tokens * arch.d_model),
      q_(tile_tokens * q_width_),
      k_(tile_tokens * kv_width_),
      v_(tile_tokens * kv_width_),
      mixed_(tile_tokens * q_width_),
      gate_(tile_tokens * arch.d_ff),
      up_(tile_tokens * arch.d_ff),
      worker_scratch_(compute.pool->threads() * worker_floats(arch, positions_max)) {
  const size_t half = arch.rotary_dims / 2;
  for (size_t position = 0; position < positions_max; ++position) {
    rope_table(arch.rope_base, arch.rotary_dims, position, &rope_cos_[position * half],
               &rope_sin_[position * half]);
  }
}

void Block::norm(std::span<const float> w, const float* x, size_t tokens, float* y) {
  const size_t d = arch_.d_model;
  compute_.pool->parallel_for(tokens, 8, [&](size_t begin, size_t end, size_t) {
    for (size_t t = begin; t < end; ++t) {
      compute_.kernels->rms_norm(x + t * d, w.data(), d, arch_.norm_eps, y + t * d);
    }
  });
}

// Brings the heads of q or k into canonical row order and rotates them by their positions.
void Block::rotate(const BoundTensor& tensor, size_t heads, std::span<const SequenceSpan> sequences,
                   float* rows) {
  const size_t dim = arch_.head_dim;
  const size_t half = arch_.rotary_dims / 2;
  const bool interleaved = tensor.row_order == RowOrder::kInterleaved;
  for (const SequenceSpan& sequence : sequences) {
    compute_.pool->parallel_for(sequence.count, 4, [&](size_t begin, size_t end, size_t worker) {
      float* head_copy = &worker_scratch_[worker * worker_floats(arch_, positions_max_)];
      for (size_t i = begin; i < end; ++i) {
        const size_t position = sequence.position + i;
        float* row = rows + (sequence.begin + i) * heads * dim;
        for (size_t h = 0; h < heads; ++h) {
          float* head = row + h * dim;
          if (interleaved) {
            std::copy(head, head + 2 * half, head_copy);
            for (size_t j = 0; j < half; ++j) {
              head[j] = head_copy[2 * j];
              head[half + j] = head_copy[2 * j + 1];
            }
          }
          compute_.kernels->rope(head, &rope_cos_[position * half], &rope_sin_[position * half],
                                 half);
        }
      }
    });
  }
}

void Block::attend(std::span<const SequenceSpan> sequences) {
  const size_t dim = arch_.head_dim;
  const size_t group = arch_.heads / arch_.kv_heads;
  // 1 / sqrt(head_dim), rounded once: sqrt and division are exact IEEE operations.
  const float scale = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(dim)));
  struct Row {
    const SequenceSpan* sequence;
    size_t index;
  };
  std::vector<Row> rows;
  for (const SequenceSpan& sequence : sequences) {
    for (size_t i = 0; i < sequence.count; ++i) rows.push_back({&sequence, i});
  }
  compute_.pool->parallel_for(
      rows.size() * arch_.heads, arch_.heads, [&](size_t begin, size_t end, size_t worker) {
        float* scratch = &worker_scratch_[worker * worker_floats(arch_, positions_max_)];
        for (size_t item = begin; item < end; ++item) {
          const Row row = rows[item / arch_.heads];
          const size_t head = item % arch_.heads;
          const SequenceSpan& s = *row.sequence;
          const size_t token = s.begin + row.index;
          const size_t kv_offset = (head / group) * dim;
          const float* keys = s.keys != nullptr ? s.keys : &k_[s.begin * kv_width_];
          const float* values = s.values != nullptr ? s.values : &v_[s.begin * kv_width_];
          compute_.kernels->attend({.q = &q_[token * q_width_ + head * dim],
                                    .k = keys + kv_offset,
                                    .k_stride = kv_width_,
                                    .v = values + kv_offset,
                                    .v_stride = kv_width_,
                                    .positions = s.position + row.index + 1,
                                    .head_dim = dim,
                                    .scale = scale,
                                    .scores = scratch,
                                    .lanes = scratch + positions_max_,
                                    .out = &mixed_[token * q_width_ + head * dim]});
        }
      });
}

Status Block::attention(const LayerTensors& layer, MatrixSource& source,
                        std::span<const SequenceSpan> sequences, float* x, size_t tokens) {
  ASSAY_CHECK(tokens <= tile_tokens_);
  norm(layer.attn_norm, x, tokens, normed_.data());
  ASSAY_RETURN_IF_ERROR(source.multiply(*layer.q, normed_.data(), tokens, q_.data()));
  ASSAY_RETURN_IF_ERROR(source.multiply(*layer.k, normed_.data(), tokens, k_.data()));
  ASSAY_RETURN_IF_ERROR(source.multiply(*layer.v, normed_.data(), tokens, v_.data()));
  rotate(*layer.q, arch_.heads, sequences, q_.data());
  rotate(*layer.k, arch_.kv_heads, sequences, k_.data());
  for (const SequenceSpan& s : sequences) {
    ASSAY_CHECK(s.position + s.count <= positions_max_);
    if (s.keys == nullptr) {
      ASSAY_CHECK(s.position == 0);
      continue;
    }
    const size_t bytes = s.count * kv_width_ * sizeof(float);
    std::memcpy(s.keys + s.position * kv_width_, &k_[s.begin * kv_width_], bytes);
    std::memcpy(s.values + s.position * kv_width_, &v_[s.begin * kv_width_], bytes);
  }
  attend(sequences);
  ASSAY_RETURN_IF_ERROR(source.multiply(*layer.attn_output, mixed_.data(), tokens, normed_.data()));
  compute_.kernels->add(x, normed_.data(), tokens * arch_.d_model);
  return ok_status();
}

Status Block::feed_forward(const LayerTensors& layer, MatrixSource& source, float* x,
                           size_t tokens) {
  ASSAY_CHECK(tokens <= tile_tokens_);
  norm(layer.ffn_norm, x, tokens, normed_.data());
  ASSAY_RETURN_IF_ERROR(source.multiply(*layer.gate, normed_.data(), tokens, gate_.data()));
  ASSAY_RETURN_IF_ERROR(source.multiply(*layer.up, normed_.data(), tokens, up_.data()));
  const size_t d_ff = arch_.d_ff;
  compute_.pool->parallel_for(tokens, 4, [&](size_t begin, size_t end, size_t) {
    compute_.kernels->activate(Activation::kSilu, &gate_[begin * d_ff], &up_[begin * d_ff],
                               (end - begin) * d_ff);
  });
  ASSAY_RETURN_IF_ERROR(source.multiply(*layer.down, gate_.data(), tokens, normed_.data()));
  compute_.kernels->add(x, normed_.data(), tokens * arch_.d_model);
  return ok_status();
}

}  // namespace assay
