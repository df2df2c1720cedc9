// StreamingExecutor: runs one model over a wave of sequences, layer-major: each segment's weights
// are loaded once and all sequences pushed through before the next (04-white-box). Keeps only the
// residual streams. Tested in executor_test.cc.
//
// The caller drives it segment by segment and may look at the residuals in between; several
// executors may share one PanelStream, as long as enqueue and run come in the same order.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/block.h"
#include "model/panel_stream.h"
#include "model/plan.h"
#include "model/residual_store.h"
#include "model/segment.h"
#include "model/streamed_matrices.h"
#include "model/weights.h"

namespace assay {

// Whole sequences that are computed together.
struct SequenceTile {
  size_t first_sequence = 0;
  size_t sequences = 0;
};
// Groups sequences of the given lengths into tiles of at most tile_tokens (and at least one
// sequence each).
std::vector<SequenceTile> cut_tiles(std::span<const size_t> lengths, size_t tile_tokens);

class StreamingExecutor {
 public:
  struct Options {
    const ExecutionPlan* plan = nullptr;
    size_t sequence_tokens_max = 0;
    std::string scratch_folder;
  };
  // Loads the vectors. Errors: those of load_vectors.
  static Result<std::unique_ptr<StreamingExecutor>> create(const Model& model,
                                                           ComputeContext& compute,
                                                           PanelStream& stream,
                                                           const Options& options);
  ~StreamingExecutor();

  const Model& model() const { return model_; }

  // Starts a wave: embeds the sequences. tiles and head_tiles come from cut_tiles with the plan's
  // sizes. Errors: INVALID_ARGUMENT for an id outside the vocabulary; reading; the scratch file.
  struct Wave {
    std::vector<std::vector<TokenId>> sequences;
    std::vector<SequenceTile> tiles;
    std::vector<SequenceTile> head_tiles;
  };
  Status begin(Wave wave);

  // Queues the reads of a segment; run() takes them. Called one segment or more ahead, the reads
  // overlap the computation.
  void enqueue(size_t segment);
  // Advances every sequence to the site that ends the segment. Pre: segments run in order (CHECK).
  Status run(size_t segment);

  // Activations at the present site: rows of sequence s are [offset(s), offset(s) + length(s)).
  ResidualStore& residuals() { return *residuals_; }
  size_t offset(size_t sequence) const { return offsets_[sequence]; }
  size_t length(size_t sequence) const { return wave_.sequences[sequence].size(); }

  // The head, tile by tile. hold: keep the head's weights in their buffer over all tiles; only when
  // they fit in one, and at most PanelStream::kBuffers executors hold. Pre: all segments have run.
  bool head_fits() const { return head_layout_.size() == 1; }
  void begin_head(bool hold);
  void enqueue_head(size_t tile);
  // Logits of the tile's tokens, [tokens, vocab], valid until the next call. Errors: reading.
  Result<std::span<const float>> logits(size_t tile);
  void end_head();

  uint64_t embedding_bytes_read() const { return embedding_bytes_read_; }
  // Takes up at the site after `segments_done` segments, with residuals filled by the caller
  // (resume).
  void resume_at(size_t segments_done) { segments_done_ = segments_done; }

 private:
  StreamingExecutor(const Model& model, ComputeContext& compute, PanelStream& stream,
                    const Options& options);
  Status embed();
  Status embed_tile(const SequenceTile& tile, bool decoder, float* states);
  Status end_encoder_tile(const SequenceTile& tile, float* states);
  std::vector<SequenceSpan> spans(const SequenceTile& tile) const;
  size_t tile_tokens(const SequenceTile& tile) const;
  StreamedMatrices::Workspace workspace();

  const Model& model_;
  ComputeContext& compute_;
  PanelStream& stream_;
  Options options_;
  ResidentWeights weights_;
  Block block_;
  std::vector<float> matmul_scratch_;
  Bytes transposed_;                 // a panel of a transposed matrix, as rows
  std::vector<float> tile_scratch_;  // residuals of a tile when spilled
  std::vector<float> head_states_;   // of a head tile when spilled
  std::vector<float> head_input_;
  std::vector<float> logits_;
  std::vector<PanelLayout> head_layout_;
  std::unique_ptr<StreamedMatrices> head_source_;
  bool head_held_ = false;
  Wave wave_;
  std::vector<size_t> offsets_;
  std::unique_ptr<ResidualStore> residuals_;
  size_t segments_done_ = 0;
  uint64_t embedding_bytes_read_ = 0;
};

}  // namespace assay
