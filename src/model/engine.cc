#include "model/engine.h"

#include <algorithm>

#include "model/block.h"
#include "model/engine_weights.h"
#include "model/segment.h"
#include "model/weights.h"

namespace assay {
namespace {

using Work = Engine::Work;

// Streamed weights: more than this does not make reading faster.
constexpr uint64_t kStreamBufferBytes = uint64_t{64} << 20;

// Tokens computed at a time: an encoder sees all of its tokens at once.
size_t tile_tokens(const Model& model, const Engine::Options& options) {
  return model.arch.encoder_layers > 0 ? std::max(options.batch_tokens, options.positions_max)
                                       : options.batch_tokens;
}

size_t logits_tile_rows(const Model& model, const Engine::Options& options) {
  constexpr size_t kRowsMin = 4;
  const size_t fit = options.logits_bytes / (sizeof(float) * model.arch.vocab);
  return std::min(tile_tokens(model, options), std::max(fit, kRowsMin));
}

// An encoder needs no cache.
size_t pool_pages(const Model& model, const Engine::Options& options) {
  if (model.arch.encoder_layers > 0) return 0;
  return options.pages != 0 ? options.pages : KvPool::pages_for(options.positions_max);
}

// All but the weights.
uint64_t workspace_bytes(const Model& model, size_t threads, const Engine::Options& options) {
  const Architecture& a = model.arch;
  const uint64_t tile = tile_tokens(model, options);
  const uint64_t head_rows = logits_tile_rows(model, options);
  const uint64_t floats = Block::floats(a, threads, tile, options.positions_max) +
                          tile * a.state_width() + head_rows * (a.d_model + uint64_t{a.vocab}) +
                          threads * matmul_scratch_floats_max(model);
  uint64_t bytes = 4 * floats + KvPool::bytes(a, pool_pages(model, options));
  for (const BoundTensor& tensor : model.tensors) {
    if (is_resident(tensor)) bytes += 4 * tensor.info.elements();
  }
  return bytes;
}

// As large as the bound leaves room for, and as is of use.
size_t stream_buffer_bytes(const Model& model, uint64_t workspace, uint64_t bound) {
  const size_t least = stream_buffer_bytes_min(model);
  const size_t most = std::clamp<size_t>(stream_buffer_bytes_max(model), least,
                                         std::max<size_t>(least, kStreamBufferBytes));
  if (bound == 0) return most;
  const uint64_t fixed = workspace + streamed_weights_bytes(model, 0);
  const uint64_t buffers = PanelStream::kBuffers + (has_transposed(model) ? 1 : 0);
  return std::clamp<size_t>(bound > fixed ? (bound - fixed) / buffers : 0, least, most);
}

double l2_norm(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * static_cast<double>(v);
  return __builtin_sqrt(sum);
}

}  // namespace

struct Engine::State {
  State(const Model& m, ComputeContext& c, const Options& o, ComputeContext& loading)
      : model(m),
        compute(c),
        options(o),
        tile_max(tile_tokens(m, o)),
        head_rows(logits_tile_rows(m, o)),
        pool(m.arch, pool_pages(m, o)),
        block(m.arch, c, loading, tile_max, o.positions_max),
        states(tile_max * m.arch.state_width()),
        head_input(head_rows * m.arch.d_model),
        logits(head_rows * m.arch.vocab) {}

  const Model& model;
  ComputeContext& compute;
  const Options options;
  const size_t tile_max;
  const size_t head_rows;
  KvPool pool;
  ResidentWeights vectors;
  std::unique_ptr<EngineWeights> weights;
  Block block;
  std::vector<float> states;  // [tile, state_width]
  std::vector<float> head_input;
  std::vector<float> logits;

  // A step under way.
  struct Step {
    std::span<const Work> works;
    const std::function<void(const LogitsTile&)>& sink;
    const std::function<bool()>& stop;
    std::vector<SiteNorm>* site_norms = nullptr;  // of the last token
    std::vector<SequenceSpan> spans;
    std::vector<LogitsRow> rows;    // wanted
    std::vector<size_t> row_token;  // of each, its place in the tile
    size_t tokens = 0;
  };

  bool is_encoder() const { return model.arch.encoder_layers > 0; }
  Status check(const Sequence& sequence, std::span<const TokenId> tokens) const;
  Status check(std::span<const Work> works) const;
  Status take_pages(std::span<const Work> works);
  void give_back_pages(std::span<const Work> works);
  Status run(std::span<const Work> works, const std::function<void(const LogitsTile&)>& sink,
             const std::function<bool()>& stop, std::vector<SiteNorm>* site_norms);
  Status compute_step(Step& step);
  Status embed(const Step& step, bool decoder);
  Status segments(const Step& step);
  Status head(const Step& step);
};

Engine::Engine() = default;
Engine::~Engine() = default;

uint64_t Engine::memory_bytes(const Model& model, size_t threads, const Options& options) {
  const uint64_t workspace = workspace_bytes(model, threads, options);
  if (!options.streams) return workspace + resident_weights_bytes(model);
  return workspace +
         streamed_weights_bytes(model, stream_buffer_bytes(model, workspace, options.memory_bytes));
}

Result<std::unique_ptr<Engine>> Engine::load(const Model& model, ComputeContext& compute,
                                             const Options& options, ComputeContext* loading) {
  ASSAY_RETURN_IF_ERROR(check_length(model, options.positions_max));
  if (options.batch_tokens == 0) return invalid_argument("a step of 0 tokens computes nothing");
  const size_t pages = pool_pages(model, options);
  if (pages > UINT32_MAX) {
    return invalid_argument(std::to_string(pages) + " pages are more than " +
                            std::to_string(UINT32_MAX));
  }
  const size_t threads = compute.scratch_threads();
  const uint64_t need = memory_bytes(model, threads, options);
  if (options.memory_bytes != 0 && need > options.memory_bytes) {
    return resource_exhausted(
        model.checkpoint.path + " and a cache of " +
        std::to_string(pages == 0 ? options.positions_max : pages * KvPool::kPagePositions) +
        " positions take " + format_size(need) + " of memory, above the bound of " +
        format_size(options.memory_bytes));
  }
  std::unique_ptr<Engine> engine(new Engine());
  if (loading == nullptr) loading = &compute;
  engine->state_ = std::make_unique<State>(model, compute, options, *loading);
  State& s = *engine->state_;
  ASSAY_ASSIGN_OR_RETURN(s.vectors, ResidentWeights::load(model, *loading));
  if (options.streams) {
    const uint64_t workspace = workspace_bytes(model, threads, options);
    ASSAY_ASSIGN_OR_RETURN(
        s.weights,
        load_streamed_weights(model, compute, *loading,
                              stream_buffer_bytes(model, workspace, options.memory_bytes)));
  } else {
    ASSAY_ASSIGN_OR_RETURN(s.weights, load_resident_weights(model, compute, *loading));
  }
  return engine;
}

size_t Engine::batch_tokens() const { return state_->tile_max; }
size_t Engine::positions_max() const { return state_->options.positions_max; }
KvPool& Engine::pool() { return state_->pool; }

Sequence Engine::begin() { return begin({}); }

Sequence Engine::begin(std::span<const uint32_t> pages) {
  Sequence sequence;
  sequence.pool_ = &state_->pool;
  for (const uint32_t page : pages) {
    state_->pool.share(page);
    sequence.pages_.push_back(page);
  }
  sequence.positions_ = pages.size() * KvPool::kPagePositions;
  return sequence;
}

size_t Engine::pages_needed(const Sequence& sequence, size_t tokens) const {
  if (state_->is_encoder()) return 0;
  return KvPool::pages_for(sequence.positions_ + tokens) - sequence.pages_.size();
}

Status Engine::State::check(const Sequence& sequence, std::span<const TokenId> tokens) const {
  ASSAY_CHECK(sequence.pool_ == &pool);
  if (tokens.empty()) {
    return invalid_argument("no token was given; a forward pass needs at least one");
  }
  if (sequence.positions_ + tokens.size() > options.positions_max) {
    return resource_exhausted("position " + std::to_string(sequence.positions_ + tokens.size()) +
                              " is beyond the cache of " + std::to_string(options.positions_max) +
                              " positions");
  }
  for (const TokenId id : tokens) {
    if (id < 0 || static_cast<uint32_t>(id) >= model.arch.vocab) {
      return invalid_argument("token id " + std::to_string(id) + " is outside the vocabulary [0, " +
                              std::to_string(model.arch.vocab) + ") of " + model.checkpoint.path);
    }
  }
  if (is_encoder() && sequence.positions_ != 0) {
    return invalid_argument(model.checkpoint.path +
                            ": an encoder sees its tokens at once; it cannot be given more");
  }
  return ok_status();
}

Status Engine::State::check(std::span<const Work> works) const {
  if (works.empty()) return invalid_argument("a step needs at least one sequence");
  size_t tokens = 0;
  std::vector<const Sequence*> sequences;
  for (const Work& work : works) {
    ASSAY_RETURN_IF_ERROR(check(*work.sequence, work.tokens));
    tokens += work.tokens.size();
    sequences.push_back(work.sequence);
  }
  std::sort(sequences.begin(), sequences.end());
  ASSAY_CHECK(std::adjacent_find(sequences.begin(), sequences.end()) == sequences.end());
  if (tokens > tile_max) {
    return invalid_argument(std::to_string(tokens) + " tokens are more than the " +
                            std::to_string(tile_max) + " of a step");
  }
  return ok_status();
}

Status Engine::State::take_pages(std::span<const Work> works) {
  if (is_encoder()) return ok_status();
  size_t needed = 0;
  for (const Work& work : works) {
    needed += KvPool::pages_for(work.sequence->positions_ + work.tokens.size()) -
              work.sequence->pages_.size();
  }
  if (needed > pool.pages_free()) {
    return resource_exhausted("the step needs " + std::to_string(needed) +
                              " pages of keys and values; " + std::to_string(pool.pages_free()) +
                              " of " + std::to_string(pool.pages()) + " are free");
  }
  for (const Work& work : works) {
    Sequence& sequence = *work.sequence;
    const size_t pages = KvPool::pages_for(sequence.positions_ + work.tokens.size());
    // Only whole pages are shared, so that who writes to one is alone with it.
    if (sequence.positions_ % KvPool::kPagePositions != 0) {
      ASSAY_CHECK(pool.holders(sequence.pages_.back()) == 1);
    }
    while (sequence.pages_.size() < pages) sequence.pages_.push_back(*pool.take());
  }
  return ok_status();
}

void Engine::State::give_back_pages(std::span<const Work> works) {
  if (is_encoder()) return;
  for (const Work& work : works) {
    std::vector<uint32_t>& pages = work.sequence->pages_;
    while (pages.size() > KvPool::pages_for(work.sequence->positions_)) {
      pool.release(pages.back());
      pages.pop_back();
    }
  }
}

Status Engine::State::embed(const Step& step, bool decoder) {
  const BoundTensor& embedding = model.tensor(TensorRole::kTokenEmbedding);
  const size_t stride = model.arch.state_width();
  std::vector<size_t> positions;
  for (const Work& work : step.works) {
    const std::vector<TokenId> ids =
        decoder ? decoder_tokens(model, work.tokens)
                : std::vector<TokenId>(work.tokens.begin(), work.tokens.end());
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto row = static_cast<uint64_t>(ids[i]);
      ASSAY_ASSIGN_OR_RETURN(const uint8_t* stored, weights->embedding_row(row));
      decode_row(*compute.kernels, embedding.info, row, stored,
                 std::span(states).subspan(positions.size() * stride, model.arch.d_model));
      positions.push_back(work.sequence->positions_ + i);
    }
  }
  finish_embedding(model, vectors, compute, positions, states.data());
  return ok_status();
}

Status Engine::State::segments(const Step& step) {
  const size_t d = model.arch.d_model;
  const float* const last_state = &states[(step.tokens - 1) * model.arch.state_width()];
  ASSAY_RETURN_IF_ERROR(embed(step, false));
  // The final norm is the head's: it is needed for tokens whose logits are wanted.
  for (size_t segment = 0; segment + 1 < segment_count(model); ++segment) {
    if (step.stop && step.stop()) return {Code::kCancelled, "the step was stopped"};
    weights->begin_pass(segment);
    const Segment part = segment_at(model, segment);
    if (part.kind == SegmentKind::kEncoderEnd) {
      end_encoder(model, vectors, block, states.data(), step.tokens);
      ASSAY_RETURN_IF_ERROR(embed(step, true));
    } else {
      TileSequences sequences = {.spans = step.spans};
      if (!is_encoder()) {
        sequences.cache = {pool.keys(part.layer), pool.values(part.layer), pool.page_stride()};
      }
      ASSAY_RETURN_IF_ERROR(run_segment(model, vectors, block, *weights, segment, sequences,
                                        states.data(), step.tokens));
    }
    if (step.site_norms != nullptr) {
      const std::span<const float> x(last_state + (part.kind == SegmentKind::kEncoderEnd ? d : 0),
                                     d);
      step.site_norms->push_back({segment_site(model, segment), l2_norm(x)});
    }
  }
  return ok_status();
}

Status Engine::State::head(const Step& step) {
  const size_t stride = model.arch.state_width();
  const size_t count = step.rows.size();
  if (count == 0) return ok_status();
  // Wanted rows move to the front, over rows before them.
  for (size_t i = 0; i < count; ++i) {
    if (step.row_token[i] != i) {
      std::copy_n(&states[step.row_token[i] * stride], stride, &states[i * stride]);
    }
  }
  const size_t last = segment_count(model) - 1;
  weights->begin_pass(last);
  ASSAY_RETURN_IF_ERROR(
      run_segment(model, vectors, block, *weights, last, {}, states.data(), count));
  for (size_t at = 0; at < count; at += head_rows) {
    if (step.stop && step.stop()) return {Code::kCancelled, "the step was stopped"};
    const size_t rows = std::min(head_rows, count - at);
    weights->begin_pass(last + 1 + at / head_rows);
    pack_head_input(model, compute, &states[at * stride], rows, head_input.data());
    ASSAY_RETURN_IF_ERROR(
        weights->multiply(head_tensor(model), head_input.data(), rows, logits.data()));
    finish_logits(model, vectors, compute, rows, logits.data());
    if (step.sink) step.sink({std::span(step.rows).subspan(at, rows), logits.data()});
  }
  if (step.site_norms != nullptr) {
    const size_t row = (count - 1) % head_rows * model.arch.vocab;
    step.site_norms->push_back(
        {"final", l2_norm(std::span(states).subspan((count - 1) * stride, model.arch.d_model))});
    step.site_norms->push_back(
        {"logits", l2_norm(std::span(logits).subspan(row, model.arch.vocab))});
  }
  return ok_status();
}

Status Engine::State::compute_step(Step& step) {
  for (size_t w = 0; w < step.works.size(); ++w) {
    const Work& work = step.works[w];
    const size_t count = work.tokens.size();
    step.spans.push_back({.begin = step.tokens,
                          .count = count,
                          .position = work.sequence->positions_,
                          .length = options.positions_max,
                          .pages = is_encoder() ? nullptr : work.sequence->pages_.data()});
    for (size_t token = work.logits_from; token < count; ++token) {
      step.rows.push_back({w, token});
      step.row_token.push_back(step.tokens + token);
    }
    step.tokens += count;
  }
  weights->begin_step((step.rows.size() + head_rows - 1) / head_rows);
  ASSAY_RETURN_IF_ERROR(segments(step));
  return head(step);
}

Status Engine::State::run(std::span<const Work> works,
                          const std::function<void(const LogitsTile&)>& sink,
                          const std::function<bool()>& stop, std::vector<SiteNorm>* site_norms) {
  ASSAY_RETURN_IF_ERROR(check(works));
  ASSAY_RETURN_IF_ERROR(take_pages(works));
  Step step = {.works = works, .sink = sink, .stop = stop, .site_norms = site_norms};
  const Status status = compute_step(step);
  if (!status.ok()) {
    weights->abandon();
    give_back_pages(works);
    return status;
  }
  for (const Work& work : works) work.sequence->positions_ += work.tokens.size();
  return ok_status();
}

Status Engine::step(std::span<const Work> works, const std::function<void(const LogitsTile&)>& sink,
                    const std::function<bool()>& stop) {
  return state_->run(works, sink, stop, nullptr);
}

Result<std::span<const float>> Engine::forward(Sequence& sequence, std::span<const TokenId> tokens,
                                               std::vector<SiteNorm>* site_norms) {
  State& s = *state_;
  ASSAY_RETURN_IF_ERROR(s.check(sequence, tokens));
  const size_t whole = s.is_encoder() ? tokens.size() : s.tile_max;
  while (true) {
    const size_t count = std::min(whole, tokens.size());
    const bool is_last = count == tokens.size();
    const Work work = {&sequence, tokens.first(count), is_last ? count - 1 : count};
    ASSAY_RETURN_IF_ERROR(s.run({&work, 1}, {}, {}, is_last ? site_norms : nullptr));
    if (is_last) return std::span<const float>(s.logits).first(s.model.arch.vocab);
    tokens = tokens.subspan(count);
  }
}

std::optional<Engine::WeightDigest> Engine::weight_digest(const BoundTensor& tensor) const {
  State& s = *state_;
  if (is_resident(tensor)) {
    const std::span<const float> values = s.vectors.get(tensor.role, tensor.layer);
    return WeightDigest{tensor.name, true, values_digest(s.model, tensor, values, s.compute)};
  }
  const ByteSpan rows = s.weights->rows_in_memory(tensor);
  if (rows.empty()) return std::nullopt;
  return WeightDigest{tensor.name, false, raw_digest(tensor, rows, s.compute)};
}

void Engine::flip_weight_bit_for_test(std::string_view tensor, size_t bit) {
  State& s = *state_;
  for (const BoundTensor& bound : s.model.tensors) {
    if (bound.name != tensor) continue;
    const std::span<uint8_t> bytes = is_resident(bound)
                                         ? s.vectors.bytes_for_test(bound.role, bound.layer)
                                         : s.weights->rows_in_memory(bound);
    ASSAY_CHECK(bit / 8 < bytes.size());
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1U << bit % 8));
    return;
  }
  ASSAY_CHECK(false && "no such tensor");
}

}  // namespace assay
