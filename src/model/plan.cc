#include "model/plan.h"

#include <algorithm>

#include "model/block.h"
#include "model/panel_stream.h"
#include "model/segment.h"
#include "model/weights.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

constexpr size_t kTileTokensMax = 2048;
constexpr size_t kHeadTileTokensMax = 512;
constexpr uint64_t kBufferBytesMin = uint64_t{1} << 20;

struct Needs {
  uint64_t fixed = 0;        // whatever the tiles
  uint64_t residuals = 0;    // when kept in memory
  uint64_t buffer_min = 0;   // one row of every matrix must fit, and the hash of one head
  uint64_t transposing = 0;  // models that need a buffer more, to turn panels
  uint64_t buffer_most = 0;  // more than the largest segment or head is of no use
};

Needs needs_of(const PlanRequest& request) {
  Needs needs{.fixed = kProcessBytes + request.extra_bytes, .buffer_min = kBufferBytesMin};
  for (const Model* model : request.models) {
    needs.fixed += resident_bytes(*model);
    needs.fixed += 4 * request.threads * matmul_scratch_floats_max(*model);
    needs.residuals += uint64_t{4} * request.tokens_max * model->arch.state_width();
    if (has_transposed(*model)) ++needs.transposing;
    for (const BoundTensor& tensor : model->tensors) {
      if (is_resident(tensor)) continue;
      const uint64_t stride = stride_of(tensor);
      const uint64_t rows = tensor.row_order == RowOrder::kInterleaved ? model->arch.head_dim : 1;
      needs.buffer_min = std::max(needs.buffer_min, rows * stride);
    }
    for (size_t segment = 0; segment < segment_count(*model); ++segment) {
      needs.buffer_most = std::max(needs.buffer_most, segment_bytes(*model, segment));
    }
    needs.buffer_most = std::max(needs.buffer_most, head_tensor(*model).info.bytes);
  }
  needs.buffer_most = std::max(needs.buffer_most, needs.buffer_min);
  return needs;
}

// Workspace of blocks and of the head are never in use at the same moment, but both stay allocated.
uint64_t workspace_bytes(const PlanRequest& request, size_t tile, size_t head_tile, bool spilled) {
  uint64_t bytes = 0;
  for (const Model* model : request.models) {
    const uint64_t d = model->arch.d_model;
    bytes += 4 * Block::floats(model->arch, request.threads, tile, request.sequence_tokens_max);
    const uint64_t state = model->arch.state_width();
    bytes += 4 * head_tile * (d + model->arch.vocab);
    // A tile of residuals for the blocks, and one for whoever looks at the site.
    if (spilled) bytes += 8 * tile * state + 4 * head_tile * state;
    if (!spilled && state != d) bytes += 4 * tile * d;
  }
  return bytes;
}

ExecutionPlan make_plan(const PlanRequest& request, const Needs& needs, size_t tile,
                        size_t head_tile, bool spilled, uint64_t buffer) {
  return {.buffer_bytes = buffer,
          .tile_tokens = tile,
          .head_tile_tokens = head_tile,
          .residuals_spilled = spilled,
          .predicted_peak_bytes = needs.fixed + (spilled ? 0 : needs.residuals) +
                                  workspace_bytes(request, tile, head_tile, spilled) +
                                  (PanelStream::kBuffers + needs.transposing) * buffer};
}

ExecutionPlan smallest_plan(const PlanRequest& request, const Needs& needs) {
  const size_t tile = request.sequence_tokens_max;
  const bool spilled = workspace_bytes(request, tile, tile, true) <
                       workspace_bytes(request, tile, tile, false) + needs.residuals;
  return make_plan(request, needs, tile, tile, spilled, needs.buffer_min);
}

std::vector<size_t> tile_choices(const PlanRequest& request, size_t most) {
  std::vector<size_t> choices;
  most = std::min(most, request.tokens_max);
  for (size_t tile = most; tile > request.sequence_tokens_max; tile /= 2) choices.push_back(tile);
  choices.push_back(request.sequence_tokens_max);
  return choices;
}

}  // namespace

Result<ExecutionPlan> plan_execution(const PlanRequest& request) {
  const Needs needs = needs_of(request);
  const std::vector<size_t> tiles = tile_choices(request, kTileTokensMax);
  const auto head_tile_for = [&](size_t tile) {
    return std::max(request.sequence_tokens_max, std::min(tile, kHeadTileTokensMax));
  };
  const auto fits = [&](const ExecutionPlan& plan) {
    return plan.predicted_peak_bytes <= request.memory_bytes;
  };

  // First choice: every segment in one buffer, so that each byte is read once however many tiles
  // there are; residuals in memory before large tiles.
  for (const bool spilled : {false, true}) {
    for (const size_t tile : tiles) {
      const ExecutionPlan plan =
          make_plan(request, needs, tile, head_tile_for(tile), spilled, needs.buffer_most);
      if (fits(plan)) return plan;
    }
  }
  // Else panels: the largest tile that leaves the buffers a useful size, because each tile reads
  // the weights again.
  for (const uint64_t buffer_wanted : {uint64_t{16} << 20, uint64_t{4} << 20, uint64_t{1} << 20}) {
    const uint64_t least = std::max(buffer_wanted, needs.buffer_min);
    for (const size_t tile : tiles) {
      for (const bool spilled : {false, true}) {
        ExecutionPlan plan = make_plan(request, needs, tile, head_tile_for(tile), spilled, least);
        if (!fits(plan)) continue;
        const uint64_t spare = (request.memory_bytes - plan.predicted_peak_bytes) /
                               (PanelStream::kBuffers + needs.transposing);
        return make_plan(request, needs, tile, head_tile_for(tile), spilled,
                         std::min(needs.buffer_most, least + spare));
      }
    }
  }
  const ExecutionPlan smallest = smallest_plan(request, needs);
  if (fits(smallest)) return smallest;
  return resource_exhausted("a memory bound of " + format_size(request.memory_bytes) +
                            " is too small; the smallest that is enough here is --memory " +
                            std::to_string(memory_bytes_min(request) >> 20) + "MiB");
}

uint64_t memory_bytes_min(const PlanRequest& request) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  const uint64_t bytes = smallest_plan(request, needs_of(request)).predicted_peak_bytes;
  return (bytes + kMiB - 1) / kMiB * kMiB;
}

uint64_t resident_bytes(const Model& model) {
  uint64_t bytes = 0;
  // Names, shapes and map nodes of a tensor twice: in the checkpoint and bound.
  bytes += uint64_t{1024} * model.tensors.size();
  for (const BoundTensor& tensor : model.tensors) {
    if (is_resident(tensor)) bytes += 4 * tensor.info.elements();
    if (tensor.info.scales != nullptr) bytes += 4 * tensor.info.scales->values.size();
  }
  // Pieces, scores, kinds, look-up tables, and the metadata they were read from.
  if (model.tokenizer != nullptr) bytes += uint64_t{320} * model.tokenizer->size();
  return bytes;
}

}  // namespace assay
