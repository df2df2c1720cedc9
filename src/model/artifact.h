// Artifact answers: digests over the bytes and over the decoded values of a model, in one streamed
// pass. docs/formats/digests.md is the specification. Tested in artifact_test.cc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "crypto/sha256.h"
#include "model/compute.h"
#include "model/model.h"

namespace assay {

struct TensorDigests {
  std::string name;  // canonical
  Digest raw{};      // of the bytes as stored: leaf of the weights root, with name, type and shape
  Digest values{};   // Merkle root over the decoded f32 rows in canonical order
};

struct ArtifactDigests {
  Digest digest{};            // one file: its SHA-256; a folder: of the manifest
  Digest weights_root{};      // Merkle root over (tensor name, type, shape, bytes)
  Digest canonical_digest{};  // hyperparameters and values, whatever the file format, row order or
                              // storage type
  std::vector<TensorDigests> tensors;
  uint64_t bytes_read = 0;
};

// Reads every weight file once, in order, with four buffers of buffer_bytes.
// Errors: DATA_LOSS for a weight that is NaN or infinite (names file, tensor, row, column, value)
// or a file that ends early.
Result<ArtifactDigests> hash_artifact(
    const Model& model, ComputeContext& compute, size_t buffer_bytes,
    const std::function<void(uint64_t bytes_done)>& progress = {});

// The same digests of a tensor that lies in memory. rows: all of them as stored, in the order in
// which the model uses them (read_tensor). Cost: 32 bytes a row beside it.
Digest raw_digest(const BoundTensor& tensor, ByteSpan rows, ComputeContext& compute);
// values: all rows decoded, as ResidentWeights holds them. Pre: one row, or rows in canonical order
// (CHECK).
Digest values_digest(const Model& model, const BoundTensor& tensor, std::span<const float> values,
                     ComputeContext& compute);

}  // namespace assay
