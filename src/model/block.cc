#include "model/block.h"

#include <algorithm>

#include "base/check.h"
#include "base/detmath.h"

namespace assay {
namespace {

// Floats of scratch a worker needs: scores of every position and what is added to them, the 16
// lanes of attend, one head.
size_t worker_floats(const Architecture& arch, size_t positions_max) {
  const size_t rows = arch.positions == PositionKind::kRelative ? 2 : 1;
  return rows * positions_max + 17 * size_t{arch.head_dim};
}

size_t rotary_tables(const Architecture& arch) {
  if (arch.rotary_dims == 0) return 0;
  size_t tables = 1;
  if (arch.local_rope) ++tables;
  if (!arch.rope.long_divisors.empty()) ++tables;
  return tables;
}

// Which row of the table of distances a key at `distance` behind (> 0: before) the query has. Near
// distances have one each, far ones share them by logarithm. Source: T5, Raffel et al. 2020, and
// the layout of its published code.
size_t relative_bucket(const Architecture& arch, bool both_ways, int64_t distance) {
  size_t buckets = arch.relative_buckets;
  size_t first = 0;
  if (both_ways) {
    buckets /= 2;
    if (distance > 0) first = buckets;
    distance = distance < 0 ? -distance : distance;
  } else {
    distance = distance < 0 ? -distance : 0;
  }
  const size_t exact = buckets / 2;
  const auto far = static_cast<size_t>(distance);
  if (far < exact) return first + far;
  const double ratio = static_cast<double>(arch.relative_distance) / static_cast<double>(exact);
  const double share =
      det_log(static_cast<double>(far) / static_cast<double>(exact)) / det_log(ratio);
  // A distance on the border of two buckets belongs to the farther one, whatever the last bit of
  // the logarithms says.
  const auto step = static_cast<size_t>(share * static_cast<double>(buckets - exact) + 1e-9);
  return first + std::min(buckets - 1, exact + step);
}

}  // namespace

// Heads of q or k, to be brought into canonical order, normed and rotated.
struct Block::Heads {
  const Linear& linear;
  const Norm& norm;
  size_t count;
  float* rows;  // [tile, count * head_dim]
  bool local;   // rotated by the angles of layers with a window
};

// What a query sees.
struct Block::Mask {
  const LayerTensors& layer;
  bool causal;
  size_t window;  // 0: no limit
  bool relative;  // add the table of distances
};

uint64_t Block::floats(const Architecture& arch, size_t threads, size_t tile_tokens,
                       size_t positions_max) {
  const uint64_t q_width = uint64_t{arch.heads} * arch.head_dim;
  const uint64_t kv_width = uint64_t{arch.kv_heads} * arch.head_dim;
  const uint64_t per_token = arch.d_model + 2 * q_width + 2 * kv_width + 2 * uint64_t{arch.d_ff};
  return tile_tokens * per_token + positions_max * arch.rotary_dims * rotary_tables(arch) +
         threads * worker_floats(arch, positions_max);
}

Block::Block(const Architecture& arch, ComputeContext& compute, ComputeContext& loading,
             size_t tile_tokens, size_t positions_max)
    : arch_(arch),
      compute_(compute),
      tile_tokens_(tile_tokens),
      positions_max_(positions_max),
      q_width_(size_t{arch.heads} * arch.head_dim),
      kv_width_(size_t{arch.kv_heads} * arch.head_dim),
      normed_(tile_tokens * arch.d_model),
      q_(tile_tokens * q_width_),
      k_(tile_tokens * kv_width_),
      v_(tile_tokens * kv_width_),
      mixed_(tile_tokens * q_width_),
      gate_(tile_tokens * arch.d_ff),
      up_(tile_tokens * arch.d_ff),
      worker_scratch_(compute.scratch_threads() * worker_floats(arch, positions_max)) {
  if (arch.rotary_dims == 0) return;
  ThreadPool& pool = *loading.pool;
  rope_ = make_table(arch.rope, arch.rope.divisors, pool);
  if (!arch.rope.long_divisors.empty()) {
    rope_long_ = make_table(arch.rope, arch.rope.long_divisors, pool);
  }
  if (arch.local_rope) rope_local_ = make_table(arch.rope_local, arch.rope_local.divisors, pool);
}

Block::RotaryTable Block::make_table(const Rotary& rotary, const std::vector<double>& divisors,
                                     ThreadPool& pool) const {
  const size_t half = arch_.rotary_dims / 2;
  RotaryTable table{std::vector<float>(positions_max_ * half),
                    std::vector<float>(positions_max_ * half)};
  pool.parallel_for(positions_max_, 64, [&](size_t begin, size_t end, size_t) {
    for (size_t position = begin; position < end; ++position) {
      rope_table({.base = rotary.base,
                  .divisors = divisors.empty() ? nullptr : divisors.data(),
                  .rotary_dims = arch_.rotary_dims,
                  .magnitude = rotary.magnitude},
                 position, &table.cos[position * half], &table.sin[position * half]);
    }
  });
  return table;
}

void Block::norm(const Norm& norm, const float* x, size_t x_stride, size_t tokens, float* y,
                 size_t y_stride) {
  const size_t d = norm.weight.size();
  const float* const w = norm.weight.data();
  const float* const b = norm.bias.empty() ? nullptr : norm.bias.data();
  compute_.pool->parallel_for(tokens, 8, [&](size_t begin, size_t end, size_t) {
    for (size_t t = begin; t < end; ++t) {
      const float* const in = x + t * x_stride;
      float* const out = y + t * y_stride;
      if (arch_.norm == NormKind::kRms) {
        compute_.kernels->rms_norm(in, w, d, arch_.norm_eps, out);
      } else {
        compute_.kernels->layer_norm(in, w, b, d, arch_.norm_eps, out);
      }
    }
  });
}

Status Block::linear(const Linear& linear, MatrixSource& source, const float* x, size_t tokens,
                     float* y) {
  ASSAY_RETURN_IF_ERROR(source.multiply(*linear.tensor, x, tokens, y));
  if (linear.bias.empty()) return ok_status();
  const size_t width = linear.bias.size();
  compute_.pool->parallel_for(tokens, 8, [&](size_t begin, size_t end, size_t) {
    for (size_t t = begin; t < end; ++t) {
      compute_.kernels->add(y + t * width, linear.bias.data(), width);
    }
  });
  return ok_status();
}

void Block::prepare_heads(const Heads& heads, std::span<const SequenceSpan> sequences) {
  const size_t dim = arch_.head_dim;
  const size_t half = arch_.rotary_dims / 2;
  const bool interleaved = heads.linear.tensor->row_order == RowOrder::kInterleaved;
  if (!interleaved && !heads.norm && half == 0) return;
  for (const SequenceSpan& sequence : sequences) {
    const bool is_long = !rope_long_.cos.empty() && sequence.length > arch_.rope.long_from;
    const RotaryTable& table = heads.local ? rope_local_ : (is_long ? rope_long_ : rope_);
    compute_.pool->parallel_for(sequence.count, 4, [&](size_t begin, size_t end, size_t worker) {
      float* head_copy = &worker_scratch_[worker * worker_floats(arch_, positions_max_)];
      for (size_t i = begin; i < end; ++i) {
        const size_t position = sequence.position + i;
        float* row = heads.rows + (sequence.begin + i) * heads.count * dim;
        for (size_t h = 0; h < heads.count; ++h) {
          float* head = row + h * dim;
          if (interleaved) {
            std::copy(head, head + 2 * half, head_copy);
            for (size_t j = 0; j < half; ++j) {
              head[j] = head_copy[2 * j];
              head[half + j] = head_copy[2 * j + 1];
            }
          }
          if (heads.norm) {
            compute_.kernels->rms_norm(head, heads.norm.weight.data(), dim, arch_.norm_eps, head);
          }
          if (half == 0) continue;
          compute_.kernels->rope(head, &table.cos[position * half], &table.sin[position * half],
                                 half);
        }
      }
    });
  }
}

void Block::relative_bias(const LayerTensors& layer, size_t head, size_t query, size_t positions,
                          float* bias) const {
  for (size_t p = 0; p < positions; ++p) {
    const int64_t distance = static_cast<int64_t>(p) - static_cast<int64_t>(query);
    const size_t bucket = relative_bucket(arch_, arch_.is_encoder(layer.layer), distance);
    bias[p] = layer.relative_bias[bucket * arch_.heads + head];
  }
}

// Copies the new keys and values of a sequence into its pages.
void Block::keep(const SequenceSpan& sequence, const LayerCache& cache) {
  constexpr size_t kPage = kAttendPagePositions;
  const size_t dim = arch_.head_dim;
  for (size_t i = 0; i < sequence.count; ++i) {
    const size_t position = sequence.position + i;
    const size_t from = (sequence.begin + i) * kv_width_;
    const size_t to = sequence.pages[position / kPage] * cache.page_stride + position % kPage * dim;
    for (size_t head = 0; head < arch_.kv_heads; ++head) {
      std::copy_n(&k_[from + head * dim], dim, cache.keys + to + head * kPage * dim);
      std::copy_n(&v_[from + head * dim], dim, cache.values + to + head * kPage * dim);
    }
  }
}

void Block::attend(const Mask& mask, const TileSequences& sequences) {
  // Tokens of a sequence that read the same keys follow one another, while these are in the cache.
  struct Item {
    const SequenceSpan* sequence;
    size_t kv_head;
    size_t index;
  };
  std::vector<Item> items;
  for (const SequenceSpan& sequence : sequences.spans) {
    for (size_t head = 0; head < arch_.kv_heads; ++head) {
      for (size_t i = 0; i < sequence.count; ++i) items.push_back({&sequence, head, i});
    }
  }
  const size_t threads = compute_.pool->threads();
  const size_t grain = std::clamp<size_t>(items.size() / (8 * threads), 1, 16);
  compute_.pool->parallel_for(items.size(), grain, [&](size_t begin, size_t end, size_t worker) {
    float* const scratch = &worker_scratch_[worker * worker_floats(arch_, positions_max_)];
    for (size_t i = begin; i < end; ++i) {
      const Item& item = items[i];
      attend_one(mask, *item.sequence, sequences.cache, item.index, item.kv_head, scratch);
    }
  });
}

// One token, all heads that share a head of keys.
void Block::attend_one(const Mask& mask, const SequenceSpan& s, const LayerCache& cache,
                       size_t index, size_t kv_head, float* scratch) {
  constexpr size_t kPage = kAttendPagePositions;
  const size_t dim = arch_.head_dim;
  const size_t group = arch_.heads / arch_.kv_heads;
  float* const lanes = scratch + positions_max_;
  float* const bias = lanes + 16 * dim;
  const size_t token = s.begin + index;
  const size_t query = s.position + index;
  const size_t positions = mask.causal ? query + 1 : s.position + s.count;
  const size_t first = mask.window != 0 && query + 1 > mask.window ? query + 1 - mask.window : 0;
  // Begins at a multiple of 16, which keeps the lanes of the positions.
  const size_t skipped = first / 16 * 16;
  Kernels::AttendArgs args = {.positions = positions - skipped,
                              .head_dim = dim,
                              .scale = arch_.attn_scale,
                              .soft_cap = arch_.attn_soft_cap,
                              .bias = mask.relative ? bias + skipped : nullptr,
                              .masked = first - skipped,
                              .scores = scratch,
                              .lanes = lanes};
  if (cache.keys != nullptr && s.pages != nullptr) {
    args.k = cache.keys + kv_head * kPage * dim;
    args.v = cache.values + kv_head * kPage * dim;
    args.k_stride = args.v_stride = dim;
    args.pages = s.pages + skipped / kPage;
    args.page_stride = cache.page_stride;
    args.page_first = skipped % kPage;
  } else {
    const size_t row = (s.begin + skipped) * kv_width_ + kv_head * dim;
    args.k = &k_[row];
    args.v = &v_[row];
    args.k_stride = args.v_stride = kv_width_;
  }
  for (size_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    if (mask.relative) relative_bias(mask.layer, head, query, positions, bias);
    args.q = &q_[token * q_width_ + head * dim];
    args.out = &mixed_[token * q_width_ + head * dim];
    compute_.kernels->attend(args);
  }
}

// Adds normed_, the output of a sub-block, to the residual.
void Block::add_output(const Norm& post_norm, const Norm& sum_norm, float* states, size_t tokens) {
  const size_t d = arch_.d_model;
  const size_t stride = arch_.state_width();
  if (post_norm) norm(post_norm, normed_.data(), d, tokens, normed_.data(), d);
  compute_.pool->parallel_for(tokens, 8, [&](size_t begin, size_t end, size_t) {
    for (size_t t = begin; t < end; ++t) {
      compute_.kernels->add(states + t * stride, &normed_[t * d], d);
    }
  });
  if (sum_norm) norm(sum_norm, states, stride, tokens, states, stride);
}

Status Block::attention(const LayerTensors& layer, MatrixSource& source,
                        const TileSequences& sequences, float* states, size_t tokens) {
  ASSAY_CHECK(tokens <= tile_tokens_);
  const size_t d = arch_.d_model;
  const size_t stride = arch_.state_width();
  if (layer.attn_norm) {
    norm(layer.attn_norm, states, stride, tokens, normed_.data(), d);
  } else {
    for (size_t t = 0; t < tokens; ++t) std::copy_n(states + t * stride, d, &normed_[t * d]);
  }
  if (arch_.parallel) {
    for (size_t t = 0; t < tokens; ++t)
      std::copy_n(states + t * stride, d, states + t * stride + d);
  }
  ASSAY_RETURN_IF_ERROR(linear(layer.q, source, normed_.data(), tokens, q_.data()));
  ASSAY_RETURN_IF_ERROR(linear(layer.k, source, normed_.data(), tokens, k_.data()));
  ASSAY_RETURN_IF_ERROR(linear(layer.v, source, normed_.data(), tokens, v_.data()));
  const bool local = arch_.local_rope && arch_.window(layer.layer) != 0;

  prepare_heads({layer.q, layer.q_norm, arch_.heads, q_.data(), local}, sequences.spans);
  prepare_heads({layer.k, layer.k_norm, arch_.kv_heads, k_.data(), local}, sequences.spans);
  for (const SequenceSpan& s : sequences.spans) {
    ASSAY_CHECK(s.position + s.count <= positions_max_);
    ASSAY_CHECK(s.position == 0 || s.pages != nullptr);
    if (s.pages != nullptr) keep(s, sequences.cache);
  }
  attend({.layer = layer,
          .causal = !arch_.is_encoder(layer.layer),
          .window = arch_.window(layer.layer),
          .relative = !layer.relative_bias.empty()},
         sequences);
  ASSAY_RETURN_IF_ERROR(linear(layer.attn_output, source, mixed_.data(), tokens, normed_.data()));
  add_output(layer.attn_post_norm, layer.attn_sum_norm, states, tokens);
  return ok_status();
}

Status Block::cross_attention(const LayerTensors& layer, MatrixSource& source,
                              std::span<const SequenceSpan> sequences, float* states,
                              size_t tokens) {
  ASSAY_CHECK(tokens <= tile_tokens_);
  const size_t d = arch_.d_model;
  const size_t stride = arch_.state_width();
  norm(layer.cross_norm, states, stride, tokens, normed_.data(), d);
  ASSAY_RETURN_IF_ERROR(linear(layer.cross_q, source, normed_.data(), tokens, q_.data()));
  for (size_t t = 0; t < tokens; ++t) {
    std::copy_n(states + t * stride + d, d, &normed_[t * d]);
  }
  ASSAY_RETURN_IF_ERROR(linear(layer.cross_k, source, normed_.data(), tokens, k_.data()));
  ASSAY_RETURN_IF_ERROR(linear(layer.cross_v, source, normed_.data(), tokens, v_.data()));
  attend({.layer = layer, .causal = false, .window = 0, .relative = false}, {.spans = sequences});
  ASSAY_RETURN_IF_ERROR(linear(layer.cross_output, source, mixed_.data(), tokens, normed_.data()));
  add_output({}, {}, states, tokens);
  return ok_status();
}

Status Block::feed_forward(const LayerTensors& layer, MatrixSource& source, float* states,
                           size_t tokens) {
  ASSAY_CHECK(tokens <= tile_tokens_);
  const size_t d = arch_.d_model;
  const size_t stride = arch_.state_width();
  const float* const x = states + (arch_.parallel ? d : 0);
  // Parallel sub-blocks may share the norm of the attention.
  const bool shared = arch_.parallel && !layer.ffn_norm;
  const Norm& before = shared ? layer.attn_norm : layer.ffn_norm;
  if (before) {
    norm(before, x, stride, tokens, normed_.data(), d);
  } else {
    for (size_t t = 0; t < tokens; ++t) std::copy_n(x + t * stride, d, &normed_[t * d]);
  }
  if (arch_.gated) {
    ASSAY_RETURN_IF_ERROR(linear(layer.gate, source, normed_.data(), tokens, gate_.data()));
    ASSAY_RETURN_IF_ERROR(linear(layer.up, source, normed_.data(), tokens, up_.data()));
  } else {
    ASSAY_RETURN_IF_ERROR(linear(layer.up, source, normed_.data(), tokens, gate_.data()));
  }
  const size_t d_ff = arch_.d_ff;
  compute_.pool->parallel_for(tokens, 4, [&](size_t begin, size_t end, size_t) {
    compute_.kernels->activate(arch_.activation, &gate_[begin * d_ff],
                               arch_.gated ? &up_[begin * d_ff] : nullptr, (end - begin) * d_ff);
  });
  ASSAY_RETURN_IF_ERROR(linear(layer.down, source, gate_.data(), tokens, normed_.data()));
  add_output(layer.ffn_post_norm, layer.ffn_sum_norm, states, tokens);
  return ok_status();
}

}  // namespace assay
