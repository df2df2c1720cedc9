// Comparison: what two models did with the same challenges, site by site: digests and sketches of
// each, distances between them, and the total variation between their next-token distributions.
// Tested in comparison_test.cc. Threads: every function splits its work over challenges; results do
// not depend on how.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/compute.h"
#include "verify/sketch.h"
#include "verify/transcript_file.h"

namespace assay {

struct SiteDistance {
  double relative_l2 = 0;  // |a - b| / |a| over all tokens and columns; 0 when both are zero
  double cosine = 1;
};

// A tile of challenges at one site, of one model.
struct SiteRows {
  const float* rows = nullptr;  // [tokens of the tile, width]
  size_t width = 0;
};

// How a tile of challenges lies in memory: challenge i of it has lengths[i] rows.
struct TileLengths {
  std::vector<size_t> a;
  std::vector<size_t> b;
};

class SiteComparison {
 public:
  SiteComparison(std::string profile, ComputeContext& compute)
      : profile_(std::move(profile)), compute_(compute) {}

  // Adds the observation of one side to each challenge of the tile.
  void observe(Side side, const std::string& site, const SiteRows& rows,
               std::span<const size_t> lengths, std::span<TranscriptChallenge> challenges);

  // Distance of each challenge of the tile; nullopt where the widths or the lengths differ.
  std::vector<std::optional<SiteDistance>> distances(const SiteRows& a, const SiteRows& b,
                                                     const TileLengths& lengths);

 private:
  const SketchProjection& projection(size_t width);

  std::string profile_;
  ComputeContext& compute_;
  std::map<size_t, std::unique_ptr<SketchProjection>> projections_;
};

// Distance between next-token distributions of one challenge.
struct LogitsDistance {
  double tv = 0;            // mean over its tokens, in [0, 1]
  double kl_nats = 0;       // mean KL(a || b); only where the vocabularies are the same
  uint32_t top1_equal = 0;  // tokens with the same argmax
};

// Which ids mean the same in both vocabularies. Ids that only one has, or that stand for other
// text, are different symbols: their probabilities never cancel.
struct SymbolMap {
  size_t vocab_a = 0;
  size_t vocab_b = 0;
  std::vector<bool> same;  // [min(vocab_a, vocab_b)]; empty: all of them
  bool identical() const { return same.empty() && vocab_a == vocab_b; }
};

// Logits of each challenge of a tile. same_input[i] is false where the two models were given other
// tokens: then the distance is 1. Shapes: a[tokens, vocab_a], b[tokens, vocab_b].
std::vector<LogitsDistance> logits_distances(const SymbolMap& symbols, std::span<const float> a,
                                             std::span<const float> b, const TileLengths& lengths,
                                             const std::vector<bool>& same_input,
                                             ComputeContext& compute);

// What a finished challenge leaves behind beside its observations.
struct ChallengeOutcome {
  LogitsDistance logits;
  std::vector<std::optional<SiteDistance>>
      sites;  // sites that both models have, in order, logits included
};

// Bytes logits_distances and SiteComparison use beside their inputs.
uint64_t comparison_bytes(size_t threads, size_t vocab_max, std::span<const size_t> widths);

}  // namespace assay
