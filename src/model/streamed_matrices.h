// StreamedMatrices: multiplies by matrices whose rows come through a PanelStream, in the order in
// which they were cut into panels and queued. Tested through executor_test.cc and sequence_test.cc.
#pragma once

#include <span>
#include <vector>

#include "model/panel_stream.h"
#include "model/segment.h"

namespace assay {

// Queues the reads of the panels.
void enqueue_panels(const Model& model, const std::vector<PanelLayout>& layout,
                    PanelStream& stream);

// A layout of one panel stays in its buffer until the object goes; more are taken anew in every
// pass over them.
class StreamedMatrices : public MatrixSource {
 public:
  // What it works with, all of it the caller's.
  struct Workspace {
    ComputeContext& compute;
    PanelStream& stream;
    float* matmul_scratch = nullptr;
    std::span<uint8_t> transposed;  // a panel of a transposed matrix, as rows; else empty
  };
  StreamedMatrices(const Workspace& workspace, std::vector<PanelLayout> layout)
      : workspace_(workspace), layout_(std::move(layout)) {}

  // Back to the first panel, for the next tile.
  void rewind();
  Status multiply(const BoundTensor& w, const float* x, size_t tokens, float* y) override;

 private:
  Workspace workspace_;
  std::vector<PanelLayout> layout_;
  PanelStream::Panel panel_;
  size_t next_panel_ = 0;
  size_t next_piece_ = 0;
};

}  // namespace assay
