#include "bft/validator_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bft/bft_testing.h"

namespace assay::bft {
namespace {

std::vector<Validator> of_weights(const std::vector<uint32_t>& weights) {
  std::vector<Validator> out;
  for (size_t i = 0; i < weights.size(); ++i) {
    Validator v;
    v.key[0] = static_cast<uint8_t>(i);
    v.weight = weights[i];
    out.push_back(v);
  }
  return out;
}

TEST(ValidatorSet, QuorumsOfEqualWeightsAreThoseOfTheSpecification) {
  const std::map<size_t, uint64_t> expected = {{1, 1}, {3, 2}, {4, 3},  {5, 4},  {6, 4},
                                               {7, 5}, {8, 6}, {10, 7}, {13, 9}, {100, 67}};
  for (const auto& [n, quorum] : expected) {
    const auto set = ValidatorSet::make(of_weights(std::vector<uint32_t>(n, 1)));
    ASSERT_TRUE(set.ok());
    EXPECT_EQ(set->quorum(), quorum) << n;
  }
}

TEST(ValidatorSet, AnyTwoQuorumsShareMoreThanTheFaultyAndTheCorrectAreOne) {
  for (uint32_t n = 1; n < 60; ++n) {
    for (uint64_t f = 0; 3 * f + 1 <= n; ++f) {
      const auto set = ValidatorSet::make(of_weights(std::vector<uint32_t>(n, 1)), f);
      ASSERT_TRUE(set.ok());
      const uint64_t q = set->quorum();
      EXPECT_GE(2 * q, n + f + 1) << "safety " << n << " " << f;
      EXPECT_LE(q, n - f) << "liveness " << n << " " << f;
      EXPECT_LT(2 * (q - 1), n + f + 1) << "no smaller one is safe " << n << " " << f;
    }
  }
}

TEST(ValidatorSet, ImpossibleSetsAreRefused) {
  EXPECT_FALSE(ValidatorSet::make({}).ok());
  EXPECT_FALSE(ValidatorSet::make(of_weights({1, 0})).ok());
  EXPECT_FALSE(ValidatorSet::make(of_weights({1, 1, 1}), 1).ok());
  EXPECT_FALSE(ValidatorSet::make(of_weights({1, 2, 1, 1}), {}, Sampling{3, 2}).ok());
  EXPECT_FALSE(ValidatorSet::make(of_weights({1, 1, 1, 1}), {}, Sampling{5, 2}).ok());
  EXPECT_FALSE(ValidatorSet::make(of_weights({1, 1, 1, 1}), {}, Sampling{3, 4}).ok());
  auto twice = of_weights({1, 1});
  twice[1].key = twice[0].key;
  EXPECT_FALSE(ValidatorSet::make(twice).ok());
}

TEST(ValidatorSet, TheOrderIsByKeyAndTheDigestCoversEverything) {
  auto validators = of_weights({1, 2, 3, 4});
  const auto set = ValidatorSet::make(validators).value();
  std::reverse(validators.begin(), validators.end());
  EXPECT_EQ(ValidatorSet::make(validators)->digest(), set.digest());
  EXPECT_NE(ValidatorSet::make(validators, 1)->digest(), set.digest());
  validators[0].vrf_key[5] = 1;
  EXPECT_NE(ValidatorSet::make(validators)->digest(), set.digest());
  for (ValidatorIndex i = 0; i < 4; ++i) EXPECT_EQ(set.find(set.at(i).key), i);
}

TEST(LeaderOrder, EveryoneLeadsOnceARoundAndTheOrderIsTheSameForAll) {
  const auto set = ValidatorSet::make(of_weights({1, 1, 1, 1, 1, 1, 1})).value();
  for (Height h = 1; h < 50; ++h) {
    LeaderOrder order(set, sha256("seed"), h);
    LeaderOrder again(set, sha256("seed"), h);
    std::set<ValidatorIndex> round;
    for (View v = 0; v < 7; ++v) round.insert(order.at(v));
    EXPECT_EQ(round.size(), 7U);
    EXPECT_EQ(again.at(6), order.at(6));
    EXPECT_EQ(order.at(7), order.at(0));
  }
}

TEST(LeaderOrder, FirstLeadersAreDrawnByWeight) {
  const auto set = ValidatorSet::make(of_weights({1, 2, 3, 4})).value();
  std::vector<double> first(4);
  constexpr int kHeights = 20000;
  for (Height h = 1; h <= kHeights; ++h) ++first[LeaderOrder(set, sha256("seed"), h).at(0)];
  for (size_t i = 0; i < 4; ++i) {
    const double p = static_cast<double>(i + 1) / 10;
    // Five standard deviations.
    EXPECT_NEAR(first[i] / kHeights, p, 5 * std::sqrt(p * (1 - p) / kHeights)) << i;
  }
}

TEST(ValidatorSet, SamplesAreSetsOfTheRightSizeAndEveryoneIsInAsManyOfThem) {
  const auto set =
      ValidatorSet::make(of_weights(std::vector<uint32_t>(20, 1)), {}, Sampling{8, 4}).value();
  std::vector<double> drawn(20);
  constexpr int kSamples = 5000;
  for (int i = 0; i < kSamples; ++i) {
    VrfOutput output{};
    store_le(output.data(), i);
    const auto sample = set.sample(output);
    ASSERT_EQ(sample.size(), 8U);
    EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
    EXPECT_EQ(std::set<ValidatorIndex>(sample.begin(), sample.end()).size(), 8U);
    for (const ValidatorIndex v : sample) ++drawn[v];
  }
  for (const double count : drawn) {
    EXPECT_NEAR(count / kSamples, 0.4, 5 * std::sqrt(0.4 * 0.6 / kSamples));
  }
}

}  // namespace
}  // namespace assay::bft
