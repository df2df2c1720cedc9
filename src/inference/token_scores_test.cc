#include "inference/token_scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/prng.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> draw_logits(uint64_t seed, size_t n) {
  Prng prng(seed);
  std::vector<float> logits(n);
  for (float& x : logits) x = static_cast<float>(prng.uniform() * 40 - 20);
  return logits;
}

long double exact(const std::vector<float>& logits, size_t i) {
  long double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<long double>(x));
  return static_cast<long double>(logits[i]) - std::log(sum);
}

TEST(TokenScores, AgreeWithLongDouble) {
  std::vector<float> scratch;
  for (const size_t n : {1U, 2U, 15U, 16U, 17U, 1000U, 4097U}) {
    const auto logits = draw_logits(n, n);
    const TokenScores scores(*kernels_default().value(), logits, scratch);
    for (size_t i = 0; i < n; i += 1 + n / 50) {
      const auto want = static_cast<double>(exact(logits, i));
      EXPECT_NEAR(scores.log_probability(static_cast<TokenId>(i)), want,
                  1e-6 * (1 + std::fabs(want)))
          << n << " " << i;
    }
  }
}

TEST(TokenScores, AreTheSameBitsOnEveryInstructionSet) {
  std::vector<float> scratch;
  for (const size_t n : {7U, 512U, 5001U}) {
    const auto logits = draw_logits(n + 1, n);
    const TokenScores reference(kernels_for(Isa::kScalar), logits, scratch);
    for (const Isa isa : isas_present()) {
      const TokenScores scores(kernels_for(isa), logits, scratch);
      for (size_t i = 0; i < n; ++i) {
        const auto id = static_cast<TokenId>(i);
        ASSERT_EQ(scores.log_probability(id), reference.log_probability(id)) << isa_name(isa);
      }
    }
  }
}

TEST(TokenScores, TopAgreesWithSorting) {
  std::vector<float> scratch;
  auto logits = draw_logits(3, 300);
  for (size_t i = 0; i < 300; i += 3) logits[i] = 5;  // ties
  logits[1] = kInf * 0;                               // NaN
  const TokenScores scores(*kernels_default().value(), logits, scratch);
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < 300; ++id) {
    if (id != 1) ids.push_back(id);
  }
  std::stable_sort(ids.begin(), ids.end(), [&](TokenId a, TokenId b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  for (const size_t count : {0U, 1U, 5U, 20U, 299U}) {
    const auto top = scores.top(count);
    ASSERT_EQ(top.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(top[i].token, ids[i]);
      EXPECT_EQ(top[i].log_probability, scores.log_probability(ids[i]));
    }
  }
}

TEST(TokenScores, ExtremeRows) {
  std::vector<float> scratch;
  const Kernels& kernels = *kernels_default().value();
  const std::vector<float> none(5, -kInf);
  EXPECT_EQ(TokenScores(kernels, none, scratch).log_probability(3), -kInf);
  const std::vector<float> one = {-kInf, 3, -kInf};
  EXPECT_EQ(TokenScores(kernels, one, scratch).log_probability(1), 0);
  EXPECT_EQ(TokenScores(kernels, one, scratch).log_probability(0), -kInf);
  const std::vector<float> huge = {3e38F, -3e38F};
  EXPECT_EQ(TokenScores(kernels, huge, scratch).log_probability(0), 0);
  EXPECT_TRUE(TokenScores(kernels, huge, scratch).log_probability(1) < -1e38F);
}

}  // namespace
}  // namespace assay
