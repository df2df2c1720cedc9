// The digest of an answer: profile, model, request and every step with the SHA-256 of its logits.
// Whoever has the model recomputes it. docs/formats/inference-transcript.md is the specification.
// Tested in transcript_test.cc.
#pragma once

#include "crypto/sha256.h"
#include "inference/request.h"

namespace assay {

// What computes, as far as answers depend on it.
struct ModelIdentity {
  Digest artifact{};   // SHA-256 of the file, or of the manifest of a folder
  Digest tokenizer{};  // zero when the model has none
  // The engine takes sequences so long that the family turns to its other angles
  // (Rotary::long_from).
  bool long_angles = false;
};

class Transcript {
 public:
  Transcript(const ModelIdentity& model, const InferenceRequest& request);

  // Pre: steps come in order of position.
  void add(size_t position, TokenId token, const Digest& logits);
  // To be called once, at the end.
  Digest finish(FinishReason reason);

 private:
  Sha256 hash_;
  uint32_t steps_ = 0;
};

}  // namespace assay
