// The families, as tables. To add one: a row in kFamilies with its tensor table and field names,
// and, where the family has an operation of its own, a field of Architecture that block.cc reads.
#include "model/family.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "base/check.h"

namespace assay {
namespace {

// Sizes a tensor's dimension is made of.
enum class Dim : uint8_t { kModel, kVocab, kQuery, kKeyValue, kFeedForward };

// `{}` in a name stands for the layer. columns is nothing for a vector.
struct TensorSpec {
  TensorRole role;
  bool per_layer;
  std::string_view gguf;  // also the canonical name
  std::string_view hugging_face;
  bool is_vector;
  Dim rows;  // of a matrix; the length of a vector
  Dim columns;
  bool rotary;  // rows may be stored interleaved
};

struct FamilySpec {
  std::string_view name;
  std::string_view gguf_architecture;
  std::span<const std::string_view> hugging_face_architectures;
  std::span<const TensorSpec> tensors;
  bool gguf_interleaved;  // GGUF files of the family hold q and k rows interleaved
  std::span<const std::string_view>
      ignored_suffixes;  // tensors that carry no weights of the function
};

constexpr std::array<std::string_view, 1> kLlamaArchitectures = {"LlamaForCausalLM"};
constexpr std::array<std::string_view, 1> kLlamaIgnored = {"rotary_emb.inv_freq"};
constexpr std::array<TensorSpec, 12> kLlamaTensors = {{
    {TensorRole::kTokenEmbedding, false, "token_embd.weight", "model.embed_tokens.weight", false,
     Dim::kVocab, Dim::kModel, false},
    {TensorRole::kAttnNorm, true, "blk.{}.attn_norm.weight",
     "model.layers.{}.input_layernorm.weight", true, Dim::kModel, Dim::kModel, false},
    {TensorRole::kAttnQ, true, "blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight",
     false, Dim::kQuery, Dim::kModel, true},
    {TensorRole::kAttnK, true, "blk.{}.attn_k.weight", "model.layers.{}.self_attn.k_proj.weight",
     false, Dim::kKeyValue, Dim::kModel, true},
    {TensorRole::kAttnV, true, "blk.{}.attn_v.weight", "model.layers.{}.self_attn.v_proj.weight",
     false, Dim::kKeyValue, Dim::kModel, false},
    {TensorRole::kAttnOutput, true, "blk.{}.attn_output.weight",
     "model.layers.{}.self_attn.o_proj.weight", false, Dim::kModel, Dim::kQuery, false},
    {TensorRole::kFfnNorm, true, "blk.{}.ffn_norm.weight",
     "model.layers.{}.post_attention_layernorm.weight", true, Dim::kModel, Dim::kModel, false},
    {TensorRole::kFfnGate, true, "blk.{}.ffn_gate.weight", "model.layers.{}.mlp.gate_proj.weight",
     false, Dim::kFeedForward, Dim::kModel, false},
    {TensorRole::kFfnUp, true, "blk.{}.ffn_up.weight", "model.layers.{}.mlp.up_proj.weight", false,
     Dim::kFeedForward, Dim::kModel, false},
    {TensorRole::kFfnDown, true, "blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight",
     false, Dim::kModel, Dim::kFeedForward, false},
    {TensorRole::kOutputNorm, false, "output_norm.weight", "model.norm.weight", true, Dim::kModel,
     Dim::kModel, false},
    {TensorRole::kOutput, false, "output.weight", "lm_head.weight", false, Dim::kVocab, Dim::kModel,
     false},
}};

constexpr std::array<FamilySpec, 1> kFamilies = {{
    {"llama", "llama", kLlamaArchitectures, kLlamaTensors, true, kLlamaIgnored},
}};

// Bounds on hyperparameters: far above any model there is, low enough that products of three fit in
// 64 bits.
constexpr uint64_t kLayersMax = 4096;
constexpr uint64_t kWidthMax = 1 << 20;
constexpr uint64_t kVocabMax = 1 << 24;
constexpr uint64_t kContextMax = 1 << 28;

std::string layer_name(std::string_view pattern, uint32_t layer) {
  const size_t at = pattern.find("{}");
  if (at == std::string_view::npos) return std::string(pattern);
  std::string out(pattern.substr(0, at));
  out += std::to_string(layer);
  out += pattern.substr(at + 2);
  return out;
}

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + "]";
}

std::string supported_families() {
  std::string out;
  for (const FamilySpec& family : kFamilies) {
    if (!out.empty()) out += ", ";
    out += family.name;
  }
  return out;
}

Result<const FamilySpec*> find_family(const Checkpoint& checkpoint) {
  std::string wanted;
  if (checkpoint.format == CheckpointFormat::kGguf) {
    ASSAY_ASSIGN_OR_RETURN(wanted, checkpoint.meta_string("general.architecture"));
    for (const FamilySpec& family : kFamilies) {
      if (family.gguf_architecture == wanted) return &family;
    }
  } else {
    const auto it = checkpoint.meta.find("architectures");
    const auto* names =
        it == checkpoint.meta.end() ? nullptr : std::get_if<std::vector<std::string>>(&it->second);
    if (names == nullptr || names->empty()) {
      return data_loss(checkpoint.path +
                       ": config.json has no \"architectures\", so the model family is unknown");
    }
    wanted = names->front();
    for (const FamilySpec& family : kFamilies) {
      for (const std::string_view name : family.hugging_face_architectures) {
        if (name == wanted) return &family;
      }
    }
  }
  return unimplemented(checkpoint.path + ": model family \"" + wanted +
                       "\" is not supported; supported: " + supported_families());
}

Result<uint64_t> uint_or(const Checkpoint& checkpoint, const std::string& name, uint64_t fallback,
                         uint64_t min, uint64_t max) {
  if (!checkpoint.has_meta(name)) return fallback;
  return checkpoint.meta_uint(name, min, max);
}

Result<double> double_or(const Checkpoint& checkpoint, const std::string& name, double fallback) {
  if (!checkpoint.has_meta(name)) return fallback;
  return checkpoint.meta_double(name);
}

// Refuses an option that changes the function and is not computed here.
Status refuse_unless(const Checkpoint& checkpoint, const std::string& name,
                     std::string_view allowed) {
  if (!checkpoint.has_meta(name)) return ok_status();
  ASSAY_ASSIGN_OR_RETURN(const std::string value, checkpoint.meta_string(name));
  if (value == allowed) return ok_status();
  return unimplemented(checkpoint.path + ": " + name + " = \"" + value +
                       "\" is not supported; only \"" + std::string(allowed) + "\" is");
}

Result<Architecture> read_gguf_fields(const Checkpoint& c, const FamilySpec& family) {
  const std::string prefix = std::string(family.gguf_architecture) + ".";
  Architecture arch;
  arch.family = family.name;
  ASSAY_ASSIGN_OR_RETURN(const uint64_t layers, c.meta_uint(prefix + "block_count", 1, kLayersMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t d_model,
                         c.meta_uint(prefix + "embedding_length", 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t d_ff,
                         c.meta_uint(prefix + "feed_forward_length", 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t heads,
                         c.meta_uint(prefix + "attention.head_count", 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t kv_heads,
                         uint_or(c, prefix + "attention.head_count_kv", heads, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t head_dim, uint_or(c, prefix + "attention.key_length",
                                                          d_model / heads, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t rotary,
                         uint_or(c, prefix + "rope.dimension_count", head_dim, 2, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t context,
                         uint_or(c, prefix + "context_length", kContextMax, 1, kContextMax));
  ASSAY_ASSIGN_OR_RETURN(const double eps,
                         c.meta_double(prefix + "attention.layer_norm_rms_epsilon"));
  ASSAY_ASSIGN_OR_RETURN(arch.rope_base, double_or(c, prefix + "rope.freq_base", 10000.0));
  ASSAY_RETURN_IF_ERROR(refuse_unless(c, prefix + "rope.scaling.type", "none"));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t experts,
                         uint_or(c, prefix + "expert_count", 0, 0, kWidthMax));
  if (experts > 0) {
    return unimplemented(c.path + ": " + prefix + "expert_count = " + std::to_string(experts) +
                         ": mixture-of-experts models are not supported");
  }
  arch.layers = static_cast<uint32_t>(layers);
  arch.d_model = static_cast<uint32_t>(d_model);
  arch.d_ff = static_cast<uint32_t>(d_ff);
  arch.heads = static_cast<uint32_t>(heads);
  arch.kv_heads = static_cast<uint32_t>(kv_heads);
  arch.head_dim = static_cast<uint32_t>(head_dim);
  arch.rotary_dims = static_cast<uint32_t>(rotary);
  arch.context = static_cast<uint32_t>(context);
  arch.norm_eps = static_cast<float>(eps);
  arch.tied_head = !c.tensors.contains("output.weight");
  return arch;
}

Result<Architecture> read_config_fields(const Checkpoint& c, const FamilySpec& family) {
  Architecture arch;
  arch.family = family.name;
  ASSAY_ASSIGN_OR_RETURN(const uint64_t layers, c.meta_uint("num_hidden_layers", 1, kLayersMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t d_model, c.meta_uint("hidden_size", 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t d_ff, c.meta_uint("intermediate_size", 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t heads, c.meta_uint("num_attention_heads", 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t kv_heads,
                         uint_or(c, "num_key_value_heads", heads, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t head_dim,
                         uint_or(c, "head_dim", d_model / heads, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t context,
                         uint_or(c, "max_position_embeddings", kContextMax, 1, kContextMax));
  ASSAY_ASSIGN_OR_RETURN(const double eps, c.meta_double("rms_norm_eps"));
  ASSAY_ASSIGN_OR_RETURN(arch.rope_base, double_or(c, "rope_theta", 10000.0));
  ASSAY_RETURN_IF_ERROR(refuse_unless(c, "hidden_act", "silu"));
  ASSAY_RETURN_IF_ERROR(refuse_unless(c, "rope_scaling.type", "default"));
  ASSAY_RETURN_IF_ERROR(refuse_unless(c, "rope_scaling.rope_type", "default"));
  for (const std::string name : {"attention_bias", "mlp_bias"}) {
    const auto it = c.meta.find(name);
    const bool* value = it == c.meta.end() ? nullptr : std::get_if<bool>(&it->second);
    if (value != nullptr && *value) {
      return unimplemented(c.path + ": config.json: " + name + " = true is not supported");
    }
  }
  arch.layers = static_cast<uint32_t>(layers);
  arch.d_model = static_cast<uint32_t>(d_model);
  arch.d_ff = static_cast<uint32_t>(d_ff);
  arch.heads = static_cast<uint32_t>(heads);
  arch.kv_heads = static_cast<uint32_t>(kv_heads);
  arch.head_dim = static_cast<uint32_t>(head_dim);
  arch.rotary_dims = arch.head_dim;
  arch.context = static_cast<uint32_t>(context);
  arch.norm_eps = static_cast<float>(eps);
  const auto tied = c.meta.find("tie_word_embeddings");
  const bool* tied_value = tied == c.meta.end() ? nullptr : std::get_if<bool>(&tied->second);
  arch.tied_head = (tied_value != nullptr && *tied_value) || !c.tensors.contains("lm_head.weight");
  return arch;
}

Status check_fields(const Checkpoint& c, const Architecture& a) {
  const auto fail = [&](const std::string& what) { return data_loss(c.path + ": " + what); };
  if (a.heads % a.kv_heads != 0) {
    return fail("attention heads = " + std::to_string(a.heads) +
                " is not a multiple of key-value heads = " + std::to_string(a.kv_heads));
  }
  if (uint64_t{a.heads} * a.head_dim > kWidthMax) {
    return fail("attention heads * head size = " + std::to_string(uint64_t{a.heads} * a.head_dim) +
                " is above the limit of " + std::to_string(kWidthMax));
  }
  if (a.rotary_dims % 2 != 0 || a.rotary_dims > a.head_dim) {
    return fail("rotary dimensions = " + std::to_string(a.rotary_dims) +
                " must be even and at most the head size " + std::to_string(a.head_dim));
  }
  if (!(a.norm_eps > 0 && a.norm_eps < 1)) {
    return fail("norm epsilon = " + std::to_string(a.norm_eps) + " is not in (0, 1)");
  }
  if (!(a.rope_base >= 1 && a.rope_base < 1e12)) {
    return fail("RoPE base = " + std::to_string(a.rope_base) + " is not in [1, 1e12)");
  }
  return ok_status();
}

uint64_t dim_size(Dim dim, const Architecture& a) {
  switch (dim) {
    case Dim::kModel:
      return a.d_model;
    case Dim::kVocab:
      return a.vocab;
    case Dim::kQuery:
      return uint64_t{a.heads} * a.head_dim;
    case Dim::kKeyValue:
      return uint64_t{a.kv_heads} * a.head_dim;
    case Dim::kFeedForward:
      return a.d_ff;
  }
  return 0;
}

Result<BoundTensor> bind_tensor(const Checkpoint& c, const FamilySpec& family,
                                const TensorSpec& spec, const Architecture& arch, uint32_t layer) {
  const bool gguf = c.format == CheckpointFormat::kGguf;
  const std::string name = layer_name(gguf ? spec.gguf : spec.hugging_face, layer);
  ASSAY_ASSIGN_OR_RETURN(const TensorInfo* info, c.tensor(name));
  std::vector<uint64_t> expected = {dim_size(spec.rows, arch)};
  if (!spec.is_vector) expected.push_back(dim_size(spec.columns, arch));
  if (info->shape != expected) {
    return data_loss(c.path + ": tensor " + name + " has shape " + shape_text(info->shape) +
                     "; the model's fields say " + shape_text(expected));
  }
  BoundTensor bound;
  bound.role = spec.role;
  bound.layer = layer;
  bound.name = layer_name(spec.gguf, layer);
  bound.info = *info;
  if (spec.rotary && gguf && family.gguf_interleaved) bound.row_order = RowOrder::kInterleaved;
  return bound;
}

// A tensor that the family does not know may change the function: better refused than silently left
// out.
Status refuse_unknown_tensors(const Checkpoint& c, const FamilySpec& family,
                              const std::vector<BoundTensor>& bound, bool tied) {
  std::set<std::string> known;
  for (const BoundTensor& tensor : bound) known.insert(tensor.info.name);
  if (tied)
    known.insert(
        "lm_head.weight");  // a copy of the embedding that the configuration says is not used
  for (const auto& [name, info] : c.tensors) {
    if (known.contains(name)) continue;
    const bool ignored =
        std::any_of(family.ignored_suffixes.begin(), family.ignored_suffixes.end(),
                    [&](std::string_view suffix) { return name.ends_with(suffix); });
    if (!ignored) {
      return unimplemented(c.path + ": tensor " + name + " is not part of family " +
                           std::string(family.name) + " as supported here");
    }
  }
  return ok_status();
}

}  // namespace

uint64_t source_row(const BoundTensor& tensor, const Architecture& arch, uint64_t row) {
  if (tensor.row_order == RowOrder::kCanonical) return row;
  const uint64_t head = row / arch.head_dim;
  const uint64_t i = row % arch.head_dim;
  if (i >= arch.rotary_dims) return row;
  const uint64_t half = arch.rotary_dims / 2;
  return head * arch.head_dim + (i < half ? 2 * i : 2 * (i - half) + 1);
}

Result<BoundFamily> bind_family(const Checkpoint& checkpoint) {
  ASSAY_ASSIGN_OR_RETURN(const FamilySpec* family, find_family(checkpoint));
  const bool gguf = checkpoint.format == CheckpointFormat::kGguf;
  BoundFamily out;
  ASSAY_ASSIGN_OR_RETURN(out.arch, gguf ? read_gguf_fields(checkpoint, *family)
                                        : read_config_fields(checkpoint, *family));
  const TensorSpec& embedding = family->tensors.front();
  ASSAY_ASSIGN_OR_RETURN(
      const TensorInfo* embedding_info,
      checkpoint.tensor(std::string(gguf ? embedding.gguf : embedding.hugging_face)));
  if (embedding_info->rows() < 1 || embedding_info->rows() > kVocabMax) {
    return data_loss(checkpoint.path + ": tensor " + embedding_info->name + " has " +
                     std::to_string(embedding_info->rows()) + " rows; a vocabulary has 1 to " +
                     std::to_string(kVocabMax));
  }
  out.arch.vocab = static_cast<uint32_t>(embedding_info->rows());
  ASSAY_RETURN_IF_ERROR(check_fields(checkpoint, out.arch));

  const auto bind = [&](const TensorSpec& spec, uint32_t layer) -> Status {
    ASSAY_ASSIGN_OR_RETURN(BoundTensor bound,
                           bind_tensor(checkpoint, *family, spec, out.arch, layer));
    out.tensors.push_back(std::move(bound));
    return ok_status();
  };
  ASSAY_RETURN_IF_ERROR(bind(embedding, 0));
  for (uint32_t layer = 0; layer < out.arch.layers; ++layer) {
    for (const TensorSpec& spec : family->tensors) {
      if (spec.per_layer) ASSAY_RETURN_IF_ERROR(bind(spec, layer));
    }
  }
  for (const TensorSpec& spec : family->tensors.subspan(1)) {
    if (spec.per_layer || (spec.role == TensorRole::kOutput && out.arch.tied_head)) continue;
    ASSAY_RETURN_IF_ERROR(bind(spec, 0));
  }
  ASSAY_RETURN_IF_ERROR(
      refuse_unknown_tensors(checkpoint, *family, out.tensors, out.arch.tied_head));
  return out;
}

std::vector<std::string_view> family_names() {
  std::vector<std::string_view> names;
  for (const FamilySpec& family : kFamilies) names.push_back(family.name);
  return names;
}

}  // namespace assay
