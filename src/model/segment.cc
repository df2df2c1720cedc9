#include "model/segment.h"

#include <algorithm>

namespace assay {

namespace {

// Segments of all layers before this one, and of what stands between encoder and decoder.
size_t segments_before(const Architecture& a, size_t layer) {
  if (a.encoder_layers == 0 || layer <= a.encoder_layers) return 2 * layer;
  return 2 * size_t{a.encoder_layers} + 1 + 3 * (layer - a.encoder_layers);
}

bool has_both_stacks(const Architecture& a) { return a.encoder_layers > 0 && a.has_decoder(); }

}  // namespace

size_t segment_count(const Model& model) {
  const Architecture& a = model.arch;
  return segments_before(a, a.layers) + 1;
}

Segment segment_at(const Model& model, size_t segment) {
  const Architecture& a = model.arch;
  if (segment + 1 == segment_count(model)) return {SegmentKind::kFinalNorm, 0};
  const size_t in_encoder = 2 * size_t{a.encoder_layers};
  if (!has_both_stacks(a) || segment < in_encoder) {
    const SegmentKind kind = segment % 2 == 0 ? SegmentKind::kAttention : SegmentKind::kFeedForward;
    return {kind, segment / 2};
  }
  if (segment == in_encoder) return {SegmentKind::kEncoderEnd, 0};
  constexpr SegmentKind kSteps[] = {SegmentKind::kAttention, SegmentKind::kCrossAttention,
                                    SegmentKind::kFeedForward};
  const size_t step = segment - in_encoder - 1;
  return {kSteps[step % 3], a.encoder_layers + step / 3};
}

std::string segment_site(const Model& model, size_t segment) {
  const Architecture& a = model.arch;
  const Segment s = segment_at(model, segment);
  std::string layer;
  if (has_both_stacks(a)) layer = a.is_encoder(s.layer) ? "enc." : "dec.";
  const size_t number =
      a.is_encoder(s.layer) ? s.layer : s.layer - (has_both_stacks(a) ? a.encoder_layers : 0);
  layer += "L" + std::to_string(number);
  switch (s.kind) {
    case SegmentKind::kAttention:
      return layer + ".post_attn";
    case SegmentKind::kCrossAttention:
      return layer + ".post_cross";
    case SegmentKind::kFeedForward:
      return layer + ".post_mlp";
    case SegmentKind::kEncoderEnd:
      return "enc.final";
    case SegmentKind::kFinalNorm:
      return "final";
  }
  return "";
}

std::vector<const BoundTensor*> segment_matrices(const Model& model, size_t segment) {
  using R = TensorRole;
  const Segment s = segment_at(model, segment);
  std::vector<R> roles;
  if (s.kind == SegmentKind::kAttention) roles = {R::kAttnQ, R::kAttnK, R::kAttnV, R::kAttnOutput};
  if (s.kind == SegmentKind::kCrossAttention) {
    roles = {R::kCrossQ, R::kCrossK, R::kCrossV, R::kCrossOutput};
  }
  if (s.kind == SegmentKind::kFeedForward) roles = {R::kFfnGate, R::kFfnUp, R::kFfnDown};
  std::vector<const BoundTensor*> matrices;
  for (const R role : roles) {
    const BoundTensor* tensor = model.find_tensor(role, s.layer);
    if (tensor != nullptr) matrices.push_back(tensor);
  }
  return matrices;
}

uint64_t segment_bytes(const Model& model, size_t segment) {
  uint64_t bytes = 0;
  for (const BoundTensor* tensor : segment_matrices(model, segment)) bytes += tensor->info.bytes;
  return bytes;
}

const BoundTensor& head_tensor(const Model& model) {
  return model.tensor(model.arch.tied_head ? TensorRole::kTokenEmbedding : TensorRole::kOutput);
}

void pack_head_input(const Model& model, ComputeContext& compute, const float* states,
                     size_t tokens, float* out) {
  const size_t d = model.arch.d_model;
  for (size_t t = 0; t < tokens; ++t)
    std::copy_n(states + t * model.arch.state_width(), d, out + t * d);
  if (model.arch.head_scale != 1) compute.kernels->scale(out, tokens * d, model.arch.head_scale);
}

void finish_logits(const Model& model, const ResidentWeights& weights, ComputeContext& compute,
                   size_t tokens, float* logits) {
  const size_t vocab = model.arch.vocab;
  const auto bias = weights.get(TensorRole::kOutputBias);
  const float cap = model.arch.logit_soft_cap;
  if (bias.empty() && cap == 0) return;
  compute.pool->parallel_for(tokens, 1, [&](size_t begin, size_t end, size_t) {
    for (size_t t = begin; t < end; ++t) {
      if (!bias.empty()) compute.kernels->add(logits + t * vocab, bias.data(), vocab);
      if (cap != 0) compute.kernels->soft_cap(logits + t * vocab, vocab, cap);
    }
  });
}

Status run_segment(const Model& model, const ResidentWeights& weights, Block& block,
                   MatrixSource& source, size_t segment, const TileSequences& sequences,
                   float* states, size_t tokens) {
  const Segment s = segment_at(model, segment);
  const size_t stride = model.arch.state_width();
  switch (s.kind) {
    case SegmentKind::kAttention:
      return block.attention(layer_tensors(model, weights, s.layer), source, sequences, states,
                             tokens);
    case SegmentKind::kCrossAttention:
      return block.cross_attention(layer_tensors(model, weights, s.layer), source, sequences.spans,
                                   states, tokens);
    case SegmentKind::kFeedForward:
      return block.feed_forward(layer_tensors(model, weights, s.layer), source, states, tokens);
    case SegmentKind::kEncoderEnd:
      ASSAY_CHECK(false && "the caller embeds the decoder's tokens");
      break;
    case SegmentKind::kFinalNorm: {
      Norm norm = {weights.get(TensorRole::kOutputNorm), weights.get(TensorRole::kOutputNormBias)};
      if (!norm) norm.weight = weights.get(TensorRole::kEncoderNorm);  // an encoder alone
      if (norm) block.norm(norm, states, stride, tokens, states, stride);
      break;
    }
  }
  return ok_status();
}

void end_encoder(const Model& model, const ResidentWeights& weights, Block& block, float* states,
                 size_t tokens) {
  const size_t stride = model.arch.state_width();
  const Norm norm = {weights.get(TensorRole::kEncoderNorm), {}};
  block.norm(norm, states, stride, tokens, states + model.arch.d_model, stride);
}

std::vector<TokenId> decoder_tokens(const Model& model, std::span<const TokenId> tokens) {
  std::vector<TokenId> out(tokens.begin(), tokens.end());
  if (out.empty()) return out;
  out.insert(out.begin(), static_cast<TokenId>(model.arch.decoder_start));
  out.pop_back();
  return out;
}

std::vector<PanelLayout> cut_panels(const std::vector<const BoundTensor*>& matrices,
                                    uint64_t buffer_bytes) {
  std::vector<PanelLayout> panels;
  uint64_t used = 0;
  for (const BoundTensor* tensor : matrices) {
    const uint64_t stride = stride_of(*tensor);
    ASSAY_CHECK(stride <= buffer_bytes);
    uint64_t row = 0;
    while (row < tensor->info.rows()) {
      if (panels.empty() || buffer_bytes - used < stride) {
        panels.emplace_back();
        used = 0;
      }
      const uint64_t rows = std::min(tensor->info.rows() - row, (buffer_bytes - used) / stride);
      panels.back().push_back({tensor, row, rows, used});
      used += rows * stride;
      row += rows;
    }
  }
  return panels;
}

}  // namespace assay
