#include "base/prng.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/bytes.h"

namespace assay {
namespace {

Prng from_words(const std::array<uint64_t, 4>& words) {
  std::array<uint8_t, 32> seed{};
  for (size_t i = 0; i < 4; ++i) store_le(&seed[8 * i], words[i]);
  return Prng(std::span<const uint8_t, 32>(seed));
}

TEST(Prng, MatchesTheReferenceOutputs) {
  // Outputs of the authors' xoshiro256starstar.c from the state {1, 2, 3, 4}; the same numbers are
  // in the tests of the rand_xoshiro crate.
  Prng prng = from_words({1, 2, 3, 4});
  const std::vector<uint64_t> expected = {11520u,
                                          0u,
                                          1509978240u,
                                          1215971899390074240u,
                                          1216172134540287360u,
                                          607988272756665600u,
                                          16172922978634559625u,
                                          8476171486693032832u,
                                          10595114339597558777u,
                                          2904607092377533576u};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(prng.next(), expected[i]) << i;
}

TEST(Prng, NumberSeedIsExpandedWithSplitMix64) {
  // First outputs of the authors' splitmix64.c for the seed 1234567.
  Prng expanded = from_words(
      {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u});
  Prng prng(1234567);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(prng.next(), expanded.next());
}

TEST(Prng, AllZeroSeedStillGeneratesNumbers) {
  Prng prng = from_words({0, 0, 0, 0});
  uint64_t seen = 0;
  for (int i = 0; i < 16; ++i) seen |= prng.next();
  EXPECT_NE(seen, 0u);
}

TEST(Prng, BelowStaysBelowAndReachesEveryValue) {
  Prng prng(7);
  for (const uint64_t bound : {uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{10}}) {
    std::vector<int> hits(bound, 0);
    for (int i = 0; i < 3000; ++i) {
      const uint64_t x = prng.below(bound);
      ASSERT_LT(x, bound);
      ++hits[x];
    }
    for (const int hit : hits) EXPECT_GT(hit, 3000 / static_cast<int>(bound) / 2);
  }
}

TEST(Prng, BelowIsNotBiasedByTheRemainder) {
  // With bound = 3 * 2^62, plain "next() % bound" would fall below 2^62 with probability 1/2, not
  // 1/3. 4000 draws: 8 standard deviations are 240.
  Prng prng(8);
  const uint64_t bound = uint64_t{3} << 62;
  int low = 0;
  for (int i = 0; i < 4000; ++i) low += prng.below(bound) < (uint64_t{1} << 62) ? 1 : 0;
  EXPECT_NEAR(low, 4000 / 3, 240);
}

TEST(Prng, UniformIsTheTop53Bits) {
  Prng a(9);
  Prng b(9);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double u = a.uniform();
    ASSERT_EQ(u * 0x1p53, static_cast<double>(b.next() >> 11));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);  // 7 standard deviations
}

}  // namespace
}  // namespace assay
