// Families of GPT's line: layer norms, biases, two matrices with an activation between them. What
// their tables mean: family_tables.h.
#include "model/family_fields.h"
#include "model/family_tables.h"

namespace assay {
namespace {

using R = TensorRole;
constexpr bool kOptional = true;
constexpr Storage kWhole = Storage::kWhole;
constexpr Storage kStacked = Storage::kStacked;
constexpr Storage kPerHead = Storage::kPerHead;

bool odd_layers(uint32_t layer) { return layer % 2 == 1; }

constexpr std::string_view kModelPrefix[] = {"model.", "", "language_model.model.",
                                             "model.language_model."};
constexpr std::string_view kRotaryBuffers[] = {"rotary_emb.inv_freq", "rope_freqs.weight"};
constexpr std::string_view kTransformerPrefix[] = {"transformer.", ""};

// ---- gpt2: learned positions, layer norms, biases; matrices stored transposed
// ------------------------

constexpr bool kTransposed = true;
constexpr std::string_view kGpt2Qkv = "h.{}.attn.c_attn.weight";
constexpr std::string_view kGpt2QkvBias = "h.{}.attn.c_attn.bias";
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

// ---- falcon (7B): one head for keys and values, parallel sub-blocks behind one norm
// -----------------------------

constexpr std::string_view kFalconQkv = "h.{}.self_attention.query_key_value.weight";
constexpr TensorSpec kFalconTensors[] = {
    {R::kTokenEmbedding, "word_embeddings.weight"},
    {R::kAttnNorm, "h.{}.input_layernorm.weight"},
    {R::kAttnNormBias, "h.{}.input_layernorm.bias"},
    {R::kAttnQ, kFalconQkv, false, kStacked, false, kGgufQkv, kStacked},
    {R::kAttnK, kFalconQkv, false, kStacked, false, kGgufQkv, kStacked},
    {R::kAttnV, kFalconQkv, false, kStacked, false, kGgufQkv, kStacked},
    {R::kAttnOutput, "h.{}.self_attention.dense.weight"},
    {R::kFfnUp, "h.{}.mlp.dense_h_to_4h.weight"},
    {R::kFfnDown, "h.{}.mlp.dense_4h_to_h.weight"},
    {R::kOutputNorm, "ln_f.weight"},
    {R::kOutputNormBias, "ln_f.bias"},
    {R::kOutput, "/lm_head.weight", kOptional},
};
constexpr std::string_view kFalconNames[] = {"FalconForCausalLM"};

Status read_falcon(const FieldReader& reader, Architecture& arch) {
  if (reader.is_gguf()) return ok_status();
  const auto only = [&](std::string_view name, bool fallback, bool supported) -> Status {
    const Field field = {"", name};
    ASSAY_ASSIGN_OR_RETURN(const bool value, reader.flag_or(field, fallback));
    if (value == supported) return ok_status();
    return reader.refuse(field, value ? "true" : "false", "the form of Falcon 7B is");
  };
  ASSAY_RETURN_IF_ERROR(only("alibi", false, false));
  ASSAY_RETURN_IF_ERROR(only("new_decoder_architecture", false, false));
  ASSAY_RETURN_IF_ERROR(only("parallel_attn", true, true));
  ASSAY_RETURN_IF_ERROR(only("multi_query", true, true));
  ASSAY_RETURN_IF_ERROR(only("bias", false, false));
  arch.kv_heads = 1;
  return ok_status();
}

Architecture with_layer_norm(Activation activation) {
  Architecture arch;
  arch.norm = NormKind::kLayer;
  arch.activation = activation;
  arch.gated = false;
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

Architecture falcon_base() {
  Architecture arch = with_layer_norm(Activation::kGeluErf);
  arch.parallel = true;
  return arch;
}

}  // namespace

std::vector<FamilySpec> gpt_families() {
  return {
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
       .gguf_architecture = "",
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
      {.name = "falcon",
       .gguf_architecture = "falcon",
       .hugging_face_architectures = kFalconNames,
       .hugging_face_prefixes = kTransformerPrefix,
       .tensors = kFalconTensors,
       .ignored_suffixes = kRotaryBuffers,
       .tied_by_default = true,
       .base = falcon_base(),
       .read_fields = read_falcon},
  };
}

}  // namespace assay
