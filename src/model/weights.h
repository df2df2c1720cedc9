// Weights as the blocks want them: small ones decoded and resident, the matrices of a layer, where
// the rows of a matrix lie, and the check that every value is finite. Tested in model_test.cc.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "model/block.h"
#include "model/model.h"
#include "model/panel_stream.h"

namespace assay {

// True for what is decoded once and always in memory: vectors, and the small tables that are looked
// up by position, type or distance.
bool is_resident(const BoundTensor& tensor);

class ResidentWeights {
 public:
  // Errors: reading, and a value that is not finite.
  static Result<ResidentWeights> load(const Model& model, ComputeContext& compute);
  // Row-major values; empty when the model has no such tensor.
  std::span<const float> get(TensorRole role, size_t layer = 0) const;
  // For tests that damage them.
  std::span<uint8_t> bytes_for_test(TensorRole role, size_t layer);

 private:
  std::map<std::pair<TensorRole, size_t>, std::vector<float>> values_;
};

LayerTensors layer_tensors(const Model& model, const ResidentWeights& weights, size_t layer);

// What happens between reading the rows of the embedding and the first block: the scale, positions,
// types and norm of the family. Shapes: x[tokens, arch.state_width()], token t at position
// positions[t].
void finish_embedding(const Model& model, const ResidentWeights& weights, ComputeContext& compute,
                      std::span<const size_t> positions, float* x);

// Where rows [row0, row0 + rows) lie in the file: what a panel reads. Transposed ones arrive as
// [columns, rows], see transpose_rows.
void append_extents(const Model& model, const BoundTensor& tensor, uint64_t row0, uint64_t rows,
                    std::vector<Extent>& out);
// Brings what append_extents read for a transposed tensor into [rows, columns]. Pre: the tensor is
// transposed; out has the size of panel (CHECK).
void transpose_rows(const BoundTensor& tensor, ByteSpan panel, std::span<uint8_t> out);

// All rows of a tensor as stored, in the order in which the model uses them. Errors: reading.
// Pre: out has the size of the tensor (CHECK).
Status read_tensor(const Model& model, const BoundTensor& tensor, std::span<uint8_t> out);

bool has_transposed(const Model& model);

// Errors: INVALID_ARGUMENT for a sequence of more tokens than the model has positions.
Status check_length(const Model& model, size_t tokens);

// Bytes of a row of the tensor, as the model uses it.
uint64_t stride_of(const BoundTensor& tensor);

// Floats of scratch with which any matrix of the model can be multiplied by one thread. Not simply
// that of the widest: narrower matrices are decoded in panels of more rows.
size_t matmul_scratch_floats_max(const Model& model);

// One row as stored to the values that the matrix product multiplies by: decoded, and times its
// scales where the tensor has them. Shapes: out[columns].
void decode_row(const Kernels& kernels, const TensorInfo& tensor, uint64_t row,
                const uint8_t* stored, std::span<float> out);

// Decodes rows [row0, …) of the tensor given as stored and checks that every value is finite.
// Errors: DATA_LOSS naming file, tensor, row, column and value; of a quantised type the block and
// which of its scales it is.
Status check_finite(const Model& model, const BoundTensor& tensor, uint64_t row0, ByteSpan bytes,
                    ComputeContext& compute);
// The same for one row, as stored and decoded.
Status check_finite_row(const Model& model, const BoundTensor& tensor, uint64_t row,
                        const uint8_t* stored, std::span<const float> values);

}  // namespace assay
