#include "model/family.h"

#include <algorithm>
#include <set>
#include <span>

#include "base/check.h"
#include "model/family_fields.h"
#include "model/family_tables.h"

namespace assay {
namespace {

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
  for (const FamilySpec& family : families()) {
    if (!out.empty()) out += ", ";
    out += family.name;
  }
  return out;
}

Result<const FamilySpec*> find_family(const Checkpoint& checkpoint) {
  std::string wanted;
  if (checkpoint.format == CheckpointFormat::kGguf) {
    ASSAY_ASSIGN_OR_RETURN(wanted, checkpoint.meta_string("general.architecture"));
    for (const FamilySpec& family : families()) {
      if (!wanted.empty() && family.gguf_architecture == wanted) return &family;
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
    for (const FamilySpec& family : families()) {
      for (const std::string_view name : family.hugging_face_architectures) {
        if (name == wanted) return &family;
      }
    }
  }
  return unimplemented(checkpoint.path + ": model family \"" + wanted +
                       "\" is not supported; supported: " + supported_families());
}

// What the tables mean for one checkpoint.
class Binder {
 public:
  Binder(const Checkpoint& checkpoint, const FamilySpec& family)
      : c_(checkpoint), family_(family), gguf_(checkpoint.format == CheckpointFormat::kGguf) {
    for (const std::string_view prefix : family.hugging_face_prefixes) {
      const std::string name = std::string(prefix) + std::string(family.tensors[0].hugging_face);
      if (gguf_ || !c_.tensors.contains(name)) continue;
      prefix_ = prefix;
      break;
    }
  }

  Result<BoundFamily> bind() {
    ASSAY_ASSIGN_OR_RETURN(out_.arch, read_architecture(c_, family_));
    const TensorSpec& embedding = family_.tensors[0];
    ASSAY_ASSIGN_OR_RETURN(const TensorInfo* info, c_.tensor(file_name(embedding, 0)));
    if (info->rows() < 1 || info->rows() > kVocabMax) {
      return data_loss(c_.path + ": tensor " + info->name + " has " + std::to_string(info->rows()) +
                       " rows; a vocabulary has 1 to " + std::to_string(kVocabMax));
    }
    out_.arch.vocab = static_cast<uint32_t>(info->rows());
    ASSAY_RETURN_IF_ERROR(check_architecture(c_, out_.arch));
    // Canonical order: what comes before the layers, the layers, what comes behind them.
    const auto first_layered =
        std::find_if(family_.tensors.begin(), family_.tensors.end(), layered);
    const auto behind = std::find_if_not(first_layered, family_.tensors.end(), layered);
    for (auto spec = family_.tensors.begin(); spec != first_layered; ++spec) {
      ASSAY_RETURN_IF_ERROR(bind_spec(*spec, 0));
    }
    for (uint32_t layer = 0; layer < out_.arch.layers; ++layer) {
      for (auto spec = first_layered; spec != behind; ++spec) {
        ASSAY_RETURN_IF_ERROR(bind_spec(*spec, layer));
      }
    }
    for (auto spec = behind; spec != family_.tensors.end(); ++spec) {
      ASSAY_RETURN_IF_ERROR(bind_spec(*spec, 0));
    }
    ASSAY_RETURN_IF_ERROR(refuse_unknown_tensors());
    return std::move(out_);
  }

 private:
  static bool layered(const TensorSpec& spec) {
    return spec.hugging_face.find("{}") != std::string_view::npos;
  }

  std::string file_name(const TensorSpec& spec, uint32_t layer) const {
    if (gguf_) {
      return layer_name(spec.gguf.empty() ? role_info(spec.role).gguf : spec.gguf, layer);
    }
    if (spec.hugging_face.starts_with('/')) return std::string(spec.hugging_face.substr(1));
    std::string name = layer_name(prefix_ + std::string(spec.hugging_face), layer);
    // BERT's first files call the weights and biases of its norms gamma and beta.
    if (!c_.tensors.contains(name) && name.find("LayerNorm.") != std::string::npos) {
      const size_t dot = name.rfind('.');
      const std::string older =
          name.substr(0, dot) + (name.ends_with(".bias") ? ".beta" : ".gamma");
      if (c_.tensors.contains(older)) return older;
    }
    // T5's matrix of the gated form is the second of two.
    if (out_.arch.gated && name.ends_with(".wi.weight")) name.insert(name.rfind(".weight"), "_1");
    return name;
  }

  uint64_t size_of(Dim dim, const TensorInfo& info) const {
    const Architecture& a = out_.arch;
    switch (dim) {
      case Dim::kNone:
        return 0;
      case Dim::kModel:
        return a.d_model;
      case Dim::kVocab:
        return a.vocab;
      case Dim::kQuery:
        return uint64_t{a.heads} * a.head_dim;
      case Dim::kKeyValue:
        return uint64_t{a.kv_heads} * a.head_dim;
      case Dim::kHead:
        return a.head_dim;
      case Dim::kFeedForward:
        return a.d_ff;
      case Dim::kContext:
        return a.context;
      case Dim::kTokenTypes:
        return std::max<uint64_t>(1, info.rows());  // any number of them; row 0 is used
      case Dim::kBuckets:
        return a.relative_buckets;
      case Dim::kHeads:
        return a.heads;
    }
    return 0;
  }

  // Rows of the tensors that are stored together with this one, and how many lie before it.
  struct Share {
    uint64_t total = 0;
    uint64_t before = 0;
  };
  Share share_of(const TensorSpec& wanted, const TensorInfo& info) const {
    Share share;
    bool passed = false;
    for (const TensorSpec& spec : family_.tensors) {
      const bool together =
          gguf_ ? spec.gguf == wanted.gguf : spec.hugging_face == wanted.hugging_face;
      if (!together) continue;
      if (spec.role == wanted.role) passed = true;
      const uint64_t rows = size_of(role_info(spec.role).rows, info);
      share.total += rows;
      if (!passed) share.before += rows;
    }
    return share;
  }

  // Narrows the tensor of the file to the part that the role is.
  Status place(const TensorSpec& spec, BoundTensor& bound) const {
    const RoleInfo& role = role_info(spec.role);
    const Storage storage = gguf_ ? spec.gguf_storage : spec.storage;
    const bool transposed = spec.transposed && !gguf_;
    const bool vector = role.columns == Dim::kNone;
    TensorInfo& info = bound.info;
    const uint64_t rows = size_of(role.rows, info);
    const uint64_t columns = vector ? 1 : size_of(role.columns, info);
    Share share{.total = rows};
    if (storage != Storage::kWhole) share = share_of(spec, info);

    std::vector<uint64_t> expected = {share.total};
    if (!vector) expected.push_back(columns);
    if (transposed) std::swap(expected[0], expected[1]);
    if (info.shape != expected) {
      return data_loss(c_.path + ": tensor " + info.name + " has shape " + shape_text(info.shape) +
                       "; the model's fields say " + shape_text(expected));
    }
    const DTypeInfo& type = dtype_info(info.type);
    const bool parts = storage != Storage::kWhole && (vector || transposed);
    if ((parts || transposed) && type.block_elements != 1) {
      return unimplemented(c_.path + ": tensor " + info.name + " is of type " +
                           std::string(type.name) + ", whose blocks do not fit " +
                           (transposed ? "a transposed matrix" : "the parts it is made of"));
    }
    if (info.scales != nullptr && (transposed || storage == Storage::kPerHead)) {
      return unimplemented(c_.path + ": tensor " + info.name +
                           " has scales beside it, which is not supported for a matrix that is " +
                           (transposed ? "stored transposed" : "made of the heads of q, k and v"));
    }
    info.scales_row0 = share.before;
    info.shape = vector ? std::vector<uint64_t>{rows} : std::vector<uint64_t>{rows, columns};
    const uint64_t element = type.block_bytes;  // of the types whose blocks are one element
    const uint64_t row_size = vector && type.block_elements == 1
                                  ? element
                                  : (vector ? info.bytes / rows : row_bytes(info.type, columns));
    if (transposed) {
      bound.placement.transposed_width = share.total;
      info.offset += share.before * element;
      info.bytes = rows * columns * element;
      return ok_status();
    }
    if (storage == Storage::kWhole) return ok_status();
    info.bytes = rows * row_size;
    if (storage == Storage::kStacked) {
      info.offset += share.before * row_size;
      return ok_status();
    }
    const uint64_t head = out_.arch.head_dim;
    if (out_.arch.heads != out_.arch.kv_heads) {
      return unimplemented(c_.path + ": tensor " + info.name +
                           " holds q, k and v head by head, but their numbers of heads differ");
    }
    bound.placement.group = head;
    bound.placement.stride = share.total / out_.arch.heads;
    info.offset += share.before / out_.arch.heads * row_size;
    return ok_status();
  }

  Status bind_spec(const TensorSpec& spec, uint32_t layer) {
    const Architecture& a = out_.arch;
    if (spec.role == TensorRole::kOutput && a.tied_head) return ok_status();
    uint32_t number = layer;  // in its stack
    if (spec.stack == Stack::kEncoder && layered(spec) && !a.is_encoder(layer)) return ok_status();
    if (spec.stack == Stack::kDecoder) {
      if (layered(spec) && a.is_encoder(layer)) return ok_status();
      if (!a.has_decoder()) return ok_status();
      if (layered(spec)) number -= a.encoder_layers;
    }
    const std::string name = file_name(spec, number);
    if (spec.optional && !c_.tensors.contains(name)) return ok_status();
    const RoleInfo& role = role_info(spec.role);
    ASSAY_ASSIGN_OR_RETURN(const TensorInfo* info, c_.tensor(name));
    BoundTensor bound;
    bound.role = spec.role;
    bound.layer = layer;
    // The table of distances stands for its whole stack, under the first layer of it.
    if (spec.role == TensorRole::kRelativeBias && spec.stack == Stack::kDecoder) {
      bound.layer = a.encoder_layers;
    }
    const bool own_name = spec.gguf.empty() || spec.gguf_storage != Storage::kWhole;
    bound.name = layer_name(own_name ? role.gguf : spec.gguf, number);
    bound.info = *info;
    if (role.rotary && gguf_ && family_.gguf_interleaved) {
      bound.row_order = RowOrder::kInterleaved;
    }
    bound.plus_one = spec.plus_one && !gguf_;
    ASSAY_RETURN_IF_ERROR(place(spec, bound));
    out_.tensors.push_back(std::move(bound));
    return ok_status();
  }

  // A tensor that the family does not know may change the function: better refused than silently
  // left out.
  Status refuse_unknown_tensors() const {
    std::set<std::string> known;
    for (const BoundTensor& tensor : out_.tensors) known.insert(tensor.info.name);
    if (out_.arch.tied_head) {
      // A copy of the embedding that the configuration says is not used.
      for (const TensorSpec& spec : family_.tensors) {
        if (spec.role == TensorRole::kOutput) known.insert(file_name(spec, 0));
      }
    }
    for (const auto& [name, info] : c_.tensors) {
      if (known.contains(name)) continue;
      const auto is_suffix = [&](std::string_view suffix) { return name.ends_with(suffix); };
      if (!std::any_of(family_.ignored_suffixes.begin(), family_.ignored_suffixes.end(),
                       is_suffix)) {
        return unimplemented(c_.path + ": tensor " + name + " is not part of family " +
                             std::string(family_.name) + " as supported here");
      }
    }
    return ok_status();
  }

  const Checkpoint& c_;
  const FamilySpec& family_;
  const bool gguf_;
  std::string prefix_;
  BoundFamily out_;
};

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
  return Binder(checkpoint, *family).bind();
}

std::vector<std::string_view> family_names() {
  std::vector<std::string_view> names;
  for (const FamilySpec& family : families()) names.push_back(family.name);
  return names;
}

}  // namespace assay
