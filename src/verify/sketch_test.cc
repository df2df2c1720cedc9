#include "verify/sketch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <thread>

#include "base/prng.h"

namespace assay {
namespace {

std::vector<float> gaussian(Prng& prng, size_t n) {
  std::vector<float> out(n);
  for (float& x : out) {
    double sum = -6;  // the sum of twelve uniforms is near enough to a normal variable
    for (int i = 0; i < 12; ++i) sum += prng.uniform();
    x = static_cast<float>(sum);
  }
  return out;
}

Sketch sketch_naive(const SketchProjection& projection, std::span<const float> pooled) {
  Sketch out{};
  for (size_t o = 0; o < kSketchBits; ++o) {
    double sum = 0;
    for (size_t begin = 0; begin < pooled.size(); begin += 8) {
      double group = 0;
      for (size_t i = begin; i < std::min(pooled.size(), begin + 8); ++i) {
        group += projection.sign(o, i) * static_cast<double>(pooled[i]);
      }
      sum += group;
    }
    if (sum > 0) out[o / 8] = static_cast<uint8_t>(out[o / 8] | (1u << (o % 8)));
  }
  return out;
}

TEST(Sketch, EqualsTheNaiveProjection) {
  Prng prng(1);
  for (const size_t width : {1u, 2u, 7u, 8u, 9u, 63u, 64u, 65u, 192u, 1000u}) {
    const SketchProjection projection(width);
    for (int i = 0; i < 5; ++i) {
      const std::vector<float> x = gaussian(prng, width);
      EXPECT_EQ(projection.sketch(x), sketch_naive(projection, x)) << width;
    }
  }
}

// From an independent program (Python, from docs/formats/transcript.md). The bits are part of the
// format: a change of this value is a change of assay.sketch.v1.
TEST(Sketch, Golden) {
  std::vector<float> x(100);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 101) / 50.0f - 1.0f;
  EXPECT_EQ(to_hex(SketchProjection(100).sketch(x)),
            "898d0aec3fc62d96e58938cce2579c0215156378f7c203edca5140829b76234a");
}

TEST(Sketch, SameBitsFromEveryObjectAndThread) {
  Prng prng(2);
  const std::vector<float> x = gaussian(prng, 333);
  const SketchProjection projection(333);
  const Sketch expected = projection.sketch(x);
  EXPECT_EQ(SketchProjection(333).sketch(x), expected);
  std::vector<Sketch> found(4);
  std::vector<std::thread> threads;
  for (Sketch& out : found) threads.emplace_back([&] { out = projection.sketch(x); });
  for (std::thread& thread : threads) thread.join();
  for (const Sketch& sketch : found) EXPECT_EQ(sketch, expected);
}

TEST(Sketch, SignsAreBalancedAndDifferByWidth) {
  const SketchProjection a(512), b(513);
  int sum = 0, agreement = 0;
  for (size_t o = 0; o < kSketchBits; ++o) {
    for (size_t i = 0; i < 512; ++i) {
      sum += a.sign(o, i);
      agreement += a.sign(o, i) * b.sign(o, i);
    }
  }
  const double sigma = std::sqrt(512.0 * 256.0);
  EXPECT_LT(std::abs(sum), 5 * sigma);
  EXPECT_LT(std::abs(agreement), 5 * sigma);
}

TEST(Sketch, IndependentVectorsDifferInHalfOfTheBits) {
  Prng prng(3);
  const SketchProjection projection(1024);
  for (int i = 0; i < 20; ++i) {
    const unsigned distance =
        hamming(projection.sketch(gaussian(prng, 1024)), projection.sketch(gaussian(prng, 1024)));
    EXPECT_NEAR(distance, 128, 50);  // the binomial's sigma is 8; the vectors' own angle adds a few
  }
}

TEST(Sketch, DistanceIsTheAngle) {
  Prng prng(4);
  const size_t width = 768;
  const SketchProjection projection(width);
  double before = -1;
  for (const double angle : {0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.4, 3.0}) {
    double distance_sum = 0;
    constexpr int kPairs = 40;
    for (int pair = 0; pair < kPairs; ++pair) {
      const std::vector<float> u = gaussian(prng, width);
      std::vector<float> v = gaussian(prng, width);
      double uu = 0, uv = 0, vv = 0;
      for (size_t i = 0; i < width; ++i) uu += double{u[i]} * u[i], uv += double{u[i]} * v[i];
      for (size_t i = 0; i < width; ++i) {  // v becomes orthogonal to u
        v[i] = static_cast<float>(v[i] - uv / uu * u[i]);
        vv += double{v[i]} * v[i];
      }
      std::vector<float> w(width);
      for (size_t i = 0; i < width; ++i) {
        w[i] = static_cast<float>(std::cos(angle) * u[i] +
                                  std::sin(angle) * std::sqrt(uu / vv) * v[i]);
      }
      distance_sum += hamming(projection.sketch(u), projection.sketch(w));
    }
    const double share = distance_sum / kPairs / 256;
    EXPECT_NEAR(share, angle / std::numbers::pi, 0.02) << angle;
    EXPECT_GT(share, before) << angle;
    before = share;
  }
}

TEST(Sketch, ScaleDoesNotMatterAndOppositeIsTheComplement) {
  Prng prng(5);
  const SketchProjection projection(64);
  std::vector<float> x = gaussian(prng, 64);
  const Sketch sketch = projection.sketch(x);
  for (float& value : x) value *= 4;
  EXPECT_EQ(projection.sketch(x), sketch);
  for (float& value : x) value = -value;
  EXPECT_EQ(hamming(projection.sketch(x), sketch), 256u);
}

TEST(Sketch, NonFiniteAndZeroInputsGiveZeroBits) {
  const SketchProjection projection(16);
  std::vector<float> x(16, 0.0f);
  EXPECT_EQ(projection.sketch(x), Sketch{});
  x[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(projection.sketch(x), Sketch{});
}

TEST(PoolMean, EqualsTheDoubleMeanOfEachColumn) {
  Prng prng(6);
  for (const size_t width : {1u, 5u, 127u, 128u, 129u, 300u}) {
    for (const size_t tokens : {1u, 2u, 24u}) {
      const std::vector<float> values = gaussian(prng, tokens * width);
      std::vector<float> pooled(width);
      pool_mean(values, tokens, width, pooled);
      for (size_t c = 0; c < width; ++c) {
        double sum = 0;
        for (size_t t = 0; t < tokens; ++t) sum += static_cast<double>(values[t * width + c]);
        EXPECT_EQ(pooled[c], static_cast<float>(sum / static_cast<double>(tokens)));
      }
    }
  }
}

}  // namespace
}  // namespace assay
