// Families of Llama's line: RMS norms (mostly), rotary positions, a gated feed-forward part. What
// their tables mean: family_tables.h.
#include "model/family_fields.h"
#include "model/family_tables.h"

namespace assay {
namespace {

using R = TensorRole;
constexpr bool kOptional = true;
constexpr Storage kStacked = Storage::kStacked;

bool every_layer(uint32_t) { return true; }
bool even_layers(uint32_t layer) { return layer % 2 == 0; }
bool five_of_six(uint32_t layer) { return layer % 6 != 5; }

constexpr Field kWindow = {"attention.sliding_window", "sliding_window"};
constexpr Field kUseWindow = {"", "use_sliding_window"};
constexpr std::string_view kModelPrefix[] = {"model.", "", "language_model.model.",
                                             "model.language_model."};
constexpr std::string_view kRotaryBuffers[] = {"rotary_emb.inv_freq", "rope_freqs.weight"};

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

constexpr std::string_view kPhi3Qkv = "layers.{}.self_attn.qkv_proj.weight";
constexpr std::string_view kPhi3GateUp = "layers.{}.mlp.gate_up_proj.weight";
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

// ---- starcoder2: layer norms, biases, no gate
// ------------------------------------------------------------------

constexpr TensorSpec kStarcoder2Tensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnNormBias, "layers.{}.input_layernorm.bias"},
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnQBias, "layers.{}.self_attn.q_proj.bias", kOptional},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnKBias, "layers.{}.self_attn.k_proj.bias", kOptional},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnVBias, "layers.{}.self_attn.v_proj.bias", kOptional},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    {R::kAttnOutputBias, "layers.{}.self_attn.o_proj.bias", kOptional},
    {R::kFfnNorm, "layers.{}.post_attention_layernorm.weight"},
    {R::kFfnNormBias, "layers.{}.post_attention_layernorm.bias"},
    {R::kFfnUp, "layers.{}.mlp.c_fc.weight"},
    {R::kFfnUpBias, "layers.{}.mlp.c_fc.bias", kOptional},
    {R::kFfnDown, "layers.{}.mlp.c_proj.weight"},
    {R::kFfnDownBias, "layers.{}.mlp.c_proj.bias", kOptional},
    {R::kOutputNorm, "norm.weight"},
    {R::kOutputNormBias, "norm.bias"},
    {R::kOutput, "/lm_head.weight", kOptional},
};
constexpr std::string_view kStarcoder2Names[] = {"Starcoder2ForCausalLM"};

// ---- stablelm: layer norms, part of a head rotated
// -------------------------------------------------------------

constexpr TensorSpec kStableLmTensors[] = {
    {R::kTokenEmbedding, "embed_tokens.weight"},
    {R::kAttnNorm, "layers.{}.input_layernorm.weight"},
    {R::kAttnNormBias, "layers.{}.input_layernorm.bias"},
    {R::kAttnQ, "layers.{}.self_attn.q_proj.weight"},
    {R::kAttnQBias, "layers.{}.self_attn.q_proj.bias", kOptional},
    {R::kAttnK, "layers.{}.self_attn.k_proj.weight"},
    {R::kAttnKBias, "layers.{}.self_attn.k_proj.bias", kOptional},
    {R::kAttnV, "layers.{}.self_attn.v_proj.weight"},
    {R::kAttnVBias, "layers.{}.self_attn.v_proj.bias", kOptional},
    {R::kAttnOutput, "layers.{}.self_attn.o_proj.weight"},
    {R::kFfnNorm, "layers.{}.post_attention_layernorm.weight", kOptional},
    {R::kFfnNormBias, "layers.{}.post_attention_layernorm.bias", kOptional},
    {R::kFfnGate, "layers.{}.mlp.gate_proj.weight"},
    {R::kFfnUp, "layers.{}.mlp.up_proj.weight"},
    {R::kFfnDown, "layers.{}.mlp.down_proj.weight"},
    {R::kOutputNorm, "norm.weight"},
    {R::kOutputNormBias, "norm.bias"},
    {R::kOutput, "/lm_head.weight"},
};
constexpr std::string_view kStableLmNames[] = {"StableLmForCausalLM"};

Status read_stablelm(const FieldReader& reader, Architecture& arch) {
  constexpr Field kShare = {"", "partial_rotary_factor", "rope_parameters.partial_rotary_factor"};
  constexpr Field kParallel = {"use_parallel_residual", "use_parallel_residual"};
  if (!reader.is_gguf() && reader.find(kShare).empty()) arch.rotary_dims = arch.head_dim / 4;
  ASSAY_ASSIGN_OR_RETURN(arch.parallel, reader.flag_or(kParallel, false));
  return ok_status();
}

Architecture gemma_base() {
  Architecture arch;
  arch.activation = Activation::kGeluTanh;
  return arch;
}

Architecture starcoder2_base() {
  Architecture arch;
  arch.norm = NormKind::kLayer;
  arch.activation = Activation::kGeluTanh;
  arch.gated = false;
  return arch;
}

Architecture stablelm_base() {
  Architecture arch;
  arch.norm = NormKind::kLayer;
  return arch;
}

}  // namespace

std::vector<FamilySpec> llama_families() {
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
      {.name = "starcoder2",
       .gguf_architecture = "starcoder2",
       .hugging_face_architectures = kStarcoder2Names,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kStarcoder2Tensors,
       .ignored_suffixes = kRotaryBuffers,
       .tied_by_default = true,
       .base = starcoder2_base(),
       .read_fields = read_llama},
      {.name = "stablelm",
       .gguf_architecture = "stablelm",
       .hugging_face_architectures = kStableLmNames,
       .hugging_face_prefixes = kModelPrefix,
       .tensors = kStableLmTensors,
       .ignored_suffixes = kRotaryBuffers,
       .base = stablelm_base(),
       .read_fields = read_stablelm},
  };
}

}  // namespace assay
