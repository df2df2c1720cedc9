// Values: order, equality and text as Python has them, and what they are paid with.
#include "model/jinja_value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/jinja_testing.h"

namespace assay::jinja {
namespace {

TEST(JinjaValue, IntegersAndFloatsCompareExactly) {
  Runtime runtime(kTestLimits);
  constexpr int64_t kBig = int64_t{1} << 53;
  const auto is_less = [&](const Value& a, const Value& b) { return less(runtime, a, b).value(); };
  const auto is_equal = [&](const Value& a, const Value& b) {
    return equal(runtime, a, b).value();
  };
  EXPECT_TRUE(is_equal(kBig, static_cast<double>(kBig)));
  EXPECT_FALSE(is_equal(kBig + 1, static_cast<double>(kBig)));
  EXPECT_TRUE(is_less(static_cast<double>(kBig), kBig + 1));
  EXPECT_TRUE(is_less(std::numeric_limits<int64_t>::max(), 9223372036854775808.0));
  EXPECT_FALSE(is_less(std::numeric_limits<int64_t>::min(), -9223372036854775808.0));
  EXPECT_TRUE(is_less(int64_t{-3}, -2.5));
  EXPECT_TRUE(is_less(-2.5, int64_t{-2}));
  EXPECT_FALSE(is_equal(std::nan(""), std::nan("")));
  EXPECT_FALSE(is_less(int64_t{1}, std::nan("")));
  EXPECT_TRUE(is_equal(true, 1.0));
}

TEST(JinjaValue, FloatsAreWrittenAsPythonWritesThem) {
  EXPECT_EQ(float_repr(0.1), "0.1");
  EXPECT_EQ(float_repr(-0.0), "-0.0");
  EXPECT_EQ(float_repr(1e15), "1000000000000000.0");
  EXPECT_EQ(float_repr(1e16), "1e+16");
  EXPECT_EQ(float_repr(1e-4), "0.0001");
  EXPECT_EQ(float_repr(1e-5), "1e-05");
  EXPECT_EQ(float_repr(5e-324), "5e-324");
  EXPECT_EQ(float_repr(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(float_repr(std::numeric_limits<double>::infinity()), "inf");
}

TEST(JinjaValue, KeysAreReplacedNotRepeated) {
  Runtime runtime(kTestLimits);
  std::vector<std::pair<Value, Value>> entries;
  ASSERT_TRUE(put(runtime, entries, Value(int64_t{1}), Value(int64_t{1})).ok());
  ASSERT_TRUE(put(runtime, entries, Value(true), Value(int64_t{2})).ok());
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(std::get<int64_t>(entries[0].second), 2);
  const Value list = runtime.list({}).value();
  EXPECT_EQ(put(runtime, entries, list, list).code(), Code::kInvalidArgument);
}

TEST(JinjaValue, GeneratorsAreWalkedOnce) {
  Runtime runtime(kTestLimits);
  const Value once = runtime.list({Value(int64_t{1})}, ListKind::kGenerator).value();
  EXPECT_TRUE(is_true(once));
  EXPECT_EQ(elements(runtime, once).value()->size(), 1U);
  EXPECT_EQ(elements(runtime, once).value()->size(), 0U);
}

TEST(JinjaValue, EveryValueIsPaidFor) {
  Runtime runtime({.steps_max = 1000, .memory_bytes_max = 4096});
  EXPECT_EQ(runtime.string(std::string(5000, 'a')).status().code(), Code::kResourceExhausted);
  Runtime steps({.steps_max = 10, .memory_bytes_max = 1 << 20});
  Status status;
  for (int i = 0; i < 11 && status.ok(); ++i) status = equal(steps, Value(true), true).status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace assay::jinja
