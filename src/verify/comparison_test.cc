#include "verify/comparison.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.h"

namespace assay {
namespace {

ComputeContext compute_with(size_t threads) {
  auto compute = make_compute(threads);
  EXPECT_TRUE(compute.ok());
  return std::move(compute).value();
}

std::vector<float> random_rows(Prng& prng, size_t count, double scale) {
  std::vector<float> rows(count);
  for (float& x : rows) x = static_cast<float>((prng.uniform() - 0.5) * scale);
  return rows;
}

// Softmax in long double, the slow obvious way.
std::vector<long double> distribution(const float* logits, size_t vocab) {
  std::vector<long double> p(vocab);
  long double sum = 0;
  for (size_t i = 0; i < vocab; ++i) sum += p[i] = std::exp(static_cast<long double>(logits[i]));
  for (long double& x : p) x /= sum;
  return p;
}

TEST(LogitsDistances, AgreeWithTheObviousComputation) {
  Prng prng(3);
  constexpr size_t kVocab = 257;
  const TileLengths lengths{{3, 1, 5}, {3, 1, 5}};
  const std::vector<float> a = random_rows(prng, 9 * kVocab, 8);
  std::vector<float> b = a;
  for (float& x : b) x += static_cast<float>((prng.uniform() - 0.5) * 0.5);
  for (const size_t threads : {1UL, 3UL}) {
    ComputeContext compute = compute_with(threads);
    const auto got = logits_distances({.vocab_a = kVocab, .vocab_b = kVocab}, a, b, lengths,
                                      {true, true, true}, compute);
    size_t row = 0;
    for (size_t i = 0; i < 3; ++i) {
      long double tv = 0;
      long double kl = 0;
      for (size_t t = 0; t < lengths.a[i]; ++t, ++row) {
        const auto p = distribution(&a[row * kVocab], kVocab);
        const auto q = distribution(&b[row * kVocab], kVocab);
        for (size_t j = 0; j < kVocab; ++j) {
          tv += std::fabs(p[j] - q[j]) / 2;
          kl += p[j] * std::log(p[j] / q[j]);
        }
      }
      const double tokens = static_cast<double>(lengths.a[i]);
      EXPECT_NEAR(got[i].tv, static_cast<double>(tv) / tokens, 1e-6);
      EXPECT_NEAR(got[i].kl_nats, static_cast<double>(kl) / tokens, 1e-5);
    }
  }
}

TEST(LogitsDistances, EqualLogitsHaveDistanceZeroExactly) {
  Prng prng(4);
  const std::vector<float> a = random_rows(prng, 4 * 100, 20);
  ComputeContext compute = compute_with(2);
  const auto got =
      logits_distances({.vocab_a = 100, .vocab_b = 100}, a, a, {{4}, {4}}, {true}, compute);
  EXPECT_EQ(got[0].tv, 0);
  EXPECT_EQ(got[0].kl_nats, 0);
  EXPECT_EQ(got[0].top1_equal, 4U);
}

TEST(LogitsDistances, OtherInputIsDistanceOne) {
  const std::vector<float> a(20, 0.0F);
  ComputeContext compute = compute_with(1);
  const auto got =
      logits_distances({.vocab_a = 10, .vocab_b = 10}, a, a, {{2}, {2}}, {false}, compute);
  EXPECT_EQ(got[0].tv, 1);
}

TEST(LogitsDistances, SymbolsThatDifferNeverCancel) {
  // Both models put everything on id 0, which is another token in each: as far apart as can be.
  const std::vector<float> logits = {80, 0, 0, 0};
  ComputeContext compute = compute_with(1);
  SymbolMap symbols{.vocab_a = 4, .vocab_b = 4, .same = {false, true, true, true}};
  EXPECT_NEAR(logits_distances(symbols, logits, logits, {{1}, {1}}, {true}, compute)[0].tv, 1,
              1e-6);
  symbols.same[0] = true;
  EXPECT_NEAR(logits_distances(symbols, logits, logits, {{1}, {1}}, {true}, compute)[0].tv, 0,
              1e-6);
}

TEST(LogitsDistances, PaddingOfTheVocabularyCountsOnlyByItsProbability) {
  const std::vector<float> a = {1, 2, 3};
  const std::vector<float> padded = {1, 2, 3, -90, -90};
  ComputeContext compute = compute_with(1);
  const auto got =
      logits_distances({.vocab_a = 3, .vocab_b = 5}, a, padded, {{1}, {1}}, {true}, compute);
  EXPECT_NEAR(got[0].tv, 0, 1e-6);
}

TEST(SiteComparison, DistancesAreThoseOfTheVectors) {
  ComputeContext compute = compute_with(2);
  SiteComparison comparison("profile", compute);
  const std::vector<float> a = {3, 4, 0, 0, 1, 0};
  const std::vector<float> b = {3, 4, 0, 5, 0, 1};
  // Three challenges of one token of width 2.
  const auto got = comparison.distances({a.data(), 2}, {b.data(), 2}, {{1, 1, 1}, {1, 1, 1}});
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0]->relative_l2, 0);
  EXPECT_EQ(got[0]->cosine, 1);
  EXPECT_EQ(got[1]->relative_l2, 1);  // from nothing to something
  EXPECT_EQ(got[1]->cosine, 0);
  EXPECT_NEAR(got[2]->relative_l2, std::sqrt(2.0), 1e-12);
  EXPECT_EQ(got[2]->cosine, 0);
}

TEST(SiteComparison, WhatCannotBeComparedHasNoDistance) {
  ComputeContext compute = compute_with(1);
  SiteComparison comparison("profile", compute);
  const std::vector<float> a(12, 1.0F);
  EXPECT_FALSE(comparison.distances({a.data(), 2}, {a.data(), 3}, {{1}, {1}})[0].has_value());
  EXPECT_FALSE(comparison.distances({a.data(), 2}, {a.data(), 2}, {{1}, {2}})[0].has_value());
}

TEST(SiteComparison, EqualBitsHaveEqualDigestsAndOtherBitsOthers) {
  ComputeContext compute = compute_with(2);
  SiteComparison comparison("profile", compute);
  Prng prng(5);
  const std::vector<float> rows = random_rows(prng, 6 * 16, 2);
  std::vector<float> other = rows;
  other[17] = std::nextafter(other[17], 3.0F);  // one bit, in the first challenge
  std::vector<TranscriptChallenge> challenges(2);
  challenges[0].commitment[0] = 1;
  challenges[1].commitment[0] = 2;
  const std::vector<size_t> lengths = {2, 4};
  comparison.observe(Side::kA, "L0.post_attn", {rows.data(), 16}, lengths, challenges);
  comparison.observe(Side::kB, "L0.post_attn", {other.data(), 16}, lengths, challenges);
  EXPECT_NE(challenges[0].a[0].activation, challenges[0].b[0].activation);
  EXPECT_EQ(challenges[1].a[0].activation, challenges[1].b[0].activation);
  EXPECT_EQ(challenges[1].a[0].sketch, challenges[1].b[0].sketch);
}

}  // namespace
}  // namespace assay
