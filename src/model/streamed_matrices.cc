#include "model/streamed_matrices.h"

#include "base/check.h"
#include "tensor/matmul.h"

namespace assay {

void enqueue_panels(const Model& model, const std::vector<PanelLayout>& layout,
                    PanelStream& stream) {
  for (const PanelLayout& panel : layout) {
    std::vector<Extent> extents;
    for (const PanelPiece& piece : panel) {
      append_extents(model, *piece.tensor, piece.row0, piece.rows, extents);
    }
    stream.enqueue(std::move(extents));
  }
}

void StreamedMatrices::rewind() {
  next_piece_ = 0;
  if (layout_.size() > 1) {
    panel_ = PanelStream::Panel();
    next_panel_ = 0;
  }
}

Status StreamedMatrices::multiply(const BoundTensor& w, const float* x, size_t tokens, float* y) {
  const size_t rows = w.info.rows();
  const size_t k = w.info.columns();
  size_t row = 0;
  while (row < rows) {
    if (!panel_ || next_piece_ == layout_[next_panel_ - 1].size()) {
      panel_ = PanelStream::Panel();  // frees the buffer before waiting for the next
      ASSAY_ASSIGN_OR_RETURN(panel_, workspace_.stream.next());
      ++next_panel_;
      next_piece_ = 0;
    }
    const PanelPiece& piece = layout_[next_panel_ - 1][next_piece_++];
    ASSAY_CHECK(piece.tensor == &w && piece.row0 == row);
    const ByteSpan stored = panel_.bytes().subspan(piece.at, piece.rows * stride_of(w));
    const uint8_t* data = stored.data();
    if (w.placement.transposed_width != 0) {
      const std::span<uint8_t> turned = workspace_.transposed.first(stored.size());
      transpose_rows(w, stored, turned);
      data = turned.data();
    }
    matmul(*workspace_.compute.kernels, *workspace_.compute.pool,
           {.x = x,
            .tokens = tokens,
            .x_stride = k,
            .w = data,
            .type = w.info.type,
            .scales = w.info.scales_from(piece.row0),
            .rows = piece.rows,
            .k = k,
            .y = y + row,
            .y_stride = rows},
           workspace_.matmul_scratch);
    row += piece.rows;
  }
  return ok_status();
}

}  // namespace assay
