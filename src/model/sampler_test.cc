#include "model/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/prng.h"

namespace assay {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TokenId sample_once(const std::vector<float>& logits, const SamplingOptions& options,
                    uint64_t position) {
  SamplerScratch scratch;
  return sample(logits, options, position, scratch);
}

std::map<TokenId, double> frequencies(const std::vector<float>& logits,
                                      const SamplingOptions& options, uint64_t draws) {
  std::map<TokenId, double> counts;
  SamplerScratch scratch;
  for (uint64_t i = 0; i < draws; ++i) counts[sample(logits, options, i, scratch)] += 1;
  return counts;
}

// Pearson's statistic against probabilities given.
double statistic(const std::map<TokenId, double>& counts, const std::vector<double>& expected,
                 double draws) {
  double sum = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == 0) {
      EXPECT_FALSE(counts.contains(static_cast<TokenId>(i))) << i;
      continue;
    }
    const auto at = counts.find(static_cast<TokenId>(i));
    const double count = at == counts.end() ? 0 : at->second;
    const double mean = expected[i] * draws;
    sum += (count - mean) * (count - mean) / mean;
  }
  return sum;
}

// The vectors of the Random123 library (kat_vectors, philox4x32 with 10 rounds).
TEST(Sampler, PhiloxGivesThePublishedOutputs) {
  using Counter = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Sampler, UniformNumbersAreUniformAndOfSeedAndPosition) {
  std::map<TokenId, double> counts;
  for (uint64_t i = 0; i < 20000; ++i) {
    const double u = uniform_at(42, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    counts[static_cast<TokenId>(u * 16)] += 1;
  }
  EXPECT_LT(statistic(counts, std::vector<double>(16, 1.0 / 16), 20000), 37.7);  // 15 d.f., 0.001
  EXPECT_EQ(uniform_at(42, 7), uniform_at(42, 7));
  EXPECT_NE(uniform_at(42, 7), uniform_at(42, 8));
  EXPECT_NE(uniform_at(42, 7), uniform_at(43, 7));
  EXPECT_NE(uniform_at(42, 7), uniform_at(42, 7 + (uint64_t{1} << 32)));
  EXPECT_NE(uniform_at(42, 7), uniform_at(42 + (uint64_t{1} << 32), 7));
}

TEST(Sampler, GreedyTakesTheLowestOfTheLargest) {
  const SamplingOptions greedy;
  EXPECT_EQ(sample_once({1, 3, 2, 3}, greedy, 0), 1);
  EXPECT_EQ(sample_once({-0.0F, 0.0F}, greedy, 0), 0);
  EXPECT_EQ(sample_once({kNan, -kInf, kNan, -5}, greedy, 0), 3);
  EXPECT_EQ(sample_once({kNan, -kInf}, greedy, 0), 1);
  EXPECT_EQ(sample_once({kNan, kNan}, greedy, 0), 0);
  EXPECT_EQ(sample_once({1, kInf, kInf}, greedy, 0), 1);
}

// Frequencies against the softmax by the standard library; 4 degrees of freedom, above 18.5 once
// in 1000 samples. The seeds are fixed.
TEST(Sampler, FrequenciesAreThoseOfTheSoftmax) {
  const std::vector<float> logits = {0.5F, -1, 2, 0.5F, kNan, 1.25F, -kInf};
  for (const double temperature : {0.5, 1.0, 2.0}) {
    std::vector<double> expected;
    double sum = 0;
    for (const float logit : logits) {
      expected.push_back(std::isnan(logit) ? 0
                                           : std::exp(static_cast<double>(logit) / temperature));
      sum += expected.back();
    }
    for (double& value : expected) value /= sum;
    const auto counts = frequencies(logits, {.temperature = temperature, .seed = 5}, 20000);
    EXPECT_LT(statistic(counts, expected, 20000), 18.5) << temperature;
  }
}

TEST(Sampler, TopKKeepsTheLowestIdsOfATie) {
  const auto counts = frequencies({1, 2, 1, 1}, {.temperature = 1, .top_k = 2, .seed = 1}, 2000);
  const double e = std::exp(1.0);
  EXPECT_LT(statistic(counts, {1 / (1 + e), e / (1 + e), 0, 0}, 2000), 10.8);
  EXPECT_EQ(sample_once({1, 2, 1, 1}, {.temperature = 9, .top_k = 1}, 3), 1);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  // Probabilities 0.5, 0.25, 0.125, 0.125 exactly, as far as log 2 is a float.
  const float log2 = std::log(2.0F);
  const std::vector<float> logits = {-2 * log2, -log2, -3 * log2, -3 * log2};
  const auto two = frequencies(logits, {.temperature = 1, .top_p = 0.7, .seed = 1}, 2000);
  EXPECT_LT(statistic(two, {1.0 / 3, 2.0 / 3, 0, 0}, 2000), 10.8);
  const auto one = frequencies(logits, {.temperature = 1, .top_p = 0.4, .seed = 1}, 100);
  EXPECT_EQ(one.at(1), 100);
  const auto three = frequencies(logits, {.temperature = 1, .top_p = 0.8, .seed = 1}, 2000);
  EXPECT_FALSE(three.contains(3));
  EXPECT_LT(statistic(three, {2.0 / 7, 4.0 / 7, 1.0 / 7, 0}, 2000), 13.8);
  // After top_k the rest counts as everything: 0.6 of (2/3, 1/3) is the first alone.
  const auto both =
      frequencies(logits, {.temperature = 1, .top_k = 2, .top_p = 0.6, .seed = 1}, 100);
  EXPECT_EQ(both.at(1), 100);
}

TEST(Sampler, ExtremeLogitsGiveATokenWithWeight) {
  const SamplingOptions hot{.temperature = 1, .seed = 2};
  for (uint64_t position = 0; position < 50; ++position) {
    EXPECT_EQ(sample_once({0, kInf, 3}, hot, position), 1);
    EXPECT_EQ(sample_once({-kInf, kNan, -3e38F}, hot, position), 2);
    EXPECT_EQ(sample_once({3e38F, -3e38F}, hot, position), 0);
    EXPECT_EQ(sample_once({1, 1.001F}, {.temperature = 1e-300}, position), 1);
  }
  EXPECT_EQ(sample_once({-kInf, -kInf}, hot, 0), 0);
  EXPECT_EQ(sample_once({kNan}, hot, 0), 0);
}

// The definition with a full sort and no scratch that is used again.
TEST(Sampler, EqualsTheDefinitionOnRandomRows) {
  Prng prng(3);
  SamplerScratch scratch;
  for (uint64_t round = 0; round < 500; ++round) {
    std::vector<float> logits(1 + prng.below(200));
    for (float& logit : logits) logit = static_cast<float>(prng.below(40)) / 4;
    const SamplingOptions options{.temperature = 0.25 + prng.uniform(),
                                  .top_k = prng.below(logits.size() + 3),
                                  .top_p = 1 - prng.uniform(),
                                  .seed = round};
    std::vector<std::pair<float, TokenId>> order;
    for (size_t i = 0; i < logits.size(); ++i) {
      order.emplace_back(-logits[i], static_cast<TokenId>(i));
    }
    std::sort(order.begin(), order.end());
    if (options.top_k != 0) order.resize(std::min<size_t>(order.size(), options.top_k));
    double total = 0;
    const auto weight = [&](float negative) {
      return std::exp((static_cast<double>(order[0].first) - static_cast<double>(negative)) /
                      options.temperature);
    };
    for (const auto& [negative, id] : order) total += weight(negative);
    double kept = 0;
    size_t count = 0;
    while (count < order.size() && kept < options.top_p * total)
      kept += weight(order[count++].first);
    const double point = uniform_at(options.seed, round) * kept;
    double sum = 0;
    TokenId expected = order[count - 1].second;
    for (size_t i = 0; i < count; ++i) {
      sum += weight(order[i].first);
      if (sum > point) {
        expected = order[i].second;
        break;
      }
    }
    ASSERT_EQ(sample(logits, options, round, scratch), expected) << round;
  }
}

TEST(Sampler, RefusesUnsoundOptions) {
  EXPECT_TRUE(check_sampling({}).ok());
  EXPECT_TRUE(check_sampling({.temperature = 2, .top_k = 40, .top_p = 0.5}).ok());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double temperature : {-0.1, nan, std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(check_sampling({.temperature = temperature}).code(), Code::kInvalidArgument);
  }
  for (const double top_p : {0.0, -1.0, 1.5, nan}) {
    EXPECT_EQ(check_sampling({.top_p = top_p}).code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace assay
