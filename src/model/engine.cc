#include "model/engine.h"

#include <algorithm>
#include <map>

#include "base/page_memory.h"
#include "model/block.h"
#include "model/segment.h"
#include "model/weights.h"
#include "tensor/matmul.h"

namespace assay {
namespace {

constexpr size_t kTileTokens = 64;

// Matrices that are wholly in memory, as stored.
class ResidentMatrices : public MatrixSource {
 public:
  ResidentMatrices(ComputeContext& compute, const Model& model)
      : compute_(compute), scratch_(compute.pool->threads() * matmul_scratch_floats_max(model)) {}

  // Reads all of them into one block of memory: small ones share its huge pages.
  Status load(const Model& model) {
    size_t bytes = 0;
    for (const BoundTensor& tensor : model.tensors) {
      if (!is_resident(tensor)) bytes += padded(tensor.info.bytes);
    }
    memory_ = PageMemory(bytes);
    size_t at = 0;
    for (const BoundTensor& tensor : model.tensors) {
      if (is_resident(tensor)) continue;
      const std::span<uint8_t> matrix = memory_.bytes().subspan(at, tensor.info.bytes);
      ASSAY_RETURN_IF_ERROR(read_tensor(model, tensor, matrix));
      ASSAY_RETURN_IF_ERROR(check_finite(model, tensor, 0, matrix, compute_));
      matrices_[&tensor] = matrix.data();
      at += padded(tensor.info.bytes);
    }
    return ok_status();
  }
  // A matrix of this many bytes takes in the block: whole cache lines.
  static size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }
  const uint8_t* get(const BoundTensor& tensor) const { return matrices_.at(&tensor); }

  Status multiply(const BoundTensor& w, const float* x, size_t tokens, float* y) override {
    const size_t k = w.info.columns();
    const size_t rows = w.info.rows();
    matmul(*compute_.kernels, *compute_.pool,
           {.x = x,
            .tokens = tokens,
            .x_stride = k,
            .w = get(w),
            .type = w.info.type,
            .scales = w.info.scales_from(0),
            .rows = rows,
            .k = k,
            .y = y,
            .y_stride = rows},
           scratch_.data());
    return ok_status();
  }

 private:
  ComputeContext& compute_;
  PageMemory memory_;
  std::map<const BoundTensor*, const uint8_t*> matrices_;
  std::vector<float> scratch_;
};

}  // namespace

struct Engine::State {
  State(const Model& m, ComputeContext& c, size_t positions_max_in, size_t tile)
      : model(m),
        compute(c),
        positions_max(positions_max_in),
        tile_max(tile),
        matrices(c, m),
        block(m.arch, c, tile, positions_max_in),
        states(tile * m.arch.state_width()),
        last(m.arch.d_model),
        logits(m.arch.vocab) {
    // An encoder sees its tokens at once and needs no cache.
    if (m.arch.encoder_layers > 0) return;
    const size_t kv = positions_max * m.arch.kv_heads * m.arch.head_dim;
    keys.assign(m.arch.layers, std::vector<float>(kv));
    values.assign(m.arch.layers, std::vector<float>(kv));
  }

  const Model& model;
  ComputeContext& compute;
  size_t positions_max;
  size_t tile_max;
  size_t position = 0;
  ResidentMatrices matrices;
  ResidentWeights weights;
  Block block;
  std::vector<std::vector<float>> keys;  // per layer [positions_max, kv_heads * head_dim]
  std::vector<std::vector<float>> values;
  std::vector<float> states;
  std::vector<float> last;
  std::vector<float> logits;

  void embed(std::span<const TokenId> tokens);
  Status segments(std::span<const TokenId> tokens, std::vector<SiteNorm>* site_norms);
  Result<std::span<const float>> head(size_t tokens, std::vector<SiteNorm>* site_norms);
};

namespace {

// Tokens computed at a time: an encoder sees all of its tokens at once.
size_t tile_tokens(const Model& model, size_t positions_max) {
  return model.arch.encoder_layers > 0 ? positions_max : kTileTokens;
}

double l2_norm(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * static_cast<double>(v);
  return __builtin_sqrt(sum);
}

}  // namespace

Engine::Engine() = default;
Engine::~Engine() = default;

uint64_t Engine::memory_bytes(const Model& model, size_t threads, size_t positions_max) {
  const Architecture& a = model.arch;
  const uint64_t tile = tile_tokens(model, positions_max);
  uint64_t floats = Block::floats(a, threads, tile, positions_max) + tile * a.state_width() +
                    a.d_model + a.vocab + threads * matmul_scratch_floats_max(model);
  if (a.encoder_layers == 0) {
    floats += uint64_t{2} * a.layers * positions_max * a.kv_heads * a.head_dim;
  }
  uint64_t bytes = 4 * floats;
  for (const BoundTensor& tensor : model.tensors) {
    bytes += is_resident(tensor) ? 4 * tensor.info.elements()
                                 : ResidentMatrices::padded(tensor.info.bytes);
  }
  return bytes;
}

Result<std::unique_ptr<Engine>> Engine::load(const Model& model, ComputeContext& compute,
                                             size_t positions_max, uint64_t memory_bytes) {
  ASSAY_RETURN_IF_ERROR(check_length(model, positions_max));
  const size_t tile = tile_tokens(model, positions_max);
  const uint64_t need = Engine::memory_bytes(model, compute.pool->threads(), positions_max);
  if (memory_bytes != 0 && need > memory_bytes) {
    return resource_exhausted(model.checkpoint.path + " and a cache of " +
                              std::to_string(positions_max) + " positions take " +
                              format_size(need) + " of memory, above the bound of " +
                              format_size(memory_bytes));
  }
  std::unique_ptr<Engine> engine(new Engine());
  engine->state_ = std::make_unique<State>(model, compute, positions_max, tile);
  State& s = *engine->state_;
  ASSAY_ASSIGN_OR_RETURN(s.weights, ResidentWeights::load(model, compute));
  ASSAY_RETURN_IF_ERROR(s.matrices.load(model));
  return engine;
}

size_t Engine::positions() const { return state_->position; }
void Engine::reset() { state_->position = 0; }

void Engine::State::embed(std::span<const TokenId> tokens) {
  const BoundTensor& embedding = model.tensor(TensorRole::kTokenEmbedding);
  const size_t bytes = row_bytes(embedding.info.type, model.arch.d_model);
  std::vector<size_t> positions(tokens.size());
  for (size_t t = 0; t < tokens.size(); ++t) {
    positions[t] = position + t;
    const auto row = static_cast<size_t>(tokens[t]);
    decode_row(*compute.kernels, embedding.info, row, matrices.get(embedding) + row * bytes,
               std::span(states).subspan(t * model.arch.state_width(), model.arch.d_model));
  }
  finish_embedding(model, weights, compute, positions, states.data());
}

Status Engine::State::segments(std::span<const TokenId> tokens, std::vector<SiteNorm>* site_norms) {
  const size_t count = tokens.size();
  const float* const last_state = &states[(count - 1) * model.arch.state_width()];
  embed(tokens);
  // The final norm is the head's: it is needed for the last token alone.
  for (size_t segment = 0; segment + 1 < segment_count(model); ++segment) {
    const Segment step = segment_at(model, segment);
    if (step.kind == SegmentKind::kEncoderEnd) {
      end_encoder(model, weights, block, states.data(), count);
      embed(decoder_tokens(model, tokens));
    } else {
      SequenceSpan sequence{
          .begin = 0, .count = count, .position = position, .length = positions_max};
      if (!keys.empty()) {
        sequence.keys = keys[step.layer].data();
        sequence.values = values[step.layer].data();
      }
      ASSAY_RETURN_IF_ERROR(run_segment(model, weights, block, matrices, segment, {&sequence, 1},
                                        states.data(), count));
    }
    if (site_norms != nullptr) {
      const bool carry = step.kind == SegmentKind::kEncoderEnd;
      const std::span<const float> x(last_state + (carry ? model.arch.d_model : 0),
                                     model.arch.d_model);
      site_norms->push_back({segment_site(model, segment), l2_norm(x)});
    }
  }
  position += count;
  return ok_status();
}

Result<std::span<const float>> Engine::State::head(size_t tokens,
                                                   std::vector<SiteNorm>* site_norms) {
  float* const state = &states[(tokens - 1) * model.arch.state_width()];
  ASSAY_RETURN_IF_ERROR(
      run_segment(model, weights, block, matrices, segment_count(model) - 1, {}, state, 1));
  pack_head_input(model, compute, state, 1, last.data());
  if (site_norms != nullptr) {
    site_norms->push_back({"final", l2_norm(std::span(state, model.arch.d_model))});
  }
  ASSAY_RETURN_IF_ERROR(matrices.multiply(head_tensor(model), last.data(), 1, logits.data()));
  finish_logits(model, weights, compute, 1, logits.data());
  if (site_norms != nullptr) site_norms->push_back({"logits", l2_norm(logits)});
  return std::span<const float>(logits);
}

Result<std::span<const float>> Engine::forward(std::span<const TokenId> tokens, size_t chunk,
                                               std::vector<SiteNorm>* site_norms) {
  State& s = *state_;
  if (tokens.empty())
    return invalid_argument("no token was given; a forward pass needs at least one");
  if (s.position + tokens.size() > s.positions_max) {
    return resource_exhausted("position " + std::to_string(s.position + tokens.size()) +
                              " is beyond the cache of " + std::to_string(s.positions_max) +
                              " positions");
  }
  for (const TokenId id : tokens) {
    if (id < 0 || static_cast<uint32_t>(id) >= s.model.arch.vocab) {
      return invalid_argument("token id " + std::to_string(id) + " is outside the vocabulary [0, " +
                              std::to_string(s.model.arch.vocab) + ") of " +
                              s.model.checkpoint.path);
    }
  }
  ASSAY_CHECK(chunk > 0);
  chunk = std::min(chunk, s.tile_max);
  if (s.model.arch.encoder_layers > 0) {
    if (s.position != 0) {
      return invalid_argument(s.model.checkpoint.path +
                              ": an encoder sees its tokens at once; it cannot be given more");
    }
    chunk = tokens.size();
  }
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    const size_t count = std::min(chunk, tokens.size() - at);
    const bool is_last = at + count == tokens.size();
    ASSAY_RETURN_IF_ERROR(s.segments(tokens.subspan(at, count), is_last ? site_norms : nullptr));
    if (is_last) return s.head(count, site_norms);
  }
  return internal_error("no chunk was computed");
}

}  // namespace assay
