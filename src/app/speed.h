// Speed: how many tokens a second a model takes in (prefill) and puts out (decode), held in memory.
// Tested in speed_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "crypto/sha256.h"
#include "model/compute.h"
#include "model/model.h"

namespace assay {

struct SpeedOptions {
  uint64_t prompt_tokens = 128;
  uint64_t generate_tokens = 32;  // may be 0
  uint64_t repeat = 3;
};

struct Speed {
  double load_seconds = 0;
  // One entry a repetition.
  std::vector<double> prefill_seconds;
  std::vector<double> decode_seconds;
  // Tokens a second at the median of the repetitions; 0 when nothing was run or the clock stood.
  double prefill_tokens_per_s = 0;
  double decode_tokens_per_s = 0;
  Digest logits_digest{};  // of the last logits, which every repetition must reach
};

// Middle of the values, the mean of the two middle ones when their number is even. Pre: not empty
// (CHECK).
double median(std::vector<double> values);

// The ids that are run: seeded, so that every run of a model computes the same.
std::vector<TokenId> speed_tokens(const Model& model, uint64_t count);

// Loads the model, runs it once untimed, and then `repeat` times: the prompt in one call, then the
// tokens to generate one by one (given ones: sampling is not measured). Pre: a prompt and a
// repetition at least (CHECK). Errors: those of Engine, among them that an encoder cannot be given
// more tokens; INTERNAL when two repetitions differ in a bit.
Result<Speed> measure_speed(const Model& model, ComputeContext& compute,
                            const SpeedOptions& options, const Clock& clock);

}  // namespace assay
