// The hash tree of a run (docs/formats/transcript.md): from raw activation bits to the root that a
// certificate carries. Tested in transcript_test.cc.
//
//   activation digest  d = H("assay.activation.v1" || profile || site || commitment || raw f32
//   bits)
//                          the same in two models exactly when they computed the same bits from the
//                          same tokens
//   leaf               l = H("assay.leaf.v1" || profile || model || tokenizer || commitment || site
//   || d || sketch) challenge root       = Merkle root over the leaves of one challenge, in site
//   order column               = Merkle root over the activation digests of one site, in challenge
//   order run root             = H("assay.run.v1" || profile || model || tokenizer || challenge set
//   root ||
//                            Merkle root over challenge roots || Merkle root over (site, column))
//
// Variable-length fields enter as u32 length and bytes. "model" is the canonical digest, so that
// two files that hold the same model have the same roots.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/merkle.h"
#include "crypto/sha256.h"
#include "verify/report.h"

namespace assay {

inline constexpr size_t kSketchBits = 256;
using Sketch = std::array<uint8_t, kSketchBits / 8>;

struct RunIdentity {
  std::string profile;
  Digest model{};  // canonical digest
  Digest tokenizer{};
};

// values: the activations of all tokens of the challenge at the site, [tokens, width] row-major.
Digest activation_digest(std::string_view profile, std::string_view site, const Digest& commitment,
                         std::span<const float> values);
Digest transcript_leaf(const RunIdentity& run, const Digest& commitment, std::string_view site,
                       const Digest& activation, const Sketch& sketch);
// Over digests in order, each as a Merkle leaf. Used for challenge roots, columns and the challenge
// set.
Digest digest_list_root(std::span<const Digest> digests);
// Root over all commitments, used ones first.
Digest challenge_set_root(const RunEvidence& evidence);
enum class Side : uint8_t { kA, kB };
// The run root of one side from what a certificate carries.
Digest run_root(const RunIdentity& run, const RunEvidence& evidence, Side side);

}  // namespace assay
