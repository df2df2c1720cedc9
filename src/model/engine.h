// Engine: a model that computes many sequences at once, for generation and serving. The same blocks
// as the streaming executor, so the same bits: those of a sequence's logits depend on its tokens
// alone, not on what else is in a step, on how its tokens are cut into steps, on threads, pages or
// where the weights are. Tested in engine_test.cc, sequence_test.cc, engine_weights_test.cc and
// executor_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/artifact.h"
#include "model/compute.h"
#include "model/model.h"
#include "model/sequence.h"

namespace assay {

// The L2 norm of the residual stream of the last token after each sub-block, for inspection.
struct SiteNorm {
  std::string site;
  double l2 = 0;
};

class Engine {
 public:
  struct Options {
    // Of one sequence. Part of what some families compute: their angles are other ones where
    // sequences may be long (Rotary::long_from).
    size_t positions_max = 0;
    size_t pages = 0;           // of the pool; 0: what one sequence of positions_max needs
    size_t batch_tokens = 64;   // most tokens of a step
    uint64_t memory_bytes = 0;  // bound on all that the engine allocates; 0: none
    bool streams = false;       // weights stay on disk and are read in every step
    size_t logits_bytes = size_t{16} << 20;  // most that a sink is given at once, but for 4 rows
  };

  // What an engine allocates: weights (streaming: buffers, as large as memory_bytes leaves room
  // for), pages, and the workspace of a step, which grows with positions_max only by the tables of
  // rotary angles and one row of scores a thread.
  static uint64_t memory_bytes(const Model& model, size_t threads, const Options& options);

  // Reads all weights. Errors: INVALID_ARGUMENT (more positions than the model has, no token a
  // step); RESOURCE_EXHAUSTED when memory_bytes() of the options exceeds options.memory_bytes;
  // DATA_LOSS for a weight that is NaN or infinite (names the tensor, row and column). model and
  // compute must outlive the engine. loading: computed with until load returns, in place of
  // compute, which others may be computing with; may be null. Threads: one caller at a time, of
  // everything here.
  static Result<std::unique_ptr<Engine>> load(const Model& model, ComputeContext& compute,
                                              const Options& options,
                                              ComputeContext* loading = nullptr);
  ~Engine();

  // Of a step; for an encoder, which sees its tokens at once, no less than positions_max.
  size_t batch_tokens() const;
  size_t positions_max() const;

  Sequence begin();
  // Begins with positions computed before, of whole pages, which it shares: it never writes to
  // them. Pre: the pages are held (CHECK).
  Sequence begin(std::span<const uint32_t> pages);
  // Pages to take for this many tokens more. None of an encoder.
  size_t pages_needed(const Sequence& sequence, size_t tokens) const;
  // For who keeps pages beyond their sequences: share and release them here.
  KvPool& pool();

  // Tokens that follow what the sequence has consumed. Logits are wanted of tokens [logits_from,
  // tokens.size()).
  struct Work {
    Sequence* sequence = nullptr;
    std::span<const TokenId> tokens;
    size_t logits_from = 0;
  };
  struct LogitsRow {
    size_t work = 0;
    size_t token = 0;  // its place in the tokens of the work
  };
  struct LogitsTile {
    std::span<const LogitsRow> rows;  // in the order of works and tokens
    const float* logits = nullptr;    // [rows, vocab], valid during the call
  };
  // Advances all sequences by their tokens. sink receives the wanted rows in tiles of at most
  // Options::logits_bytes. stop is asked between segments and tiles: true abandons the step. Unless
  // it is ok, no sequence has moved, and rows given out count for nothing. Pre: each sequence is
  // one of this engine and in one work (CHECK). Errors: INVALID_ARGUMENT (a token outside the
  // vocabulary, no token, more than batch_tokens, more tokens for an encoder), RESOURCE_EXHAUSTED
  // (positions_max or no page left), CANCELLED, those of reading streamed weights. Cost: the
  // weights are read once (those of the head once a tile).
  Status step(std::span<const Work> works, const std::function<void(const LogitsTile&)>& sink,
              const std::function<bool()>& stop = {});

  // One sequence, as many steps as its tokens take; the logits of the last one, valid until the
  // next call. site_norms, when given, receives one entry a site. Errors: those of step; tokens of
  // steps before the one that failed are consumed. Shapes: logits[vocab].
  Result<std::span<const float>> forward(Sequence& sequence, std::span<const TokenId> tokens,
                                         std::vector<SiteNorm>* site_norms = nullptr);

  // The digest of what lies in memory of a tensor. A matrix is as stored: its digest is
  // TensorDigests::raw of the file. Vectors and small tables are decoded: theirs is
  // TensorDigests::values. Weights that are streamed are not in memory and not here.
  struct WeightDigest {
    std::string name;  // canonical
    bool decoded = false;
    Digest digest{};
  };
  // None of a tensor that is not in memory. Cost: reads and hashes it, on all threads.
  std::optional<WeightDigest> weight_digest(const BoundTensor& tensor) const;
  // Tests only: damages one bit of the tensor in memory. Pre: it is in memory and has that bit
  // (CHECK).
  void flip_weight_bit_for_test(std::string_view tensor, size_t bit);

 private:
  Engine();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay
