// Families of models: what a checkpoint's tensors and fields mean. A family is a table (family.cc),
// not a copy of the executor; adding one adds a table there. Tested in model_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/checkpoint.h"

namespace assay {

// Hyperparameters, all that the function of the model depends on besides its weights.
struct Architecture {
  std::string family;  // "llama"
  uint32_t layers = 0;
  uint32_t d_model = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;  // divides heads
  uint32_t head_dim = 0;
  uint32_t rotary_dims = 0;  // even, <= head_dim
  uint32_t d_ff = 0;
  uint32_t vocab = 0;    // rows of the embedding
  uint32_t context = 0;  // positions the model was made for; not part of the canonical digest
  double rope_base = 10000;
  float norm_eps = 1e-5F;
  bool tied_head = false;  // the head is the token embedding
  bool operator==(const Architecture&) const = default;
};

enum class TensorRole : uint8_t {
  kTokenEmbedding,
  kAttnNorm,
  kAttnQ,
  kAttnK,
  kAttnV,
  kAttnOutput,
  kFfnNorm,
  kFfnGate,
  kFfnUp,
  kFfnDown,
  kOutputNorm,
  kOutput,
};

// Order of the rows of q and k inside a head. The canonical order is half-split: rotary pairs (i, i
// + half). Interleaved files hold pairs (2i, 2i + 1).
enum class RowOrder : uint8_t { kCanonical, kInterleaved };

struct BoundTensor {
  TensorRole role{};
  uint32_t layer = 0;
  std::string name;  // canonical: GGUF's names, "blk.3.attn_q.weight"
  TensorInfo info;
  RowOrder row_order = RowOrder::kCanonical;
};

// Source row of canonical row `row` for a tensor of interleaved heads of rotary_dims / head_dim.
uint64_t source_row(const BoundTensor& tensor, const Architecture& arch, uint64_t row);

struct BoundFamily {
  Architecture arch;
  std::vector<BoundTensor> tensors;  // canonical order, see model.h
};

// Errors: UNIMPLEMENTED (a family, or an option of it, that is not supported: names it and the
// supported ones), NOT_FOUND / DATA_LOSS (a missing tensor or field, a shape that disagrees; names
// file, tensor, both shapes).
Result<BoundFamily> bind_family(const Checkpoint& checkpoint);

// Names of the supported families, for messages and docs.
std::vector<std::string_view> family_names();

}  // namespace assay
