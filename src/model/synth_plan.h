// What a synthetic model consists of: the shape for a wanted parameter count, its tensors and its
// metadata. synth.h fills the weights. Tested in synth_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/gguf_writer.h"

namespace assay {

inline constexpr uint64_t kSynthParamsMin = 100'000;
inline constexpr uint64_t kSynthParamsMax = 450'000'000'000;

// The hyperparameters of a llama-family model.
struct SynthShape {
  uint64_t width = 0;
  uint64_t layers = 0;
  uint64_t ffn = 0;
  uint64_t heads = 0;
  uint64_t kv_heads = 0;
  uint64_t vocab = 0;
  bool tied = false;  // the output head is the embedding

  uint64_t params() const;
};

// The shape of the published model nearest in size (TinyLlama, Llama 2 and 3 …) when it is within
// 3 % of params; else that shape with layers and then the feed-forward width changed, as little as
// needed. Errors: INVALID_ARGUMENT outside [kSynthParamsMin, kSynthParamsMax].
Result<SynthShape> synth_shape(uint64_t params);

// "1.1B", "350M", "300k", "260000": a parameter count.
Result<uint64_t> parse_params(std::string_view text);

// How the weights of one tensor are drawn: mean + std * noise.
struct SynthTensor {
  GgufTensor tensor;
  double mean = 0;
  double std = 0;
};
// In file order. Matrices have this type, norms are F32. Matrices whose rows are not whole
// super-blocks of 256 get the smaller block that llama.cpp gives them then (Q4_K: Q5_0 ...).
std::vector<SynthTensor> synth_tensors(const SynthShape& shape, DType type);

// Every key that llama.cpp and this project read, with a SentencePiece-style tokenizer.
std::vector<std::pair<std::string, GgufMeta>> synth_meta(const SynthShape& shape, DType type);

// The pieces of that tokenizer: specials, 256 bytes, single characters, then words of one to three
// syllables, most of them with the word marker U+2581 first. Pre: count >= 512 (CHECK).
std::vector<std::string> synth_pieces(uint64_t count);

}  // namespace assay
