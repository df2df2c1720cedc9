// Segment: the weights between two sites, and how they are cut into panels for a buffer. Tested in
// model_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model.h"

namespace assay {

// Segment 2l is the attention of layer l (it ends at site L<l>.post_attn), 2l + 1 its MLP
// (L<l>.post_mlp); the last one is the final norm (site "final"), which has no matrices. The head
// follows the segments (site "logits").
size_t segment_count(const Model& model);
std::string segment_site(const Model& model, size_t segment);
std::vector<const BoundTensor*> segment_matrices(const Model& model, size_t segment);
uint64_t segment_bytes(const Model& model, size_t segment);
// The matrix of the head: the token embedding when tied.
const BoundTensor& head_tensor(const Model& model);

// Consecutive rows of one matrix inside a panel.
struct PanelPiece {
  const BoundTensor* tensor = nullptr;
  uint64_t row0 = 0;
  uint64_t rows = 0;
  uint64_t at = 0;  // offset in the panel
};
using PanelLayout = std::vector<PanelPiece>;

// Cuts matrices into as few panels of at most buffer_bytes as their order allows: one when they all
// fit. Pre: a row of each fits (CHECK).
std::vector<PanelLayout> cut_panels(const std::vector<const BoundTensor*>& matrices,
                                    uint64_t buffer_bytes);

}  // namespace assay
