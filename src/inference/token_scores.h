// Log-probabilities of a row of logits: the same bits for every instruction set and thread.
// Tested in token_scores_test.cc.
#pragma once

#include <span>
#include <vector>

#include "inference/request.h"
#include "tensor/kernel_table.h"

namespace assay {

// log p(i) = (logit_i - largest) - log(sum_j exp(logit_j - largest)). The exponentials are the
// profile's, in f32; their sum is in double over 16 lanes (lane = j mod 16, ascending j), folded
// 8, 4, 2, 1; the logarithm is base/detmath.h's; each result is rounded once to f32. NaN counts as
// -inf. Of a row without a finite logit every log-probability is -inf.
class TokenScores {
 public:
  // Shapes: logits[vocabulary], not empty (CHECK); scratch grows to it. Cost: O(vocabulary).
  TokenScores(const Kernels& kernels, std::span<const float> logits, std::vector<float>& scratch);

  // Pre: token is in the vocabulary (CHECK).
  float log_probability(TokenId token) const;
  // The `count` most likely, by (logit descending, id ascending). Cost: O(vocabulary log count).
  std::vector<Alternative> top(size_t count) const;

 private:
  std::span<const float> logits_;
  double largest_ = 0;
  double log_sum_ = 0;
};

}  // namespace assay
