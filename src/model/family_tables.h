// The form of the tables that say how each family differs: family_llama.cc, family_gpt.cc and
// family_encoders.cc. To add a family: its tensors under the names of Hugging Face (GGUF's are the
// same for all, kRoles in family_tables.cc), what its files do not say (FamilySpec::base), and a
// function for fields of its own. block.cc computes what the Architecture says; an operation that
// no family had before is a field there. Read by family.cc (tensors) and family_fields.cc
// (hyperparameters).
#pragma once

#include <span>
#include <string_view>

#include "model/family.h"

namespace assay {

// Sizes a tensor's dimension is made of.
enum class Dim : uint8_t {
  kNone,  // a vector has no columns
  kModel,
  kVocab,
  kQuery,
  kKeyValue,
  kHead,
  kFeedForward,
  kContext,
  kTokenTypes,
  kBuckets,
  kHeads,
};

// What a role is in every family.
struct RoleInfo {
  TensorRole role;
  std::string_view gguf;  // also the canonical name; {} stands for the layer
  Dim rows;               // of a matrix; the length of a vector
  Dim columns = Dim::kNone;
  bool rotary = false;  // rows may be stored interleaved
};
const RoleInfo& role_info(TensorRole role);

// How a file holds a tensor.
enum class Storage : uint8_t {
  kWhole,
  kStacked,  // q, k, v (or gate, up) are the rows of one tensor, one behind the other
  kPerHead,  // the same, head by head: q, k, v of head 0, of head 1, …
};

// Which layers have a tensor whose name holds {}; which stack one belongs to that does not.
enum class Stack : uint8_t { kEvery, kEncoder, kDecoder };

struct TensorSpec {
  TensorRole role;
  std::string_view hugging_face;  // behind the family's prefix; '/' in front: without it
  bool optional = false;
  Storage storage = Storage::kWhole;  // in Hugging Face files
  bool transposed = false;            // in Hugging Face files
  // GGUF's name where it is not the role's; its storage.
  std::string_view gguf = {};
  Storage gguf_storage = Storage::kWhole;
  bool plus_one = false;  // Hugging Face files hold w - 1 (GGUF's never do)
  Stack stack = Stack::kEvery;
};

class FieldReader;

struct FamilySpec {
  std::string_view name;
  std::string_view gguf_architecture;  // empty: the family has no GGUF form
  std::span<const std::string_view> hugging_face_architectures;
  std::span<const std::string_view> hugging_face_prefixes;
  std::span<const TensorSpec> tensors;
  std::span<const std::string_view> ignored_suffixes;  // tensors without weights of the function
  bool gguf_interleaved = false;  // GGUF files of the family hold q and k rows interleaved
  bool tied_by_default = false;   // where config.json says nothing
  // What all files of the family have in common and do not say.
  Architecture base = {};
  // Fields that only this family has. Called when the common ones have been read.
  Status (*read_fields)(const FieldReader& reader, Architecture& arch) = nullptr;
};

// GGUF's names of tensors that hold several roles.
inline constexpr std::string_view kGgufQkv = "blk.{}.attn_qkv.weight";
inline constexpr std::string_view kGgufQkvBias = "blk.{}.attn_qkv.bias";
inline constexpr std::string_view kGgufUp = "blk.{}.ffn_up.weight";

std::vector<FamilySpec> llama_families();
std::vector<FamilySpec> gpt_families();
std::vector<FamilySpec> encoder_families();
// All of them.
std::span<const FamilySpec> families();

}  // namespace assay
