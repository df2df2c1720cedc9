#include "model/executor.h"

#include <algorithm>
#include <cstring>

namespace assay {

std::vector<SequenceTile> cut_tiles(std::span<const size_t> lengths, size_t tile_tokens) {
  std::vector<SequenceTile> tiles;
  size_t tokens = 0;
  for (size_t s = 0; s < lengths.size(); ++s) {
    if (tiles.empty() || tokens + lengths[s] > tile_tokens) {
      tiles.push_back({.first_sequence = s});
      tokens = 0;
    }
    ++tiles.back().sequences;
    tokens += lengths[s];
  }
  return tiles;
}

StreamingExecutor::StreamingExecutor(const Model& model, ComputeContext& compute,
                                     PanelStream& stream, const Options& options)
    : model_(model),
      compute_(compute),
      stream_(stream),
      options_(options),
      block_(model.arch, compute, compute, options.plan->tile_tokens, options.sequence_tokens_max),
      matmul_scratch_(compute.scratch_threads() * matmul_scratch_floats_max(model)),
      transposed_(has_transposed(model) ? options.plan->buffer_bytes : 0),
      tile_scratch_(options.plan->residuals_spilled
                        ? options.plan->tile_tokens * model.arch.state_width()
                        : 0),
      head_states_(options.plan->residuals_spilled
                       ? options.plan->head_tile_tokens * model.arch.state_width()
                       : 0),
      head_input_(options.plan->head_tile_tokens * model.arch.d_model),
      logits_(options.plan->head_tile_tokens * model.arch.vocab),
      head_layout_(cut_panels({&head_tensor(model)}, options.plan->buffer_bytes)) {}

StreamingExecutor::~StreamingExecutor() = default;

Result<std::unique_ptr<StreamingExecutor>> StreamingExecutor::create(const Model& model,
                                                                     ComputeContext& compute,
                                                                     PanelStream& stream,
                                                                     const Options& options) {
  std::unique_ptr<StreamingExecutor> executor(
      new StreamingExecutor(model, compute, stream, options));
  ASSAY_ASSIGN_OR_RETURN(executor->weights_, ResidentWeights::load(model, compute));
  return executor;
}

Status StreamingExecutor::begin(Wave wave) {
  wave_ = std::move(wave);
  offsets_.clear();
  size_t tokens = 0;
  for (const auto& sequence : wave_.sequences) {
    ASSAY_CHECK(sequence.size() <= options_.sequence_tokens_max);
    offsets_.push_back(tokens);
    tokens += sequence.size();
    ASSAY_RETURN_IF_ERROR(check_length(model_, sequence.size()));
    for (const TokenId id : sequence) {
      if (id < 0 || static_cast<uint32_t>(id) >= model_.arch.vocab) {
        return invalid_argument(
            "token id " + std::to_string(id) + " is outside the vocabulary [0, " +
            std::to_string(model_.arch.vocab) + ") of " + model_.checkpoint.path);
      }
    }
  }
  residuals_.reset();
  ASSAY_ASSIGN_OR_RETURN(
      residuals_, ResidualStore::create(tokens, model_.arch.state_width(),
                                        options_.plan->residuals_spilled, options_.scratch_folder));
  segments_done_ = 0;
  return embed();
}

size_t StreamingExecutor::tile_tokens(const SequenceTile& tile) const {
  size_t tokens = 0;
  for (size_t s = 0; s < tile.sequences; ++s) tokens += length(tile.first_sequence + s);
  return tokens;
}

std::vector<SequenceSpan> StreamingExecutor::spans(const SequenceTile& tile) const {
  std::vector<SequenceSpan> out;
  size_t begin = 0;
  for (size_t s = 0; s < tile.sequences; ++s) {
    const size_t count = length(tile.first_sequence + s);
    if (count > 0) out.push_back({.begin = begin, .count = count, .length = count});
    begin += count;
  }
  return out;
}

// Reads each embedding row of a tile once and copies it to every token that has its id.
Status StreamingExecutor::embed_tile(const SequenceTile& tile, bool decoder, float* states) {
  const BoundTensor& embedding = model_.tensor(TensorRole::kTokenEmbedding);
  const size_t d = model_.arch.d_model;
  const size_t stride = model_.arch.state_width();
  Bytes row(row_bytes(embedding.info.type, d));
  std::vector<std::pair<TokenId, size_t>> order;
  std::vector<size_t> positions;
  for (size_t s = 0; s < tile.sequences; ++s) {
    std::vector<TokenId> ids = wave_.sequences[tile.first_sequence + s];
    if (decoder) ids = decoder_tokens(model_, ids);
    for (size_t i = 0; i < ids.size(); ++i) {
      order.emplace_back(ids[i], order.size());
      positions.push_back(i);
    }
  }
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    float* out = states + order[i].second * stride;
    if (i > 0 && order[i].first == order[i - 1].first) {
      std::memcpy(out, states + order[i - 1].second * stride, d * sizeof(float));
      continue;
    }
    const uint64_t at = embedding.info.offset + static_cast<uint64_t>(order[i].first) * row.size();
    ASSAY_RETURN_IF_ERROR(model_.checkpoint.files[embedding.info.file]->read_at(at, row));
    embedding_bytes_read_ += row.size();
    decode_row(*compute_.kernels, embedding.info, static_cast<uint64_t>(order[i].first), row.data(),
               {out, d});
  }
  finish_embedding(model_, weights_, compute_, positions, states);
  return ok_status();
}

Status StreamingExecutor::embed() {
  for (const SequenceTile& tile : wave_.tiles) {
    const size_t first = offsets_[tile.first_sequence];
    const size_t tokens = tile_tokens(tile);
    ASSAY_ASSIGN_OR_RETURN(float* states, residuals_->get(first, tokens, tile_scratch_));
    ASSAY_RETURN_IF_ERROR(embed_tile(tile, false, states));
    ASSAY_RETURN_IF_ERROR(residuals_->put(first, tokens, states));
  }
  return ok_status();
}

Status StreamingExecutor::end_encoder_tile(const SequenceTile& tile, float* states) {
  end_encoder(model_, weights_, block_, states, tile_tokens(tile));
  return embed_tile(tile, true, states);
}

StreamedMatrices::Workspace StreamingExecutor::workspace() {
  return {compute_, stream_, matmul_scratch_.data(), transposed_};
}

void StreamingExecutor::enqueue(size_t segment) {
  const std::vector<PanelLayout> layout =
      cut_panels(segment_matrices(model_, segment), options_.plan->buffer_bytes);
  const size_t passes = layout.size() > 1 ? wave_.tiles.size() : 1;
  for (size_t pass = 0; pass < passes; ++pass) enqueue_panels(model_, layout, stream_);
}

Status StreamingExecutor::run(size_t segment) {
  ASSAY_CHECK(segment == segments_done_);
  StreamedMatrices source(
      workspace(), cut_panels(segment_matrices(model_, segment), options_.plan->buffer_bytes));
  for (const SequenceTile& tile : wave_.tiles) {
    const size_t first = offsets_[tile.first_sequence];
    const size_t tokens = tile_tokens(tile);
    ASSAY_ASSIGN_OR_RETURN(float* x, residuals_->get(first, tokens, tile_scratch_));
    source.rewind();
    ASSAY_RETURN_IF_ERROR(segment_at(model_, segment).kind == SegmentKind::kEncoderEnd
                              ? end_encoder_tile(tile, x)
                              : run_segment(model_, weights_, block_, source, segment,
                                            {.spans = spans(tile)}, x, tokens));
    ASSAY_RETURN_IF_ERROR(residuals_->put(first, tokens, x));
  }
  ++segments_done_;
  return ok_status();
}

void StreamingExecutor::begin_head(bool hold) {
  ASSAY_CHECK(segments_done_ == segment_count(model_));
  ASSAY_CHECK(!hold || head_fits());
  head_held_ = hold;
  head_source_ = std::make_unique<StreamedMatrices>(workspace(), head_layout_);
}

void StreamingExecutor::enqueue_head(size_t tile) {
  if (tile == 0 || !head_held_) enqueue_panels(model_, head_layout_, stream_);
}

Result<std::span<const float>> StreamingExecutor::logits(size_t tile_index) {
  const SequenceTile& tile = wave_.head_tiles[tile_index];
  const size_t first = offsets_[tile.first_sequence];
  const size_t tokens = tile_tokens(tile);
  ASSAY_CHECK(tokens <= options_.plan->head_tile_tokens);
  ASSAY_ASSIGN_OR_RETURN(const float* states, residuals_->get(first, tokens, head_states_));
  pack_head_input(model_, compute_, states, tokens, head_input_.data());
  if (head_held_) {
    head_source_->rewind();
  } else {
    head_source_ = std::make_unique<StreamedMatrices>(workspace(), head_layout_);
  }
  ASSAY_RETURN_IF_ERROR(
      head_source_->multiply(head_tensor(model_), head_input_.data(), tokens, logits_.data()));
  if (!head_held_) head_source_.reset();
  finish_logits(model_, weights_, compute_, tokens, logits_.data());
  return std::span<const float>(logits_).first(tokens * model_.arch.vocab);
}

void StreamingExecutor::end_head() { head_source_.reset(); }

}  // namespace assay
