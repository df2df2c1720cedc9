#include "base/decimal.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/prng.h"

namespace assay {
namespace {

TEST(Decimal, SpellsAsStated) {
  EXPECT_EQ(to_decimal(0.02), "0.02");
  EXPECT_EQ(to_decimal(0.0), "0");
  EXPECT_EQ(to_decimal(1.0), "1");
  EXPECT_EQ(to_decimal(1e-5), "1e-05");
  EXPECT_EQ(to_decimal(0x1p-32), "2.3283064365386963e-10");
}

TEST(Decimal, EveryDoubleReadsBackWithTheSameBits) {
  Prng prng(1);
  for (int i = 0; i < 100000; ++i) {
    const double value = std::bit_cast<double>(prng.next());
    if (!std::isfinite(value)) continue;
    const Result<double> read = from_decimal(to_decimal(value));
    ASSERT_TRUE(read.ok()) << to_decimal(value);
    ASSERT_EQ(std::bit_cast<uint64_t>(*read), std::bit_cast<uint64_t>(value));
  }
  for (const double value :
       {-0.0, std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max()}) {
    ASSERT_EQ(std::bit_cast<uint64_t>(*from_decimal(to_decimal(value))),
              std::bit_cast<uint64_t>(value));
  }
}

TEST(Decimal, OtherSpellingsAreRefused) {
  for (const std::string_view text : {"",
                                      " ",
                                      "0.020",
                                      "00",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e-5",
                                      "1E-05",
                                      "0x1",
                                      "inf",
                                      "nan",
                                      "-nan",
                                      "1e999",
                                      "1 ",
                                      " 1",
                                      "0.1000000000000000055",
                                      "1,5",
                                      "-",
                                      "e",
                                      "1e400"}) {
    EXPECT_EQ(from_decimal(text).status().code(), Code::kDataLoss) << text;
  }
}

}  // namespace
}  // namespace assay
