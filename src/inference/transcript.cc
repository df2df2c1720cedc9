#include "inference/transcript.h"

#include <bit>

#include "tensor/kernels.h"

namespace assay {

Transcript::Transcript(const ModelIdentity& model, const InferenceRequest& request) {
  Bytes out;
  append_sized(out, "assay.inference-transcript.v1");
  append_sized(out, kProfileId);
  append_bytes(out, model.artifact);
  append_bytes(out, model.tokenizer);
  append_le(out, static_cast<uint8_t>(model.long_angles ? 1 : 0));
  append_le(out, static_cast<uint32_t>(request.prompt.size()));
  for (const TokenId token : request.prompt) append_le(out, static_cast<uint32_t>(token));
  append_le(out, static_cast<uint8_t>(request.score_prompt ? 1 : 0));
  append_le(out, static_cast<uint32_t>(request.max_tokens));
  if (request.max_tokens > 0) {
    append_le(out, std::bit_cast<uint64_t>(request.sampling.temperature));
    append_le(out, std::bit_cast<uint64_t>(request.sampling.top_p));
    append_le(out, request.sampling.top_k);
    append_le(out, request.sampling.seed);
    append_le(out, static_cast<uint8_t>(request.ignore_end_token ? 1 : 0));
    append_le(out, static_cast<uint32_t>(request.stop.size()));
    for (const std::string& text : request.stop) append_sized(out, text);
  }
  hash_.update(out);
}

void Transcript::add(size_t position, TokenId token, const Digest& logits) {
  Bytes out;
  append_le(out, static_cast<uint32_t>(position));
  append_le(out, static_cast<uint32_t>(token));
  append_bytes(out, logits);
  hash_.update(out);
  ++steps_;
}

Digest Transcript::finish(FinishReason reason) {
  Bytes out;
  append_le(out, steps_);
  append_le(out, static_cast<uint8_t>(reason));
  hash_.update(out);
  return hash_.finish();
}

}  // namespace assay
