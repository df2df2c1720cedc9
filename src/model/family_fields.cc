#include "model/family_fields.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/bytes.h"
#include "base/detmath.h"

namespace assay {
namespace {

constexpr Field kLayers = {"block_count", "num_hidden_layers", "n_layer", "num_layers"};
constexpr Field kModelWidth = {"embedding_length", "hidden_size", "n_embd", "d_model"};
constexpr Field kFeedForward = {"feed_forward_length", "intermediate_size", "n_inner", "d_ff"};
constexpr Field kHeads = {"attention.head_count", "num_attention_heads", "n_head", "num_heads"};
constexpr Field kKvHeads = {"attention.head_count_kv", "num_key_value_heads", "num_kv_heads"};
constexpr Field kHeadDim = {"attention.key_length", "head_dim", "d_kv"};
constexpr Field kRotaryDims = {"rope.dimension_count", ""};
constexpr Field kRotaryShare = {"", "partial_rotary_factor", "rotary_pct",
                                "rope_parameters.partial_rotary_factor"};
constexpr Field kContext = {"context_length", "max_position_embeddings", "n_positions"};
constexpr Field kRmsEps = {"attention.layer_norm_rms_epsilon", "rms_norm_eps",
                           "layer_norm_epsilon"};
constexpr Field kLayerEps = {"attention.layer_norm_epsilon", "layer_norm_eps", "layer_norm_epsilon",
                             "norm_epsilon"};
constexpr Field kRopeBase = {"rope.freq_base", "rope_theta", "rotary_emb_base",
                             "rope_parameters.rope_theta"};
constexpr Field kTied = {"", "tie_word_embeddings"};
constexpr Field kActivation = {"", "hidden_act", "activation_function", "hidden_activation"};
constexpr Field kExperts = {"expert_count", "num_local_experts", "num_experts"};

constexpr Field kScalingType = {"rope.scaling.type", "rope_scaling.rope_type", "rope_scaling.type",
                                "rope_parameters.rope_type"};
constexpr Field kFullScalingType = {"", "rope_parameters.full_attention.rope_type"};
constexpr Field kFullScalingFactor = {"", "rope_parameters.full_attention.factor"};
// In the second form of config.json all of these stand under rope_parameters.
constexpr Field kScalingFactor = {"rope.scaling.factor", "rope_scaling.factor",
                                  "rope_parameters.factor"};
constexpr Field kScalingLow = {"", "rope_scaling.low_freq_factor",
                               "rope_parameters.low_freq_factor"};
constexpr Field kScalingHigh = {"", "rope_scaling.high_freq_factor",
                                "rope_parameters.high_freq_factor"};
constexpr Field kScalingContext = {"rope.scaling.original_context_length",
                                   "original_max_position_embeddings",
                                   "rope_scaling.original_max_position_embeddings",
                                   "rope_parameters.original_max_position_embeddings"};
constexpr Field kShortFactor = {"", "rope_scaling.short_factor", "rope_parameters.short_factor"};
constexpr Field kLongFactor = {"", "rope_scaling.long_factor", "rope_parameters.long_factor"};
constexpr Field kMagnitude = {"rope.scaling.attn_factor", "rope_scaling.attention_factor",
                              "rope_parameters.attention_factor"};
constexpr Field kLayerTypes = {"", "layer_types", "attention_layers"};

constexpr double kPi = 3.14159265358979323846;

double frequency(const Architecture& arch, const Rotary& rotary, size_t i) {
  return det_pow(rotary.base, -2.0 * static_cast<double>(i) / arch.rotary_dims);
}

Status read_llama3_scaling(const FieldReader& reader, double factor, Architecture& arch) {
  ASSAY_ASSIGN_OR_RETURN(const double low, reader.real(kScalingLow));
  ASSAY_ASSIGN_OR_RETURN(const double high, reader.real(kScalingHigh));
  ASSAY_ASSIGN_OR_RETURN(const double context, reader.real(kScalingContext));
  if (!(low > 0 && high > low && context >= 1)) {
    return data_loss(reader.checkpoint().path +
                     ": rope_scaling needs 0 < low_freq_factor < high_freq_factor and a positive "
                     "original_max_position_embeddings");
  }
  for (size_t i = 0; i < arch.rotary_dims / 2; ++i) {
    const double wavelength = 2 * kPi / frequency(arch, arch.rope, i);
    double divisor = 1;
    if (wavelength > context / low) {
      divisor = factor;
    } else if (wavelength >= context / high) {
      const double smooth = (context / wavelength - low) / (high - low);
      divisor = 1 / ((1 - smooth) / factor + smooth);
    }
    // Rounded as GGUF files hold it, in rope_freqs.weight.
    arch.rope.divisors.push_back(static_cast<double>(static_cast<float>(divisor)));
  }
  return ok_status();
}

// Frequencies that depend on whether the whole sequence is longer than the original context.
Status read_longrope_scaling(const FieldReader& reader, Architecture& arch) {
  const size_t half = arch.rotary_dims / 2;
  const auto divisors = [&](std::string_view gguf,
                            const Field& config) -> Result<std::vector<double>> {
    std::vector<double> out;
    if (reader.is_gguf()) {
      ASSAY_ASSIGN_OR_RETURN(out, reader.small_tensor(gguf, half));
    } else {
      ASSAY_ASSIGN_OR_RETURN(out, reader.reals(config));
      // Rounded as GGUF files hold them.
      for (double& divisor : out) divisor = static_cast<double>(static_cast<float>(divisor));
    }
    const bool positive = std::all_of(out.begin(), out.end(), [](double d) { return d > 0; });
    if (out.size() == half && positive) return out;
    return data_loss(reader.checkpoint().path + ": " +
                     (reader.is_gguf() ? std::string(gguf) : std::string(config.config)) + " has " +
                     std::to_string(out.size()) + " numbers; " + std::to_string(half) +
                     " positive ones are needed, half of the rotary dimensions");
  };
  ASSAY_ASSIGN_OR_RETURN(arch.rope.divisors, divisors("rope_factors_short.weight", kShortFactor));
  ASSAY_ASSIGN_OR_RETURN(arch.rope.long_divisors,
                         divisors("rope_factors_long.weight", kLongFactor));
  ASSAY_ASSIGN_OR_RETURN(arch.rope.long_from,
                         reader.count_or(kScalingContext, arch.context, 2, kContextMax));
  const double stretch = static_cast<double>(arch.context) / arch.rope.long_from;
  ASSAY_ASSIGN_OR_RETURN(const double factor, reader.real_or(kScalingFactor, stretch));
  const double usual =
      factor > 1 ? __builtin_sqrt(1 + det_log(factor) / det_log(arch.rope.long_from)) : 1;
  ASSAY_ASSIGN_OR_RETURN(const double magnitude, reader.real_or(kMagnitude, usual));
  arch.rope.magnitude = static_cast<float>(magnitude);
  return ok_status();
}

Status read_activation(const FieldReader& reader, Architecture& arch) {
  ASSAY_ASSIGN_OR_RETURN(const std::string name, reader.text_or(kActivation, ""));
  if (name.empty()) return ok_status();
  if (name == "silu" || name == "swish") {
    arch.activation = Activation::kSilu;
  } else if (name == "gelu") {
    // Gemma's files say gelu and mean the tanh form.
    if (!arch.family.starts_with("gemma")) arch.activation = Activation::kGeluErf;
  } else if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") {
    arch.activation = Activation::kGeluTanh;
  } else if (name == "relu") {
    arch.activation = Activation::kRelu;
  } else {
    return reader.refuse(kActivation, name, "silu, gelu, gelu_new, gelu_pytorch_tanh and relu are");
  }
  return ok_status();
}

Status read_rotary_dims(const FieldReader& reader, Architecture& arch) {
  if (arch.positions != PositionKind::kRotary) {
    arch.rotary_dims = 0;
    return ok_status();
  }
  if (reader.is_gguf()) {
    ASSAY_ASSIGN_OR_RETURN(arch.rotary_dims,
                           reader.count_or(kRotaryDims, arch.head_dim, 2, kWidthMax));
    return ok_status();
  }
  ASSAY_ASSIGN_OR_RETURN(const double share, reader.real_or(kRotaryShare, 1.0));
  if (!(share > 0 && share <= 1)) {
    return data_loss(reader.checkpoint().path + ": " + reader.find(kRotaryShare) + " = " +
                     std::to_string(share) + " is not in (0, 1]");
  }
  arch.rotary_dims = static_cast<uint32_t>(share * arch.head_dim);
  return ok_status();
}

bool has_tensor(const Checkpoint& c, const FamilySpec& family, TensorRole role) {
  for (const TensorSpec& spec : family.tensors) {
    if (spec.role != role) continue;
    if (c.format == CheckpointFormat::kGguf)
      return c.tensors.contains(std::string(role_info(role).gguf));
    std::string_view name = spec.hugging_face;
    if (name.starts_with('/')) return c.tensors.contains(std::string(name.substr(1)));
    for (const std::string_view prefix : family.hugging_face_prefixes) {
      if (c.tensors.contains(std::string(prefix) + std::string(name))) return true;
    }
  }
  return false;
}

}  // namespace

std::string FieldReader::find(const Field& field) const {
  if (is_gguf()) {
    if (field.gguf.empty()) return "";
    std::string name = std::string(family_.gguf_architecture) + "." + std::string(field.gguf);
    return c_.has_meta(name) ? name : "";
  }
  for (const std::string_view name : {field.config, field.config_older, field.config_oldest}) {
    if (!name.empty() && c_.has_meta(std::string(name))) return std::string(name);
  }
  return "";
}

std::string FieldReader::missing(const Field& field) const {
  return is_gguf() ? std::string(family_.gguf_architecture) + "." + std::string(field.gguf)
                   : std::string(field.config);
}

Result<uint32_t> FieldReader::count(const Field& field, uint64_t min, uint64_t max) const {
  const std::string name = find(field);
  ASSAY_ASSIGN_OR_RETURN(const uint64_t value,
                         c_.meta_uint(name.empty() ? missing(field) : name, min, max));
  return static_cast<uint32_t>(value);
}

Result<uint32_t> FieldReader::count_or(const Field& field, uint64_t fallback, uint64_t min,
                                       uint64_t max) const {
  if (find(field).empty()) return static_cast<uint32_t>(fallback);
  return count(field, min, max);
}

Result<double> FieldReader::real(const Field& field) const {
  const std::string name = find(field);
  return c_.meta_double(name.empty() ? missing(field) : name);
}

Result<double> FieldReader::real_or(const Field& field, double fallback) const {
  if (find(field).empty()) return fallback;
  return real(field);
}

Result<bool> FieldReader::flag_or(const Field& field, bool fallback) const {
  const std::string name = find(field);
  if (name.empty()) return fallback;
  const bool* value = std::get_if<bool>(&c_.meta.at(name));
  if (value == nullptr) return data_loss(c_.path + ": " + name + " is not true or false");
  return *value;
}

Result<std::string> FieldReader::text_or(const Field& field, std::string_view fallback) const {
  const std::string name = find(field);
  if (name.empty()) return std::string(fallback);
  return c_.meta_string(name);
}

Result<std::vector<double>> FieldReader::reals(const Field& field) const {
  const std::string name = find(field);
  if (name.empty()) return std::vector<double>{};
  const MetaValue& value = c_.meta.at(name);
  if (const auto* reals = std::get_if<std::vector<double>>(&value)) return *reals;
  if (const auto* integers = std::get_if<std::vector<int64_t>>(&value)) {
    return std::vector<double>(integers->begin(), integers->end());
  }
  return data_loss(c_.path + ": " + name + " is not a list of numbers");
}

Result<std::vector<std::string>> FieldReader::texts(const Field& field) const {
  const std::string name = find(field);
  if (name.empty()) return std::vector<std::string>{};
  const auto* texts = std::get_if<std::vector<std::string>>(&c_.meta.at(name));
  if (texts == nullptr) return data_loss(c_.path + ": " + name + " is not a list of strings");
  return *texts;
}

Result<std::vector<double>> FieldReader::small_tensor(std::string_view name, size_t size) const {
  std::vector<double> out;
  const auto it = c_.tensors.find(std::string(name));
  if (it == c_.tensors.end()) return out;
  const TensorInfo& info = it->second;
  if (info.type != DType::kF32 || info.elements() != size) {
    return data_loss(c_.path + ": tensor " + std::string(name) + " has " +
                     std::to_string(info.elements()) + " elements of type " +
                     std::string(dtype_info(info.type).name) + "; " + std::to_string(size) +
                     " of F32 are expected");
  }
  Bytes bytes(info.bytes);
  ASSAY_RETURN_IF_ERROR(c_.files[info.file]->read_at(info.offset, bytes));
  for (size_t i = 0; i < size; ++i) {
    const auto value = std::bit_cast<float>(load_le<uint32_t>(bytes.data() + 4 * i));
    if (!(value > 0) || !std::isfinite(value)) {
      return data_loss(c_.path + ": tensor " + std::string(name) + ", element " +
                       std::to_string(i) + " is " + std::to_string(value) +
                       "; a divisor of frequencies is a positive number");
    }
    out.push_back(static_cast<double>(value));
  }
  return out;
}

Status FieldReader::refuse(const Field& field, std::string_view value,
                           std::string_view supported) const {
  return unimplemented(c_.path + ": " + find(field) + " = \"" + std::string(value) +
                       "\" is not supported; " + std::string(supported));
}

Status read_rope_scaling(const FieldReader& reader, Architecture& arch) {
  if (arch.positions != PositionKind::kRotary) return ok_status();
  // Where layers differ in their angles, the scaling is that of the ones without a window.
  const bool by_layer = !reader.find(kFullScalingType).empty();
  ASSAY_ASSIGN_OR_RETURN(const std::string type,
                         reader.text_or(by_layer ? kFullScalingType : kScalingType, "default"));
  const size_t half = arch.rotary_dims / 2;
  if (reader.is_gguf()) {
    // Whatever made the divisors, they are in the file.
    ASSAY_ASSIGN_OR_RETURN(arch.rope.divisors, reader.small_tensor("rope_freqs.weight", half));
    if (reader.checkpoint().tensors.contains("rope_factors_short.weight")) {
      return read_longrope_scaling(reader, arch);
    }
  }
  if (type == "default" || type == "none") return ok_status();
  if (type == "longrope" || type == "su") return read_longrope_scaling(reader, arch);
  ASSAY_ASSIGN_OR_RETURN(const double factor,
                         reader.real(by_layer ? kFullScalingFactor : kScalingFactor));
  if (!(factor > 0)) {
    return data_loss(reader.checkpoint().path + ": " + reader.find(kScalingFactor) + " = " +
                     std::to_string(factor) + " is not positive");
  }
  if (type == "linear") {
    arch.rope.divisors.assign(half, factor);
    return ok_status();
  }
  if (type == "llama3") return read_llama3_scaling(reader, factor, arch);
  return reader.refuse(kScalingType, type, "default, linear, llama3 and longrope are");
}

Status read_windows(const FieldReader& reader, const Field& window,
                    bool (*by_pattern)(uint32_t layer), Architecture& arch) {
  ASSAY_ASSIGN_OR_RETURN(const uint32_t tokens, reader.count_or(window, 0, 0, kContextMax));
  if (tokens == 0) return ok_status();
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> types, reader.texts(kLayerTypes));
  if (!types.empty() && types.size() != arch.layers) {
    return data_loss(reader.checkpoint().path + ": " + reader.find(kLayerTypes) + " has " +
                     std::to_string(types.size()) + " entries for " + std::to_string(arch.layers) +
                     " layers");
  }
  for (uint32_t layer = 0; layer < arch.layers; ++layer) {
    bool windowed = by_pattern(layer);
    if (!types.empty()) {
      const std::string& type = types[layer];
      windowed = type == "sliding_attention" || type == "local";
      if (!windowed && type != "full_attention" && type != "global") {
        return reader.refuse(kLayerTypes, type, "full_attention and sliding_attention are");
      }
    }
    arch.windows.push_back(windowed ? tokens : 0);
  }
  if (std::all_of(arch.windows.begin(), arch.windows.end(), [](uint32_t w) { return w == 0; })) {
    arch.windows.clear();
  }
  return ok_status();
}

Result<Architecture> read_architecture(const Checkpoint& checkpoint, const FamilySpec& family) {
  const FieldReader reader(checkpoint, family);
  Architecture arch = family.base;
  arch.family = family.name;
  ASSAY_ASSIGN_OR_RETURN(const uint32_t experts, reader.count_or(kExperts, 0, 0, kWidthMax));
  if (experts > 0) {
    return reader.refuse(kExperts, std::to_string(experts),
                         "mixture-of-experts models are not, only dense ones");
  }
  ASSAY_ASSIGN_OR_RETURN(arch.layers, reader.count(kLayers, 1, kLayersMax));
  ASSAY_ASSIGN_OR_RETURN(arch.d_model, reader.count(kModelWidth, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(
      arch.d_ff, reader.count_or(kFeedForward, uint64_t{4} * arch.d_model, 1, 4 * kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(arch.heads, reader.count(kHeads, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(arch.kv_heads, reader.count_or(kKvHeads, arch.heads, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(arch.head_dim,
                         reader.count_or(kHeadDim, arch.d_model / arch.heads, 1, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(arch.context, reader.count_or(kContext, kContextMax, 1, kContextMax));
  ASSAY_ASSIGN_OR_RETURN(const double eps,
                         reader.real(arch.norm == NormKind::kRms ? kRmsEps : kLayerEps));
  arch.norm_eps = static_cast<float>(eps);
  ASSAY_ASSIGN_OR_RETURN(arch.rope.base, reader.real_or(kRopeBase, arch.rope.base));
  ASSAY_RETURN_IF_ERROR(read_activation(reader, arch));
  ASSAY_RETURN_IF_ERROR(read_rotary_dims(reader, arch));
  ASSAY_ASSIGN_OR_RETURN(const bool tied, reader.flag_or(kTied, family.tied_by_default));
  const bool has_head = has_tensor(checkpoint, family, TensorRole::kOutput);
  arch.tied_head = reader.is_gguf() ? !has_head : tied || !has_head;
  if (family.read_fields != nullptr) ASSAY_RETURN_IF_ERROR(family.read_fields(reader, arch));
  ASSAY_RETURN_IF_ERROR(read_rope_scaling(reader, arch));
  // 1 / sqrt(head_dim), rounded once: sqrt and division are exact IEEE operations.
  if (arch.attn_scale == 0) {
    arch.attn_scale = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(arch.head_dim)));
  }
  return arch;
}

Status check_architecture(const Checkpoint& c, const Architecture& a) {
  const auto fail = [&](const std::string& what) { return data_loss(c.path + ": " + what); };
  if (a.kv_heads == 0 || a.heads % a.kv_heads != 0) {
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
  for (const double base : {a.rope.base, a.rope_local.base}) {
    if (!(base >= 1 && base < 1e12)) {
      return fail("RoPE base = " + std::to_string(base) + " is not in [1, 1e12)");
    }
  }
  for (const float number : {a.attn_scale, a.embedding_scale, a.head_scale, a.attn_soft_cap,
                             a.logit_soft_cap, a.rope.magnitude}) {
    if (!(number >= 0 && number < 1e6F)) {
      return fail("a scale or soft cap of " + std::to_string(number) + " is not in [0, 1e6)");
    }
  }
  return ok_status();
}

}  // namespace assay
