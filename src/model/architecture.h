// Architecture: the hyperparameters of a model, all that its function depends on besides its
// weights. A family (family_tables.h) is one way of filling it in; block.cc computes whatever it
// says. Tested in model_test.cc and family_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/kernel_table.h"

namespace assay {

enum class NormKind : uint8_t { kRms, kLayer };

// How a block knows where a token stands.
enum class PositionKind : uint8_t {
  kRotary,    // q and k are rotated by their position
  kLearned,   // a row of a table is added to the embedding
  kRelative,  // a bias by distance is added to the scores
};

// The angles of a rotary embedding.
struct Rotary {
  double base = 10000;
  // What each frequency base^(-2i / rotary_dims) is divided by; empty: by 1.
  std::vector<double> divisors;
  float magnitude = 1;  // of cosines and sines
  // Divisors of sequences longer than long_from tokens, all of their positions; empty: the same.
  std::vector<double> long_divisors;
  uint32_t long_from = 0;
  bool operator==(const Rotary&) const = default;
};

struct Architecture {
  std::string family;  // "llama"
  uint32_t layers = 0;
  // The first of the layers, those of an encoder: every token sees all tokens of its sequence.
  // Layers behind them also attend to what the encoder made of the sequence.
  uint32_t encoder_layers = 0;
  uint32_t d_model = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;  // divides heads
  uint32_t head_dim = 0;
  uint32_t rotary_dims = 0;  // even, <= head_dim; 0 unless positions are rotary
  uint32_t d_ff = 0;
  uint32_t vocab = 0;    // rows of the embedding
  uint32_t context = 0;  // positions the model was made for; not part of the canonical digest
  NormKind norm = NormKind::kRms;
  float norm_eps = 1e-5F;
  Activation activation = Activation::kSilu;
  bool gated = true;      // down(f(gate x) * up x), else down(f(up x))
  bool parallel = false;  // x + attention(norm x) + mlp(norm' x), else one after the other
  PositionKind positions = PositionKind::kRotary;
  Rotary rope;
  Rotary rope_local;  // of the layers with a window, where local_rope
  bool local_rope = false;
  uint32_t context_max = 0;        // positions beyond it are not defined; 0: none
  uint32_t relative_buckets = 0;   // distances that are told apart
  uint32_t relative_distance = 0;  // beyond it they are not
  // A layer's window: it sees that many tokens, itself included; 0: all. Empty: no layer has one.
  std::vector<uint32_t> windows;
  float embedding_scale = 1;
  float attn_scale = 0;        // of q k; set by the family, 1 / sqrt(head_dim) if it says nothing
  float attn_soft_cap = 0;     // 0: none
  float logit_soft_cap = 0;    // 0: none
  float head_scale = 1;        // of what the head multiplies
  uint32_t decoder_start = 0;  // first token of the decoder, where there is one
  bool tied_head = false;      // the head is the token embedding
  bool operator==(const Architecture&) const = default;

  uint32_t window(size_t layer) const { return windows.empty() ? 0 : windows[layer]; }
  const Rotary& rotary(size_t layer) const {
    return local_rope && window(layer) != 0 ? rope_local : rope;
  }
  bool has_decoder() const { return encoder_layers < layers; }
  bool is_encoder(size_t layer) const { return layer < encoder_layers; }
  bool has_cross_attention(size_t layer) const { return encoder_layers > 0 && !is_encoder(layer); }
  // Floats that a token carries from segment to segment: its residual, and behind it what a later
  // segment needs besides (the block's input where sub-blocks are parallel, the encoder's output).
  bool has_carry() const { return parallel || (encoder_layers > 0 && has_decoder()); }
  size_t state_width() const { return size_t{d_model} * (has_carry() ? 2 : 1); }
};

// What distinguishes the function from that of a plain llama of the same sizes, as text in a fixed
// order ("" for such a llama): part of the canonical digest, see docs/formats/digests.md.
std::string architecture_traits(const Architecture& arch);

}  // namespace assay
