// Every kernel of every instruction set against the plain reference, bit for bit.
#include "tensor/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/detmath.h"
#include "tensor/matmul.h"
#include "tensor/profile_reference.h"

namespace assay {
namespace {

namespace ref = reference;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
const std::vector<size_t> kSizes = {1,  2,  3,  7,  8,  15, 16,  17,  31,  32,  33,  47,
                                    48, 49, 63, 64, 65, 80, 100, 127, 128, 200, 511, 1000};

std::vector<uint32_t> bits(const std::vector<float>& values) {
  std::vector<uint32_t> out;
  for (const float v : values) out.push_back(std::bit_cast<uint32_t>(v));
  return out;
}
uint32_t bits(float v) { return std::bit_cast<uint32_t>(v); }

// Numbers of all magnitudes and the special ones: what ordinary data hides.
std::vector<float> wild_floats(Prng& prng, size_t n) {
  const float special[] = {0.0F, -0.0F, kInf, -kInf, kNan, -kNan, 1e-42F, -1e-45F, 3e38F};
  std::vector<float> out(n);
  for (float& v : out) {
    v = prng.below(8) == 0 ? special[prng.below(std::size(special))]
                           : std::bit_cast<float>(static_cast<uint32_t>(prng.next() >> 32U));
  }
  return out;
}

class KernelsTest : public testing::TestWithParam<Isa> {
 protected:
  const Kernels& kernels() const { return kernels_for(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Isas, KernelsTest, testing::ValuesIn(isas_present()),
                         [](const auto& isa) { return std::string(isa_name(isa.param)); });

TEST_P(KernelsTest, DotIsTheSixteenLaneTree) {
  Prng prng(1);
  for (const size_t n : kSizes) {
    for (const bool wild : {false, true}) {
      const auto x = wild ? wild_floats(prng, n) : ref::random_floats(prng, n);
      const auto w = wild ? wild_floats(prng, n) : ref::random_floats(prng, n);
      EXPECT_EQ(bits(kernels().dot(x.data(), w.data(), n)), bits(ref::dot(x, w))) << n;
    }
  }
}

TEST_P(KernelsTest, DotOfNothingIsZero) { EXPECT_EQ(bits(kernels().dot(nullptr, nullptr, 0)), 0U); }

TEST_P(KernelsTest, PaddingOfTheTailTurnsMinusZeroIntoZero) {
  // fma(-tiny, tiny, 0) rounds to -0 in lane 0; with n = 17 lane 1 of the second group is padding.
  std::vector<float> x(17, 0.0F);
  std::vector<float> w(17, 0.0F);
  for (size_t i = 0; i < 17; ++i) {
    x[i] = -1e-30F;
    w[i] = 1e-30F;
  }
  EXPECT_EQ(bits(kernels().dot(x.data(), w.data(), 16)), bits(-0.0F));
  EXPECT_EQ(bits(kernels().dot(x.data(), w.data(), 17)), bits(0.0F));
}

TEST_P(KernelsTest, MatMulIsTheDotOfEveryPairInEveryType) {
  Prng prng(2);
  for (const DType type : kAllDTypes) {
    const size_t block = dtype_info(type).block_elements;
    for (const size_t size : {1U, 15U, 16U, 33U, 50U, 64U, 100U, 544U, 1040U}) {
      const size_t k = (size + block - 1) / block * block;
      for (const size_t tokens : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 13U}) {
        const size_t rows = 1 + prng.below(61);
        const size_t x_stride = k + prng.below(5);
        const size_t y_stride = rows + prng.below(5);
        const auto x = ref::random_floats(prng, tokens * x_stride + 1);
        const Bytes w = ref::random_weights(prng, type, rows, k);
        std::vector<float> scratch(matmul_scratch_floats(k), kNan);
        std::vector<float> y(tokens * y_stride + 1, -7.0F);
        std::vector<float> expected = y;
        for (size_t t = 0; t < tokens; ++t) {
          const std::vector<float> xt(x.begin() + static_cast<ptrdiff_t>(t * x_stride),
                                      x.begin() + static_cast<ptrdiff_t>(t * x_stride + k));
          for (size_t r = 0; r < rows; ++r) {
            expected[t * y_stride + r] =
                ref::dot(xt, ref::elements(type, w.data() + r * row_bytes(type, k), k));
          }
        }
        kernels().matmul({.x = x.data(),
                          .tokens = tokens,
                          .x_stride = x_stride,
                          .w = w.data(),
                          .type = type,
                          .rows = rows,
                          .k = k,
                          .y = y.data(),
                          .y_stride = y_stride},
                         scratch.data());
        ASSERT_EQ(bits(y), bits(expected))
            << dtype_info(type).name << " k=" << k << " tokens=" << tokens << " rows=" << rows;
      }
    }
  }
}

TEST_P(KernelsTest, MatMulOfWildNumbersIsTheDotOfEveryPair) {
  Prng prng(3);
  constexpr size_t kK = 70;
  constexpr size_t kRows = 9;
  for (const size_t tokens : {1U, 2U, 3U, 4U, 9U}) {
    const auto x = wild_floats(prng, tokens * kK);
    const auto w = wild_floats(prng, kRows * kK);
    std::vector<float> scratch(matmul_scratch_floats(kK));
    std::vector<float> y(tokens * kRows);
    kernels().matmul({.x = x.data(),
                      .tokens = tokens,
                      .x_stride = kK,
                      .w = as_bytes(w).data(),
                      .type = DType::kF32,
                      .rows = kRows,
                      .k = kK,
                      .y = y.data(),
                      .y_stride = kRows},
                     scratch.data());
    for (size_t t = 0; t < tokens; ++t) {
      for (size_t r = 0; r < kRows; ++r) {
        const auto xt = x.begin() + static_cast<ptrdiff_t>(t * kK);
        const auto wr = w.begin() + static_cast<ptrdiff_t>(r * kK);
        EXPECT_EQ(bits(y[t * kRows + r]), bits(ref::dot({xt, xt + kK}, {wr, wr + kK})));
      }
    }
  }
}

// Scales of a tensor, of its rows, and of blocks of 128 x 128; a piece that starts inside a block.
TEST_P(KernelsTest, MatMulMultipliesDecodedWeightsByTheirScales) {
  Prng prng(12);
  constexpr size_t kRowsAll = 300;
  for (const DType type : {DType::kI8, DType::kF8_E4M3, DType::kF8_E5M2}) {
    for (const size_t k : {1U, 40U, 128U, 300U, 1040U}) {
      const size_t column_groups = (k + 127) / 128;
      const WeightScales layouts[] = {{.stride = 0},
                                      {.stride = 1},
                                      {.stride = column_groups, .rows_log2 = 7, .columns_log2 = 7}};
      const Bytes w = ref::random_weights(prng, type, kRowsAll, k);
      const auto values = ref::random_floats(prng, kRowsAll * column_groups);
      for (WeightScales scales : layouts) {
        scales.values = values.data();
        for (const size_t tokens : {1U, 2U, 3U, 4U, 7U}) {
          const size_t first = prng.below(kRowsAll - 20);
          const size_t rows = 1 + prng.below(kRowsAll - first);
          scales.row0 = first;
          const auto x = ref::random_floats(prng, tokens * k);
          std::vector<float> y(tokens * rows);
          std::vector<float> scratch(2 * matmul_scratch_floats(k));
          ThreadPool pool(2);
          matmul(kernels(), pool,
                 {.x = x.data(),
                  .tokens = tokens,
                  .x_stride = k,
                  .w = w.data() + first * k,
                  .type = type,
                  .scales = scales,
                  .rows = rows,
                  .k = k,
                  .y = y.data(),
                  .y_stride = rows},
                 scratch.data());
          for (size_t r = 0; r < rows; ++r) {
            auto row = ref::elements(type, w.data() + (first + r) * k, k);
            for (size_t i = 0; i < k; ++i) {
              const size_t group = (first + r) >> scales.rows_log2;
              row[i] *= values[group * scales.stride + (i >> scales.columns_log2)];
            }
            auto applied = ref::elements(type, w.data() + (first + r) * k, k);
            apply_scales(scales, r, applied);
            ASSERT_EQ(bits(applied), bits(row));
            for (size_t t = 0; t < tokens; ++t) {
              const auto xt = x.begin() + static_cast<ptrdiff_t>(t * k);
              ASSERT_EQ(bits(y[t * rows + r]),
                        bits(ref::dot({xt, xt + static_cast<ptrdiff_t>(k)}, row)))
                  << dtype_info(type).name << " k=" << k << " tokens=" << tokens << " row " << r;
            }
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, RmsNorm) {
  Prng prng(4);
  for (const size_t n : kSizes) {
    const auto x = n % 3 == 0 ? wild_floats(prng, n) : ref::random_floats(prng, n);
    const auto w = ref::random_floats(prng, n);
    std::vector<float> expected(n);
    const float root = std::sqrt(ref::dot(x, x) / static_cast<float>(n) + 1e-5F);
    for (size_t i = 0; i < n; ++i) expected[i] = ref::canonical(x[i] * w[i] / root);
    std::vector<float> y = x;
    kernels().rms_norm(y.data(), w.data(), n, 1e-5F, y.data());
    EXPECT_EQ(bits(y), bits(expected)) << n;
  }
}

TEST_P(KernelsTest, LayerNorm) {
  Prng prng(5);
  for (const size_t n : kSizes) {
    for (const bool with_bias : {false, true}) {
      const auto x = ref::random_floats(prng, n);
      const auto w = ref::random_floats(prng, n);
      const auto b = ref::random_floats(prng, n);
      const float mean = ref::sum(x) / static_cast<float>(n);
      std::vector<float> d(n);
      for (size_t i = 0; i < n; ++i) d[i] = x[i] - mean;
      const float root = std::sqrt(ref::dot(d, d) / static_cast<float>(n) + 1e-5F);
      std::vector<float> expected(n);
      for (size_t i = 0; i < n; ++i) {
        expected[i] = d[i] / root * w[i];
        if (with_bias) expected[i] = expected[i] + b[i];
      }
      std::vector<float> y(n);
      kernels().layer_norm(x.data(), w.data(), with_bias ? b.data() : nullptr, n, 1e-5F, y.data());
      EXPECT_EQ(bits(y), bits(expected)) << n;
    }
  }
}

TEST_P(KernelsTest, Softmax) {
  Prng prng(6);
  for (const size_t n : kSizes) {
    for (int kind = 0; kind < 3; ++kind) {
      auto x = kind == 1 ? wild_floats(prng, n) : ref::random_floats(prng, n);
      if (kind == 2) {
        for (float& v : x) v *= 200.0F;
      }
      const auto expected = ref::softmax(x);
      kernels().softmax(x.data(), n);
      EXPECT_EQ(bits(x), bits(expected)) << n;
    }
  }
}

TEST_P(KernelsTest, SoftmaxOfInfinitiesIsCanonicalNan) {
  std::vector<float> x(20, -kInf);
  kernels().softmax(x.data(), x.size());
  EXPECT_THAT(bits(x), testing::Each(0x7fc00000U));
  x.assign(20, 0.0F);
  x[3] = kInf;
  kernels().softmax(x.data(), x.size());
  EXPECT_THAT(bits(x), testing::Each(0x7fc00000U));
}

constexpr Activation kActivations[] = {Activation::kSilu, Activation::kGeluTanh,
                                       Activation::kGeluErf, Activation::kRelu};

TEST_P(KernelsTest, Activate) {
  Prng prng(7);
  for (const Activation activation : kActivations) {
    for (const size_t n : kSizes) {
      auto x = n % 2 == 0 ? wild_floats(prng, n) : ref::random_floats(prng, n);
      if (n % 3 == 0) kernels().scale(x.data(), n, 7.0F);
      const auto up = ref::random_floats(prng, n);
      auto alone = x;
      std::vector<float> expected(n);
      std::vector<float> expected_alone(n);
      for (size_t i = 0; i < n; ++i) {
        expected_alone[i] = ref::canonical(ref::activate(activation, x[i]));
        expected[i] = ref::canonical(ref::activate(activation, x[i]) * up[i]);
      }
      kernels().activate(activation, x.data(), up.data(), n);
      EXPECT_EQ(bits(x), bits(expected)) << n;
      kernels().activate(activation, alone.data(), nullptr, n);
      EXPECT_EQ(bits(alone), bits(expected_alone)) << n;
    }
  }
}

// Against the integral of the definition, by Simpson's rule in double.
double erf_by_integration(double x) {
  constexpr int kSteps = 400;
  const double h = x / kSteps;
  double sum = 1 + det_exp(-x * x);
  for (int i = 1; i < kSteps; ++i) sum += (i % 2 == 1 ? 4 : 2) * det_exp(-(i * h) * (i * h));
  return sum * h / 3 * 1.1283791670955126;
}

TEST_P(KernelsTest, ActivationsAreCloseToTheirDefinitions) {
  for (int i = -6000; i <= 6000; ++i) {
    const auto x = static_cast<float>(i) * 0.00137F;
    const double d = static_cast<double>(x);
    const auto value = [&](Activation activation) {
      float y = x;
      kernels().activate(activation, &y, nullptr, 1);
      return static_cast<double>(y);
    };
    const double inner = 0.7978845608028654 * (d + 0.044715 * d * d * d);
    const double tanh = 1 - 2 / (det_exp(2 * inner) + 1);
    const double tolerance = 3e-7 * (1 + std::abs(d));
    ASSERT_NEAR(value(Activation::kGeluTanh), 0.5 * d * (1 + tanh), tolerance) << x;
    const double erf = erf_by_integration(d * 0.7071067811865476);
    ASSERT_NEAR(value(Activation::kGeluErf), 0.5 * d * (1 + erf), tolerance) << x;
    ASSERT_NEAR(value(Activation::kSilu), d / (1 + det_exp(-d)), tolerance) << x;
    float capped = x;
    kernels().soft_cap(&capped, 1, 2.0F);
    const double cap = 2 - 4 / (det_exp(d) + 1);
    ASSERT_NEAR(static_cast<double>(capped), cap, 2e-7 * std::abs(cap) + 1e-9) << x;
  }
}

TEST_P(KernelsTest, SoftCapAndScale) {
  Prng prng(11);
  for (const size_t n : kSizes) {
    auto x = n % 2 == 0 ? wild_floats(prng, n) : ref::random_floats(prng, n);
    auto y = x;
    std::vector<float> capped(n);
    std::vector<float> scaled(n);
    for (size_t i = 0; i < n; ++i) {
      capped[i] = ref::canonical(0.4F * ref::tanh(x[i] / 0.4F));
      scaled[i] = ref::canonical(x[i] * 3.7F);
    }
    kernels().soft_cap(x.data(), n, 0.4F);
    kernels().scale(y.data(), n, 3.7F);
    EXPECT_EQ(bits(x), bits(capped)) << n;
    EXPECT_EQ(bits(y), bits(scaled)) << n;
  }
}

TEST_P(KernelsTest, Add) {
  Prng prng(8);
  for (const size_t n : kSizes) {
    auto x = wild_floats(prng, n);
    const auto y = wild_floats(prng, n);
    std::vector<float> expected(n);
    for (size_t i = 0; i < n; ++i) expected[i] = ref::canonical(x[i] + y[i]);
    kernels().add(x.data(), y.data(), n);
    EXPECT_EQ(bits(x), bits(expected)) << n;
  }
}

TEST_P(KernelsTest, Rope) {
  Prng prng(9);
  for (const size_t half : {1U, 3U, 8U, 16U, 20U, 32U, 64U, 65U}) {
    auto x = ref::random_floats(prng, 2 * half);
    std::vector<float> cos(half);
    std::vector<float> sin(half);
    rope_table({.rotary_dims = 2 * half}, 1234, cos.data(), sin.data());
    std::vector<float> expected(2 * half);
    for (size_t i = 0; i < half; ++i) {
      const float a = x[i];
      const float b = x[half + i];
      expected[i] = std::fma(-b, sin[i], a * cos[i]);
      expected[half + i] = std::fma(a, sin[i], b * cos[i]);
    }
    kernels().rope(x.data(), cos.data(), sin.data(), half);
    EXPECT_EQ(bits(x), bits(expected)) << half;
  }
}

TEST_P(KernelsTest, AttendIsSoftmaxOfDotsAndDotsWithTheColumnsOfV) {
  Prng prng(10);
  for (const size_t dim : {1U, 5U, 8U, 16U, 20U, 64U, 80U, 128U}) {
    for (const size_t positions : {1U, 2U, 15U, 16U, 17U, 63U, 64U, 65U, 128U, 150U}) {
      const size_t stride = dim + prng.below(20);
      const auto q = ref::random_floats(prng, dim);
      const auto k = ref::random_floats(prng, positions * stride);
      const auto v = ref::random_floats(prng, positions * stride);
      const float scale = 1.5F;
      std::vector<float> scores(positions);
      for (size_t p = 0; p < positions; ++p) {
        const auto row = k.begin() + static_cast<ptrdiff_t>(p * stride);
        scores[p] = ref::dot(q, {row, row + static_cast<ptrdiff_t>(dim)}) * scale;
      }
      scores = ref::softmax(scores);
      std::vector<float> expected(dim);
      for (size_t j = 0; j < dim; ++j) {
        std::vector<float> column(positions);
        for (size_t p = 0; p < positions; ++p) column[p] = v[p * stride + j];
        expected[j] = ref::dot(scores, column);
      }
      std::vector<float> scratch(positions, kNan);
      std::vector<float> lanes(16 * dim, kNan);
      std::vector<float> out(dim, kNan);
      kernels().attend({.q = q.data(),
                        .k = k.data(),
                        .k_stride = stride,
                        .v = v.data(),
                        .v_stride = stride,
                        .positions = positions,
                        .head_dim = dim,
                        .scale = scale,
                        .scores = scratch.data(),
                        .lanes = lanes.data(),
                        .out = out.data()});
      ASSERT_EQ(bits(scratch), bits(scores)) << dim << " " << positions;
      ASSERT_EQ(bits(out), bits(expected)) << dim << " " << positions;
    }
  }
}

// A window: masked positions weigh nothing, and where the computation begins does not matter.
TEST_P(KernelsTest, AttendWithMaskBiasAndCap) {
  Prng prng(12);
  constexpr size_t kDim = 24;
  for (const size_t positions : {1U, 16U, 40U, 65U, 130U}) {
    const auto q = ref::random_floats(prng, kDim);
    const auto k = ref::random_floats(prng, positions * kDim);
    const auto v = ref::random_floats(prng, positions * kDim);
    const auto bias = ref::random_floats(prng, positions);
    for (const size_t masked : {size_t{0}, positions / 3, positions - 1}) {
      std::vector<float> scores(positions);
      for (size_t p = 0; p < positions; ++p) {
        const auto row = k.begin() + static_cast<ptrdiff_t>(p * kDim);
        const float score = ref::dot(q, {row, row + static_cast<ptrdiff_t>(kDim)}) * 1.5F;
        scores[p] = 2.0F * ref::tanh(score / 2.0F) + bias[p];
        if (p < masked) scores[p] = -kInf;
      }
      scores = ref::softmax(scores);
      std::vector<float> expected(kDim);
      for (size_t j = 0; j < kDim; ++j) {
        std::vector<float> column(positions);
        for (size_t p = 0; p < positions; ++p) column[p] = v[p * kDim + j];
        expected[j] = ref::dot(scores, column);
      }
      for (const size_t begin : {size_t{0}, masked / 16 * 16}) {
        std::vector<float> scratch(positions, kNan);
        std::vector<float> lanes(16 * kDim, kNan);
        std::vector<float> out(kDim, kNan);
        kernels().attend({.q = q.data(),
                          .k = k.data() + begin * kDim,
                          .k_stride = kDim,
                          .v = v.data() + begin * kDim,
                          .v_stride = kDim,
                          .positions = positions - begin,
                          .head_dim = kDim,
                          .scale = 1.5F,
                          .soft_cap = 2.0F,
                          .bias = bias.data() + begin,
                          .masked = masked - begin,
                          .scores = scratch.data(),
                          .lanes = lanes.data(),
                          .out = out.data()});
        ASSERT_EQ(bits(out), bits(expected)) << positions << " " << masked << " " << begin;
      }
    }
  }
}

// Pages in any order, read from any group of 16: the bits of rows in one piece.
TEST_P(KernelsTest, AttendReadsPagesAsRowsInOnePiece) {
  Prng prng(13);
  constexpr size_t kPage = kAttendPagePositions;
  constexpr size_t kPages = 6;
  for (const size_t dim : {5U, 16U, 20U, 64U}) {
    const size_t stride = dim + prng.below(20);
    const size_t page_stride = kPage * stride + prng.below(50);
    const auto q = ref::random_floats(prng, dim);
    const auto keys = ref::random_floats(prng, kPages * page_stride);
    const auto values = ref::random_floats(prng, kPages * page_stride);
    const std::vector<uint32_t> pages = {4, 1, 5, 0, 2};
    std::vector<float> keys_in_order;
    std::vector<float> values_in_order;
    for (const uint32_t page : pages) {
      const auto append = [&](const std::vector<float>& from, std::vector<float>& to) {
        const auto begin = from.begin() + static_cast<ptrdiff_t>(page * page_stride);
        to.insert(to.end(), begin, begin + static_cast<ptrdiff_t>(kPage * stride));
      };
      append(keys, keys_in_order);
      append(values, values_in_order);
    }
    for (size_t first = 0; first < 2 * kPage; first += 16) {
      for (const size_t positions : {1U, 15U, 16U, 17U, 31U, 32U, 33U, 64U, 65U, 90U}) {
        if (first + positions > pages.size() * kPage) continue;
        Kernels::AttendArgs args = {.q = q.data(),
                                    .k = keys_in_order.data() + first * stride,
                                    .k_stride = stride,
                                    .v = values_in_order.data() + first * stride,
                                    .v_stride = stride,
                                    .positions = positions,
                                    .head_dim = dim,
                                    .scale = 0.7F,
                                    .soft_cap = 3.0F,
                                    .masked = std::min<size_t>(positions - 1, 9)};
        const auto outputs = [&] {
          std::vector<float> scores(positions, kNan);
          std::vector<float> lanes(16 * dim, kNan);
          std::vector<float> out(dim, kNan);
          args.scores = scores.data();
          args.lanes = lanes.data();
          args.out = out.data();
          kernels().attend(args);
          return std::pair(bits(scores), bits(out));
        };
        const auto expected = outputs();
        args.k = keys.data();
        args.v = values.data();
        args.pages = pages.data() + first / kPage;
        args.page_stride = page_stride;
        args.page_first = first % kPage;
        ASSERT_EQ(outputs(), expected) << dim << " " << first << " " << positions;
      }
    }
  }
}

TEST_P(KernelsTest, ArgmaxTakesTheLowestIndexAndNeverNan) {
  const auto argmax = [&](const std::vector<float>& x) {
    return kernels().argmax(x.data(), x.size());
  };
  EXPECT_EQ(argmax({1, 3, 2, 3}), 1U);
  EXPECT_EQ(argmax({kNan, -kInf, kNan}), 1U);
  EXPECT_EQ(argmax({kNan, kNan}), 0U);
  EXPECT_EQ(argmax({-1.0F, -0.0F, 0.0F}), 1U);
  EXPECT_EQ(argmax({kInf, kNan, kInf}), 0U);
  Prng prng(11);
  for (const size_t n : kSizes) {
    std::vector<float> x(n);
    for (float& v : x) v = static_cast<float>(prng.below(n / 4 + 1));  // many ties
    EXPECT_EQ(argmax(x), static_cast<size_t>(std::max_element(x.begin(), x.end()) - x.begin()))
        << n;
  }
}

TEST(Kernels, DefaultIsTheFastestAndObeysTheSetting) {
  ASSERT_EQ(unsetenv("ASSAY_ISA"), 0);
  const auto fastest = kernels_default();
  if (isas_present().back() == Isa::kScalar) {
    EXPECT_EQ(fastest.status().code(), Code::kFailedPrecondition);
  } else {
    EXPECT_EQ((*fastest)->isa, isas_present().back());
  }
  for (const Isa isa : isas_present()) {
    ASSERT_EQ(setenv("ASSAY_ISA", std::string(isa_name(isa)).c_str(), 1), 0);
    EXPECT_EQ((*kernels_default())->isa, isa);
  }
  ASSERT_EQ(setenv("ASSAY_ISA", "mmx", 1), 0);
  const auto unknown = kernels_default();
  EXPECT_EQ(unknown.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(unknown.status().message(), testing::HasSubstr("mmx"));
  ASSERT_EQ(unsetenv("ASSAY_ISA"), 0);
}

TEST(RopeTable, IsTheRoundedCosineAndSineOfTheAngle) {
  constexpr size_t kDims = 64;
  std::vector<float> cos(kDims / 2);
  std::vector<float> sin(kDims / 2);
  for (const size_t position : {0U, 1U, 17U, 4095U, 131071U}) {
    rope_table({.rotary_dims = kDims}, position, cos.data(), sin.data());
    for (size_t i = 0; i < kDims / 2; ++i) {
      const long double theta = powl(10000.0L, -2.0L * static_cast<long double>(i) / kDims);
      const long double angle = static_cast<long double>(position) * theta;
      // The angle carries the error of theta, 2^-45 relative at most.
      const auto error = static_cast<double>(0x1p-25L + 0x1p-45L * angle + 0x1p-49L);
      EXPECT_NEAR(cos[i], static_cast<double>(cosl(angle)), error);
      EXPECT_NEAR(sin[i], static_cast<double>(sinl(angle)), error);
    }
  }
}

}  // namespace
}  // namespace assay
