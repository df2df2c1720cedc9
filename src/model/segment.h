// Segment: what lies between two sites, its weights, and how they are cut into panels for a buffer.
// Tested in model_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/block.h"
#include "model/model.h"
#include "model/weights.h"

namespace assay {

enum class SegmentKind : uint8_t {
  kAttention,
  kCrossAttention,
  kFeedForward,
  kEncoderEnd,  // the encoder's norm; the decoder's tokens are embedded
  kFinalNorm,   // the last one; it has no matrices. The head follows (site "logits")
};

struct Segment {
  SegmentKind kind{};
  size_t layer = 0;
};

// In the order of execution: the attention of a layer, then its feed-forward part, layer by layer.
Segment segment_at(const Model& model, size_t segment);
size_t segment_count(const Model& model);
// The site at which it ends: "L3.post_attn", "L3.post_mlp", "final"; with "enc." or "dec." in
// front, and "dec.L3.post_cross", "enc.final", where there are both.
std::string segment_site(const Model& model, size_t segment);
std::vector<const BoundTensor*> segment_matrices(const Model& model, size_t segment);
uint64_t segment_bytes(const Model& model, size_t segment);
// The matrix of the head: the token embedding when tied.
const BoundTensor& head_tensor(const Model& model);
// What the head multiplies: x of the states, packed and scaled. Shapes: states[tokens,
// state_width], out[tokens, d_model].
void pack_head_input(const Model& model, ComputeContext& compute, const float* states,
                     size_t tokens, float* out);
// The head's bias and soft cap. Shapes: logits[tokens, vocab].
void finish_logits(const Model& model, const ResidentWeights& weights, ComputeContext& compute,
                   size_t tokens, float* logits);

// Advances the states of a tile to the end of a segment; all but kEncoderEnd. The streamed and the
// resident execution share it. Shapes: states[tokens, arch.state_width()].
Status run_segment(const Model& model, const ResidentWeights& weights, Block& block,
                   MatrixSource& source, size_t segment, const TileSequences& sequences,
                   float* states, size_t tokens);
// The encoder's output in the carry: its norm of x. x is left to the decoder's embedding.
void end_encoder(const Model& model, const ResidentWeights& weights, Block& block, float* states,
                 size_t tokens);
// What a decoder reads where the encoder reads tokens: its start token, then all but the last.
std::vector<TokenId> decoder_tokens(const Model& model, std::span<const TokenId> tokens);

// Consecutive rows of one matrix inside a panel.
struct PanelPiece {
  const BoundTensor* tensor = nullptr;
  uint64_t row0 = 0;
  uint64_t rows = 0;
  uint64_t at = 0;  // offset in the panel
};
using PanelLayout = std::vector<PanelPiece>;

// Cuts matrices into as few panels of at most buffer_bytes as their order allows: one when they all
// fit. Pre: a row of each fits (CHECK).
std::vector<PanelLayout> cut_panels(const std::vector<const BoundTensor*>& matrices,
                                    uint64_t buffer_bytes);

}  // namespace assay
