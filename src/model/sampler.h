// The next token from a row of logits (02-determinism, rule 9): the same token on every machine
// for the same logits, options and position. Tested in sampler_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/tokenizer.h"

namespace assay {

struct SamplingOptions {
  double temperature = 0;  // 0: the largest logit, nothing is drawn
  uint64_t top_k = 0;      // only the k most likely tokens; 0: all
  double top_p = 1;        // of these, the fewest that together have this probability
  uint64_t seed = 0;
};

// Errors: INVALID_ARGUMENT for a temperature that is negative or not finite, or a top_p outside
// (0, 1].
Status check_sampling(const SamplingOptions& options);

// The largest logit; ties go to the lowest id. NaN never wins; a row of NaN gives 0.
// Pre: logits is not empty (CHECK).
TokenId argmax_token(std::span<const float> logits);

// Room that sample() works in, kept by the caller so that it is allocated once.
struct SamplerScratch {
  struct Entry {
    float logit;
    TokenId id;
    double cumulative;
  };
  std::vector<Entry> entries;
};

// Tokens in order of (logit descending, id ascending) get the weight exp((logit - largest) /
// temperature); NaN and -inf get none. Weights are summed in that order in double. top_k cuts the
// list, then top_p, then a uniform number drawn for (seed, position) picks from what is left.
// Shapes:  logits[vocabulary].
// Pre:     logits is not empty, check_sampling(options) is ok (CHECK).
// Cost:    O(vocabulary), and sorting k of them, or all without top_k. Threads: one scratch each.
TokenId sample(std::span<const float> logits, const SamplingOptions& options, uint64_t position,
               SamplerScratch& scratch);

// Uniform in [0, 1), 53 bits, a function of its arguments alone: Philox4x32-10 with the key `seed`
// and the counter (position, 0). Source: Salmon et al., SC 2011.
double uniform_at(uint64_t seed, uint64_t position);

// The generator behind it, for its published test vectors.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

}  // namespace assay
