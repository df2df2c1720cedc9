// Families of models: what a checkpoint's tensors and fields mean. A family is a table
// (family_tables.h), not a copy of the executor; adding one adds a table. Tested in
// model_test.cc and, against the families' own code, in family_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/architecture.h"
#include "model/checkpoint.h"

namespace assay {

// In canonical order within a layer. A Bias follows its matrix.
enum class TensorRole : uint8_t {
  kTokenEmbedding,
  kPositionEmbedding,   // added by position
  kTokenTypeEmbedding,  // row 0 is added to every token
  kEmbeddingNorm,
  kEmbeddingNormBias,
  kRelativeBias,  // [buckets, heads], in the first layer of a stack
  kAttnNorm,      // before the sub-block
  kAttnNormBias,
  kAttnQ,
  kAttnQBias,
  kAttnK,
  kAttnKBias,
  kAttnV,
  kAttnVBias,
  kAttnQNorm,  // of each head of q
  kAttnKNorm,
  kAttnOutput,
  kAttnOutputBias,
  kAttnPostNorm,  // of the sub-block's output, before it is added
  kAttnSumNorm,   // of the sum
  kAttnSumNormBias,
  kCrossNorm,  // attention of a decoder to its encoder
  kCrossQ,
  kCrossK,
  kCrossV,
  kCrossOutput,
  kFfnNorm,
  kFfnNormBias,
  kFfnGate,
  kFfnGateBias,
  kFfnUp,
  kFfnUpBias,
  kFfnDown,
  kFfnDownBias,
  kFfnPostNorm,
  kFfnSumNorm,
  kFfnSumNormBias,
  kEncoderNorm,  // behind the last layer of an encoder that a decoder follows
  kOutputNorm,
  kOutputNormBias,
  kOutput,
  kOutputBias,
  kPooler,  // bound and hashed, not executed
  kPoolerBias,
  kCount,
};

// Order of the rows of q and k inside a head. The canonical order is half-split: rotary pairs (i, i
// + half). Interleaved files hold pairs (2i, 2i + 1).
enum class RowOrder : uint8_t { kCanonical, kInterleaved };

// Where the rows of a tensor lie in its file.
struct Placement {
  // Rows come in groups of `group` rows, the groups `stride` rows apart; 0: one behind the other.
  uint64_t group = 0;
  uint64_t stride = 0;
  // Stored transposed, as columns of a matrix with rows of this many elements; 0: not.
  uint64_t transposed_width = 0;
  bool contiguous() const { return group == 0 && transposed_width == 0; }
};

struct BoundTensor {
  TensorRole role{};
  uint32_t layer = 0;
  std::string name;  // canonical: GGUF's names, "blk.3.attn_q.weight"
  // As the model uses it: the shape is that of this tensor, offset that of its first element, bytes
  // its own, also where the file holds it as part of a larger one (whose name it then bears).
  TensorInfo info;
  RowOrder row_order = RowOrder::kCanonical;
  Placement placement;
  bool plus_one = false;  // the file holds w - 1
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
