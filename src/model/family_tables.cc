// The families, as tables: the one place to read how a family differs. To add one: its tensors
// under the names of Hugging Face (GGUF's are the same for all, kRoles), what its files do not say
// (FamilySpec::base), and a function for fields of its own. block.cc computes what the Architecture
// says; an operation that no family had before is a field there.
#include "model/family_tables.h"

#include <array>

#include "base/check.h"
#include "model/family_fields.h"

namespace assay {
namespace {

using R = TensorRole;

constexpr std::array<RoleInfo, static_cast<size_t>(R::kCount)> kRoles = {{
    {R::kTokenEmbedding, "token_embd.weight", Dim::kVocab, Dim::kModel},
    {R::kPositionEmbedding, "position_embd.weight", Dim::kContext, Dim::kModel},
    {R::kTokenTypeEmbedding, "token_types.weight", Dim::kTokenTypes, Dim::kModel},
    {R::kEmbeddingNorm, "token_embd_norm.weight", Dim::kModel},
    {R::kEmbeddingNormBias, "token_embd_norm.bias", Dim::kModel},
    {R::kRelativeBias, "attn_rel_b.weight", Dim::kBuckets, Dim::kHeads},
    {R::kAttnNorm, "blk.{}.attn_norm.weight", Dim::kModel},
    {R::kAttnNormBias, "blk.{}.attn_norm.bias", Dim::kModel},
    {R::kAttnQ, "blk.{}.attn_q.weight", Dim::kQuery, Dim::kModel, true},
    {R::kAttnQBias, "blk.{}.attn_q.bias", Dim::kQuery, Dim::kNone, true},
    {R::kAttnK, "blk.{}.attn_k.weight", Dim::kKeyValue, Dim::kModel, true},
    {R::kAttnKBias, "blk.{}.attn_k.bias", Dim::kKeyValue, Dim::kNone, true},
    {R::kAttnV, "blk.{}.attn_v.weight", Dim::kKeyValue, Dim::kModel},
    {R::kAttnVBias, "blk.{}.attn_v.bias", Dim::kKeyValue},
    {R::kAttnQNorm, "blk.{}.attn_q_norm.weight", Dim::kHead},
    {R::kAttnKNorm, "blk.{}.attn_k_norm.weight", Dim::kHead},
    {R::kAttnOutput, "blk.{}.attn_output.weight", Dim::kModel, Dim::kQuery},
    {R::kAttnOutputBias, "blk.{}.attn_output.bias", Dim::kModel},
    {R::kAttnPostNorm, "blk.{}.post_attention_norm.weight", Dim::kModel},
    {R::kAttnSumNorm, "blk.{}.attn_output_norm.weight", Dim::kModel},
    {R::kAttnSumNormBias, "blk.{}.attn_output_norm.bias", Dim::kModel},
    {R::kCrossNorm, "dec.blk.{}.cross_attn_norm.weight", Dim::kModel},
    {R::kCrossQ, "dec.blk.{}.cross_attn_q.weight", Dim::kQuery, Dim::kModel},
    {R::kCrossK, "dec.blk.{}.cross_attn_k.weight", Dim::kKeyValue, Dim::kModel},
    {R::kCrossV, "dec.blk.{}.cross_attn_v.weight", Dim::kKeyValue, Dim::kModel},
    {R::kCrossOutput, "dec.blk.{}.cross_attn_o.weight", Dim::kModel, Dim::kQuery},
    {R::kFfnNorm, "blk.{}.ffn_norm.weight", Dim::kModel},
    {R::kFfnNormBias, "blk.{}.ffn_norm.bias", Dim::kModel},
    {R::kFfnGate, "blk.{}.ffn_gate.weight", Dim::kFeedForward, Dim::kModel},
    {R::kFfnGateBias, "blk.{}.ffn_gate.bias", Dim::kFeedForward},
    {R::kFfnUp, "blk.{}.ffn_up.weight", Dim::kFeedForward, Dim::kModel},
    {R::kFfnUpBias, "blk.{}.ffn_up.bias", Dim::kFeedForward},
    {R::kFfnDown, "blk.{}.ffn_down.weight", Dim::kModel, Dim::kFeedForward},
    {R::kFfnDownBias, "blk.{}.ffn_down.bias", Dim::kModel},
    {R::kFfnPostNorm, "blk.{}.post_ffw_norm.weight", Dim::kModel},
    {R::kFfnSumNorm, "blk.{}.layer_output_norm.weight", Dim::kModel},
    {R::kFfnSumNormBias, "blk.{}.layer_output_norm.bias", Dim::kModel},
    {R::kEncoderNorm, "enc.output_norm.weight", Dim::kModel},
    {R::kOutputNorm, "output_norm.weight", Dim::kModel},
    {R::kOutputNormBias, "output_norm.bias", Dim::kModel},
    {R::kOutput, "output.weight", Dim::kVocab, Dim::kModel},
    {R::kOutputBias, "output.bias", Dim::kVocab},
    {R::kPooler, "cls.weight", Dim::kModel, Dim::kModel},
    {R::kPoolerBias, "cls.bias", Dim::kModel},
}};

constexpr bool kOptional = true;

bool every_layer(uint32_t) { return true; }
bool even_layers(uint32_t layer) { return layer % 2 == 0; }
bool odd_layers(uint32_t layer) { return layer % 2 == 1; }
bool five_of_six(uint32_t layer) { return layer % 6 != 5; }

constexpr Field kWindow = {"attention.sliding_window", "sliding_window"};
constexpr Field kUseWindow = {"", "use_sliding_window"};

// ---- llama: Llama, TinyLlama, SmolLM, Mistral; qwen2 and qwen3 have the same names --------------

constexpr TensorSpec kLlamaTensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnQBias, "layers.{}.self_attn.q_proj.bias", kOptional},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnKBias, "layers.{}.self_attn.k_proj.bias", kOptional},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnVBias, "layers.{}.self_attn.v_proj.bias", kOptional},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    {R::kAttnOutputBias, "layers.{}.self_attn.o_proj.bias", kOptional},
    {R::kFfnNorm, "layers.{}.post_attention_layernorm.weight"},
    {R::kFfnGate, "layers.{}.mlp.gate_proj.weight"},
    {R::kFfnGateBias, "layers.{}.mlp.gate_proj.bias", kOptional},
    {R::kFfnUp, "layers.{}.mlp.up_proj.weight"},
    {R::kFfnUpBias, "layers.{}.mlp.up_proj.bias", kOptional},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    {R::kFfnDownBias, "layers.{}.mlp.down_proj.bias", kOptional},
    {R::kOutputNorm, "norm.weight"},
    {R::kOutput, "/lm_head.weight"},
};
constexpr std::string_view kLlamaNames[] = {"LlamaForCausalLM", "MistralForCausalLM"};
constexpr std::string_view kModelPrefix[] = {"model.", "", "language_model.model.",
                                             "model.language_model."};
constexpr std::string_view kRotaryBuffers[] = {"rotary_emb.inv_freq", "rope_freqs.weight"};

Status read_llama(const FieldReader& reader, Architecture& arch) {
  return read_windows(reader, kWindow, every_layer, arch);
}

// ---- qwen2: biases on q, k, v
// ---------------------------------------------------------------------

constexpr TensorSpec kQwen2Tensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnQBias, "layers.{}.self_attn.q_proj.bias"},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnKBias, "layers.{}.self_attn.k_proj.bias"},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnVBias, "layers.{}.self_attn.v_proj.bias"},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    {R::kFfnNorm, "layers.{}.post_attention_layernorm.weight"},
    {R::kFfnGate, "layers.{}.mlp.gate_proj.weight"},
    {R::kFfnUp, "layers.{}.mlp.up_proj.weight"},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    {R::kOutputNorm, "norm.weight"},
    {R::kOutput, "/lm_head.weight"},
};
constexpr std::string_view kQwen2Names[] = {"Qwen2ForCausalLM"};

Status read_qwen(const FieldReader& reader, Architecture& arch) {
  ASSAY_ASSIGN_OR_RETURN(const bool use, reader.flag_or(kUseWindow, reader.is_gguf()));
  if (!use) return ok_status();
  ASSAY_RETURN_IF_ERROR(read_windows(reader, kWindow, every_layer, arch));
  constexpr Field kFullLayers = {"", "max_window_layers"};
  if (arch.windows.empty() || reader.checkpoint().has_meta("layer_types")) return ok_status();
  ASSAY_ASSIGN_OR_RETURN(const uint32_t full, reader.count_or(kFullLayers, 0, 0, kLayersMax));
  for (uint32_t layer = 0; layer < full && layer < arch.layers; ++layer) arch.windows[layer] = 0;
  return ok_status();
}

// ---- qwen3: norms on the heads of q and k
// -----------------------------------------------------------

constexpr TensorSpec kQwen3Tensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnQBias, "layers.{}.self_attn.q_proj.bias", kOptional},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnKBias, "layers.{}.self_attn.k_proj.bias", kOptional},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnVBias, "layers.{}.self_attn.v_proj.bias", kOptional},
    {R::kAttnQNorm, "layers.{}.self_attn.q_norm.weight"},
    {R::kAttnKNorm, "layers.{}.self_attn.k_norm.weight"},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    {R::kAttnOutputBias, "layers.{}.self_attn.o_proj.bias", kOptional},
    {R::kFfnNorm, "layers.{}.post_attention_layernorm.weight"},
    {R::kFfnGate, "layers.{}.mlp.gate_proj.weight"},
    {R::kFfnUp, "layers.{}.mlp.up_proj.weight"},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    {R::kOutputNorm, "norm.weight"},
    {R::kOutput, "/lm_head.weight"},
};
constexpr std::string_view kQwen3Names[] = {"Qwen3ForCausalLM"};

// ---- phi3: q, k, v in one tensor, gate and up in one
// ------------------------------------------------

constexpr Storage kStacked = Storage::kStacked;
constexpr std::string_view kPhi3Qkv = "layers.{}.self_attn.qkv_proj.weight";
constexpr std::string_view kPhi3GateUp = "layers.{}.mlp.gate_up_proj.weight";
constexpr std::string_view kGgufQkv = "blk.{}.attn_qkv.weight";
constexpr std::string_view kGgufQkvBias = "blk.{}.attn_qkv.bias";
constexpr std::string_view kGgufUp = "blk.{}.ffn_up.weight";
constexpr TensorSpec kPhi3Tensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnQ, kPhi3Qkv, false, kStacked, false, kGgufQkv, kStacked},
    {R::kAttnK, kPhi3Qkv, false, kStacked, false, kGgufQkv, kStacked},
    {R::kAttnV, kPhi3Qkv, false, kStacked, false, kGgufQkv, kStacked},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    {R::kFfnNorm, "layers.{}.post_attention_layernorm.weight"},
    {R::kFfnGate, kPhi3GateUp, false, kStacked, false, kGgufUp, kStacked},
    {R::kFfnUp, kPhi3GateUp, false, kStacked, false, kGgufUp, kStacked},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    {R::kOutputNorm, "norm.weight"},
    {R::kOutput, "/lm_head.weight"},
};
constexpr std::string_view kPhi3Names[] = {"Phi3ForCausalLM"};
constexpr std::string_view kPhi3Ignored[] = {"rotary_emb.inv_freq", "rope_factors_long.weight",
                                             "rope_factors_short.weight"};

// ---- gemma: embeddings scaled by sqrt(d), norms hold w - 1, GELU
// -------------------------------------

constexpr bool kPlusOne = true;
constexpr TensorSpec gemma_norm(R role, std::string_view name) {
  return {role, name, false, Storage::kWhole, false, {}, Storage::kWhole, kPlusOne};
}
constexpr TensorSpec kGemmaTensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    gemma_norm(R::kAttnNorm, "layers.{}.input_layernorm.weight"),
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    gemma_norm(R::kFfnNorm, "layers.{}.post_attention_layernorm.weight"),
    {R::kFfnGate, "layers.{}.mlp.gate_proj.weight"},
    {R::kFfnUp, "layers.{}.mlp.up_proj.weight"},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    gemma_norm(R::kOutputNorm, "norm.weight"),
    {R::kOutput, "/lm_head.weight", kOptional},
};
constexpr std::string_view kGemmaNames[] = {"GemmaForCausalLM"};

Status read_gemma(const FieldReader&, Architecture& arch) {
  arch.embedding_scale = static_cast<float>(__builtin_sqrt(static_cast<double>(arch.d_model)));
  return ok_status();
}

// ---- gemma2: norms behind the sub-blocks too, soft caps, every other layer has a window
// --------------

constexpr TensorSpec kGemma2Tensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    gemma_norm(R::kAttnNorm, "layers.{}.input_layernorm.weight"),
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    gemma_norm(R::kAttnPostNorm, "layers.{}.post_attention_layernorm.weight"),
    gemma_norm(R::kFfnNorm, "layers.{}.pre_feedforward_layernorm.weight"),
    {R::kFfnGate, "layers.{}.mlp.gate_proj.weight"},
    {R::kFfnUp, "layers.{}.mlp.up_proj.weight"},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    gemma_norm(R::kFfnPostNorm, "layers.{}.post_feedforward_layernorm.weight"),
    gemma_norm(R::kOutputNorm, "norm.weight"),
    {R::kOutput, "/lm_head.weight", kOptional},
};
constexpr std::string_view kGemma2Names[] = {"Gemma2ForCausalLM"};

// GGUF does not say by what the scores are scaled: by the size of a head, but for the largest model
// of each generation, which is known by its number of layers.
Status read_query_scale(const FieldReader& reader, uint32_t layers_of_largest, Architecture& arch) {
  constexpr Field kScalar = {"", "query_pre_attn_scalar"};
  const double usual = reader.is_gguf() && arch.layers == layers_of_largest
                           ? static_cast<double>(arch.d_model) / arch.heads
                           : static_cast<double>(arch.head_dim);
  ASSAY_ASSIGN_OR_RETURN(const double scalar, reader.real_or(kScalar, usual));
  if (!(scalar > 0)) {
    return data_loss(reader.checkpoint().path +
                     ": query_pre_attn_scalar = " + std::to_string(scalar) + " is not positive");
  }
  arch.attn_scale = static_cast<float>(1.0 / __builtin_sqrt(scalar));
  return ok_status();
}

Status read_soft_caps(const FieldReader& reader, Architecture& arch) {
  constexpr Field kAttnCap = {"attn_logit_softcapping", "attn_logit_softcapping"};
  constexpr Field kLogitCap = {"final_logit_softcapping", "final_logit_softcapping"};
  ASSAY_ASSIGN_OR_RETURN(const double attn, reader.real_or(kAttnCap, 0));
  ASSAY_ASSIGN_OR_RETURN(const double logit, reader.real_or(kLogitCap, 0));
  arch.attn_soft_cap = static_cast<float>(attn);
  arch.logit_soft_cap = static_cast<float>(logit);
  return ok_status();
}

Status read_gemma2(const FieldReader& reader, Architecture& arch) {
  ASSAY_RETURN_IF_ERROR(read_gemma(reader, arch));
  ASSAY_RETURN_IF_ERROR(read_soft_caps(reader, arch));
  ASSAY_RETURN_IF_ERROR(read_query_scale(reader, 46, arch));
  return read_windows(reader, kWindow, even_layers, arch);
}

// ---- gemma3: norms on q and k, two rotary bases, five of six layers have a window
// --------------------

constexpr TensorSpec kGemma3Tensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    gemma_norm(R::kAttnNorm, "layers.{}.input_layernorm.weight"),
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    gemma_norm(R::kAttnQNorm, "layers.{}.self_attn.q_norm.weight"),
    gemma_norm(R::kAttnKNorm, "layers.{}.self_attn.k_norm.weight"),
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    gemma_norm(R::kAttnPostNorm, "layers.{}.post_attention_layernorm.weight"),
    gemma_norm(R::kFfnNorm, "layers.{}.pre_feedforward_layernorm.weight"),
    {R::kFfnGate, "layers.{}.mlp.gate_proj.weight"},
    {R::kFfnUp, "layers.{}.mlp.up_proj.weight"},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    gemma_norm(R::kFfnPostNorm, "layers.{}.post_feedforward_layernorm.weight"),
    gemma_norm(R::kOutputNorm, "norm.weight"),
    {R::kOutput, "/lm_head.weight", kOptional},
};
constexpr std::string_view kGemma3Names[] = {"Gemma3ForCausalLM"};

Status read_gemma3(const FieldReader& reader, Architecture& arch) {
  ASSAY_RETURN_IF_ERROR(read_gemma(reader, arch));
  constexpr Field kLogitCap = {"final_logit_softcapping", "final_logit_softcapping"};
  ASSAY_ASSIGN_OR_RETURN(const double logit, reader.real_or(kLogitCap, 0));
  arch.logit_soft_cap = static_cast<float>(logit);
  ASSAY_RETURN_IF_ERROR(read_query_scale(reader, 62, arch));
  constexpr Field kBase = {"", "rope_parameters.full_attention.rope_theta"};
  constexpr Field kLocalBase = {"rope.freq_base_swa", "rope_local_base_freq",
                                "rope_parameters.sliding_attention.rope_theta"};
  ASSAY_ASSIGN_OR_RETURN(arch.rope.base, reader.real_or(kBase, arch.rope.base));
  ASSAY_ASSIGN_OR_RETURN(arch.rope_local.base, reader.real_or(kLocalBase, 10000.0));
  arch.local_rope = true;
  constexpr Field kPattern = {"attention.sliding_window_pattern", "sliding_window_pattern",
                              "_sliding_window_pattern"};
  ASSAY_ASSIGN_OR_RETURN(const uint32_t pattern, reader.count_or(kPattern, 6, 1, kLayersMax));
  ASSAY_RETURN_IF_ERROR(
      read_windows(reader, kWindow, pattern == 6 ? five_of_six : every_layer, arch));
  if (pattern != 6 && !reader.checkpoint().has_meta("layer_types")) {
    for (uint32_t layer = pattern - 1; layer < arch.windows.size(); layer += pattern) {
      arch.windows[layer] = 0;
    }
  }
  return ok_status();
}

// ---- gpt2: learned positions, layer norms, biases; matrices stored transposed
// ------------------------

constexpr bool kTransposed = true;
constexpr std::string_view kGpt2Qkv = "h.{}.attn.c_attn.weight";
constexpr std::string_view kGpt2QkvBias = "h.{}.attn.c_attn.bias";
constexpr Storage kWhole = Storage::kWhole;
constexpr TensorSpec kGpt2Tensors[] = {
    {R::kTokenEmbedding, "wte.weight"},
    {R::kPositionEmbedding, "wpe.weight"},
    {R::kAttnNorm, "h.{}.ln_1.weight"},
    {R::kAttnNormBias, "h.{}.ln_1.bias"},
    {R::kAttnQ, kGpt2Qkv, false, kStacked, kTransposed, kGgufQkv, kStacked},
    {R::kAttnQBias, kGpt2QkvBias, false, kStacked, false, kGgufQkvBias, kStacked},
    {R::kAttnK, kGpt2Qkv, false, kStacked, kTransposed, kGgufQkv, kStacked},
    {R::kAttnKBias, kGpt2QkvBias, false, kStacked, false, kGgufQkvBias, kStacked},
    {R::kAttnV, kGpt2Qkv, false, kStacked, kTransposed, kGgufQkv, kStacked},
    {R::kAttnVBias, kGpt2QkvBias, false, kStacked, false, kGgufQkvBias, kStacked},
    {R::kAttnOutput, "h.{}.attn.c_proj.weight", false, kWhole, kTransposed},
    {R::kAttnOutputBias, "h.{}.attn.c_proj.bias"},
    {R::kFfnNorm, "h.{}.ln_2.weight"},
    {R::kFfnNormBias, "h.{}.ln_2.bias"},
    {R::kFfnUp, "h.{}.mlp.c_fc.weight", false, kWhole, kTransposed},
    {R::kFfnUpBias, "h.{}.mlp.c_fc.bias"},
    {R::kFfnDown, "h.{}.mlp.c_proj.weight", false, kWhole, kTransposed},
    {R::kFfnDownBias, "h.{}.mlp.c_proj.bias"},
    {R::kOutputNorm, "ln_f.weight"},
    {R::kOutputNormBias, "ln_f.bias"},
    {R::kOutput, "/lm_head.weight", kOptional},
};
constexpr std::string_view kGpt2Names[] = {"GPT2LMHeadModel", "GPT2Model"};
constexpr std::string_view kTransformerPrefix[] = {"transformer.", ""};
constexpr std::string_view kGpt2Ignored[] = {".attn.bias", ".attn.masked_bias"};

Status read_learned_positions(const FieldReader&, Architecture& arch) {
  arch.context_max = arch.context;
  return ok_status();
}

// ---- gpt_neo: gpt2 with local attention in every other layer, scores not scaled
// ------------------------

constexpr TensorSpec kGptNeoTensors[] = {
    {R::kTokenEmbedding, "wte.weight"},
    {R::kPositionEmbedding, "wpe.weight"},
    {R::kAttnNorm, "h.{}.ln_1.weight"},
    {R::kAttnNormBias, "h.{}.ln_1.bias"},
    {R::kAttnQ, "h.{}.attn.attention.q_proj.weight"},
    {R::kAttnK, "h.{}.attn.attention.k_proj.weight"},
    {R::kAttnV, "h.{}.attn.attention.v_proj.weight"},
    {R::kAttnOutput, "h.{}.attn.attention.out_proj.weight"},
    {R::kAttnOutputBias, "h.{}.attn.attention.out_proj.bias"},
    {R::kFfnNorm, "h.{}.ln_2.weight"},
    {R::kFfnNormBias, "h.{}.ln_2.bias"},
    {R::kFfnUp, "h.{}.mlp.c_fc.weight"},
    {R::kFfnUpBias, "h.{}.mlp.c_fc.bias"},
    {R::kFfnDown, "h.{}.mlp.c_proj.weight"},
    {R::kFfnDownBias, "h.{}.mlp.c_proj.bias"},
    {R::kOutputNorm, "ln_f.weight"},
    {R::kOutputNormBias, "ln_f.bias"},
    {R::kOutput, "/lm_head.weight", kOptional},
};
constexpr std::string_view kGptNeoNames[] = {"GPTNeoForCausalLM"};
constexpr std::string_view kGptNeoIgnored[] = {".attn.attention.bias",
                                               ".attn.attention.masked_bias"};

Status read_gpt_neo(const FieldReader& reader, Architecture& arch) {
  constexpr Field kNeoWindow = {"", "window_size"};
  arch.context_max = arch.context;
  return read_windows(reader, kNeoWindow, odd_layers, arch);
}

// ---- gpt_neox: parallel sub-blocks, part of a head rotated
// ----------------------------------------------

constexpr Storage kPerHead = Storage::kPerHead;
constexpr std::string_view kNeoxQkv = "layers.{}.attention.query_key_value.weight";
constexpr std::string_view kNeoxQkvBias = "layers.{}.attention.query_key_value.bias";
constexpr TensorSpec kGptNeoxTensors[] = {
    {R::kTokenEmbedding, "embed_in.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnNormBias, "layers.{}.input_layernorm.bias"},
    {R::kAttnQ, kNeoxQkv, false, kPerHead, false, kGgufQkv, kStacked},
    {R::kAttnQBias, kNeoxQkvBias, false, kPerHead, false, kGgufQkvBias, kStacked},
    {R::kAttnK, kNeoxQkv, false, kPerHead, false, kGgufQkv, kStacked},
    {R::kAttnKBias, kNeoxQkvBias, false, kPerHead, false, kGgufQkvBias, kStacked},
    {R::kAttnV, kNeoxQkv, false, kPerHead, false, kGgufQkv, kStacked},
    {R::kAttnVBias, kNeoxQkvBias, false, kPerHead, false, kGgufQkvBias, kStacked},
    {R::kAttnOutput, "layers.{}.attention.dense.weight"},
    {R::kAttnOutputBias, "layers.{}.attention.dense.bias"},
    {R::kFfnNorm, "layers.{}.post_attention_layernorm.weight"},
    {R::kFfnNormBias, "layers.{}.post_attention_layernorm.bias"},
    {R::kFfnUp, "layers.{}.mlp.dense_h_to_4h.weight"},
    {R::kFfnUpBias, "layers.{}.mlp.dense_h_to_4h.bias"},
    {R::kFfnDown, "layers.{}.mlp.dense_4h_to_h.weight"},
    {R::kFfnDownBias, "layers.{}.mlp.dense_4h_to_h.bias"},
    {R::kOutputNorm, "final_layer_norm.weight"},
    {R::kOutputNormBias, "final_layer_norm.bias"},
    {R::kOutput, "/embed_out.weight"},
};
constexpr std::string_view kGptNeoxNames[] = {"GPTNeoXForCausalLM"};
constexpr std::string_view kGptNeoxPrefix[] = {"gpt_neox.", ""};
constexpr std::string_view kGptNeoxIgnored[] = {".attention.bias", ".attention.masked_bias",
                                                ".attention.rotary_emb.inv_freq"};

Status read_gpt_neox(const FieldReader& reader, Architecture& arch) {
  constexpr Field kParallel = {"use_parallel_residual", "use_parallel_residual"};
  ASSAY_ASSIGN_OR_RETURN(arch.parallel, reader.flag_or(kParallel, true));
  return ok_status();
}

// ---- phi (Phi-1, Phi-2): parallel sub-blocks behind one norm
// ---------------------------------------------

constexpr TensorSpec kPhiTensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnNormBias, "layers.{}.input_layernorm.bias"},
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnQBias, "layers.{}.self_attn.q_proj.bias"},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnKBias, "layers.{}.self_attn.k_proj.bias"},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnVBias, "layers.{}.self_attn.v_proj.bias"},
    {R::kAttnOutput, "layers.{}.self_attn.dense.weight"},
    {R::kAttnOutputBias, "layers.{}.self_attn.dense.bias"},
    {R::kFfnUp, "layers.{}.mlp.fc1.weight"},
    {R::kFfnUpBias, "layers.{}.mlp.fc1.bias"},
    {R::kFfnDown, "layers.{}.mlp.fc2.weight"},
    {R::kFfnDownBias, "layers.{}.mlp.fc2.bias"},
    {R::kOutputNorm, "final_layernorm.weight"},
    {R::kOutputNormBias, "final_layernorm.bias"},
    {R::kOutput, "/lm_head.weight"},
    {R::kOutputBias, "/lm_head.bias"},
};
constexpr std::string_view kPhiNames[] = {"PhiForCausalLM"};

Status read_phi(const FieldReader& reader, Architecture& arch) {
  constexpr Field kShare = {"", "partial_rotary_factor", "rope_parameters.partial_rotary_factor"};
  if (!reader.is_gguf() && reader.find(kShare).empty()) arch.rotary_dims = arch.head_dim / 2;
  return ok_status();
}

// ---- bert: an encoder; norms of the sums, no norm before
// --------------------------------------------------- It has no head: its states are read out
// through its own token embedding.

constexpr TensorSpec kBertTensors[] = {
    {R::kTokenEmbedding, "embeddings.word_embeddings.weight"},
    {R::kPositionEmbedding, "embeddings.position_embeddings.weight"},
    {R::kTokenTypeEmbedding, "embeddings.token_type_embeddings.weight"},
    {R::kEmbeddingNorm, "embeddings.LayerNorm.weight"},
    {R::kEmbeddingNormBias, "embeddings.LayerNorm.bias"},
    {R::kAttnQ, "encoder.layer.{}.attention.self.query.weight"},
    {R::kAttnQBias, "encoder.layer.{}.attention.self.query.bias"},
    {R::kAttnK, "encoder.layer.{}.attention.self.key.weight"},
    {R::kAttnKBias, "encoder.layer.{}.attention.self.key.bias"},
    {R::kAttnV, "encoder.layer.{}.attention.self.value.weight"},
    {R::kAttnVBias, "encoder.layer.{}.attention.self.value.bias"},
    {R::kAttnOutput, "encoder.layer.{}.attention.output.dense.weight"},
    {R::kAttnOutputBias, "encoder.layer.{}.attention.output.dense.bias"},
    {R::kAttnSumNorm, "encoder.layer.{}.attention.output.LayerNorm.weight"},
    {R::kAttnSumNormBias, "encoder.layer.{}.attention.output.LayerNorm.bias"},
    {R::kFfnUp, "encoder.layer.{}.intermediate.dense.weight"},
    {R::kFfnUpBias, "encoder.layer.{}.intermediate.dense.bias"},
    {R::kFfnDown, "encoder.layer.{}.output.dense.weight"},
    {R::kFfnDownBias, "encoder.layer.{}.output.dense.bias"},
    {R::kFfnSumNorm, "encoder.layer.{}.output.LayerNorm.weight"},
    {R::kFfnSumNormBias, "encoder.layer.{}.output.LayerNorm.bias"},
    {R::kPooler, "pooler.dense.weight", kOptional},
    {R::kPoolerBias, "pooler.dense.bias", kOptional},
};
constexpr std::string_view kBertNames[] = {"BertModel", "BertForMaskedLM",
                                           "BertForSequenceClassification"};
constexpr std::string_view kBertPrefix[] = {"", "bert."};
constexpr std::string_view kBertIgnored[] = {"embeddings.position_ids",
                                             "cls.predictions.bias",
                                             "cls.predictions.decoder.weight",
                                             "cls.predictions.decoder.bias",
                                             "cls.predictions.transform.dense.weight",
                                             "cls.predictions.transform.dense.bias",
                                             "cls.predictions.transform.LayerNorm.weight",
                                             "cls.predictions.transform.LayerNorm.bias",
                                             "cls.seq_relationship.weight",
                                             "cls.seq_relationship.bias"};

Status read_bert(const FieldReader&, Architecture& arch) {
  arch.encoder_layers = arch.layers;
  arch.context_max = arch.context;
  arch.tied_head = true;
  return ok_status();
}

Architecture with_layer_norm(Activation activation) {
  Architecture arch;
  arch.norm = NormKind::kLayer;
  arch.activation = activation;
  arch.gated = false;
  return arch;
}

Architecture gemma_base() {
  Architecture arch;
  arch.activation = Activation::kGeluTanh;
  return arch;
}

Architecture learned_positions(Activation activation) {
  Architecture arch = with_layer_norm(activation);
  arch.positions = PositionKind::kLearned;
  return arch;
}

Architecture gpt_neo_base() {
  Architecture arch = learned_positions(Activation::kGeluTanh);
  arch.attn_scale = 1;
  return arch;
}

Architecture phi_base() {
  Architecture arch = with_layer_norm(Activation::kGeluTanh);
  arch.parallel = true;
  return arch;
}

std::vector<FamilySpec> make_families() {
  return {
      {.name = "llama",
       .gguf_architecture = "llama",
       .hugging_face_architectures = kLlamaNames,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kLlamaTensors,
       .ignored_suffixes = kRotaryBuffers,
       .gguf_interleaved = true,
       .read_fields = read_llama},
      {.name = "qwen2",
       .gguf_architecture = "qwen2",
       .hugging_face_architectures = kQwen2Names,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kQwen2Tensors,
       .ignored_suffixes = kRotaryBuffers,
       .read_fields = read_qwen},
      {.name = "qwen3",
       .gguf_architecture = "qwen3",
       .hugging_face_architectures = kQwen3Names,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kQwen3Tensors,
       .ignored_suffixes = kRotaryBuffers,
       .read_fields = read_qwen},
      {.name = "phi3",
       .gguf_architecture = "phi3",
       .hugging_face_architectures = kPhi3Names,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kPhi3Tensors,
       .ignored_suffixes = kPhi3Ignored,
       .read_fields = read_llama},
      {.name = "gemma",
       .gguf_architecture = "gemma",
       .hugging_face_architectures = kGemmaNames,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kGemmaTensors,
       .ignored_suffixes = kRotaryBuffers,
       .tied_by_default = true,
       .base = gemma_base(),
       .read_fields = read_gemma},
      {.name = "gemma2",
       .gguf_architecture = "gemma2",
       .hugging_face_architectures = kGemma2Names,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kGemma2Tensors,
       .ignored_suffixes = kRotaryBuffers,
       .tied_by_default = true,
       .base = gemma_base(),
       .read_fields = read_gemma2},
      {.name = "gemma3",
       .gguf_architecture = "gemma3",
       .hugging_face_architectures = kGemma3Names,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kGemma3Tensors,
       .ignored_suffixes = kRotaryBuffers,
       .tied_by_default = true,
       .base = gemma_base(),
       .read_fields = read_gemma3},
      {.name = "gpt2",
       .gguf_architecture = "gpt2",
       .hugging_face_architectures = kGpt2Names,
       .hugging_face_prefixes = kTransformerPrefix,
       .tensors = kGpt2Tensors,
       .ignored_suffixes = kGpt2Ignored,
       .tied_by_default = true,
       .base = learned_positions(Activation::kGeluTanh),
       .read_fields = read_learned_positions},
      {.name = "gpt_neo",
       .gguf_architecture = {},
       .hugging_face_architectures = kGptNeoNames,
       .hugging_face_prefixes = kTransformerPrefix,
       .tensors = kGptNeoTensors,
       .ignored_suffixes = kGptNeoIgnored,
       .tied_by_default = true,
       .base = gpt_neo_base(),
       .read_fields = read_gpt_neo},
      {.name = "gpt_neox",
       .gguf_architecture = "gptneox",
       .hugging_face_architectures = kGptNeoxNames,
       .hugging_face_prefixes = kGptNeoxPrefix,
       .tensors = kGptNeoxTensors,
       .ignored_suffixes = kGptNeoxIgnored,
       .base = with_layer_norm(Activation::kGeluErf),
       .read_fields = read_gpt_neox},
      {.name = "phi",
       .gguf_architecture = "phi2",
       .hugging_face_architectures = kPhiNames,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kPhiTensors,
       .ignored_suffixes = kRotaryBuffers,
       .base = phi_base(),
       .read_fields = read_phi},
      {.name = "bert",
       .gguf_architecture = "bert",
       .hugging_face_architectures = kBertNames,
       .hugging_face_prefixes = kBertPrefix,
       .tensors = kBertTensors,
       .ignored_suffixes = kBertIgnored,
       .tied_by_default = true,
       .base = learned_positions(Activation::kGeluErf),
       .read_fields = read_bert},
  };
}

}  // namespace

const RoleInfo& role_info(TensorRole role) {
  const RoleInfo& info = kRoles[static_cast<size_t>(role)];
  ASSAY_CHECK(info.role == role);
  return info;
}

std::span<const FamilySpec> families() {
  static const std::vector<FamilySpec> kFamilies = make_families();
  return kFamilies;
}

}  // namespace assay
