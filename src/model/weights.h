// Weights as the blocks want them: decoded vectors, the tensors of a layer, and the check that
// every value is finite. Tested in model_test.cc.
#pragma once

#include <span>
#include <vector>

#include "model/block.h"
#include "model/model.h"

namespace assay {

// All one-dimensional weights (norms), decoded: small, and always in memory.
struct VectorWeights {
  std::vector<std::vector<float>> attn_norm;  // per layer [d_model]
  std::vector<std::vector<float>> ffn_norm;
  std::vector<float> output_norm;
};
// Errors: reading, and a value that is not finite.
Result<VectorWeights> load_vectors(const Model& model, ComputeContext& compute);

LayerTensors layer_tensors(const Model& model, const VectorWeights& vectors, size_t layer);

// Floats of scratch with which any matrix of the model can be multiplied by one thread. Not simply
// that of the widest: narrower matrices are decoded in panels of more rows.
size_t matmul_scratch_floats_max(const Model& model);

// Decodes rows [row0, …) of the tensor given as stored and checks that every value is finite.
// Errors: DATA_LOSS naming file, tensor, row, column and value; of a quantised type the block and
// which of its scales it is.
Status check_finite(const Model& model, const BoundTensor& tensor, uint64_t row0, ByteSpan bytes,
                    ComputeContext& compute);
// The same for one row, as stored and decoded.
Status check_finite_row(const Model& model, const BoundTensor& tensor, uint64_t row,
                        const uint8_t* stored, std::span<const float> values);

}  // namespace assay
