#include "base/utc_time.h"

#include <gtest/gtest.h>

#include <array>
#include <ctime>

#include "base/prng.h"

namespace assay {
namespace {

TEST(UtcTime, KnowsTimesThatOthersWroteDown) {
  EXPECT_EQ(parse_utc_time("1970-01-01T00:00:00Z").value(), 0U);
  EXPECT_EQ(parse_utc_time("2000-02-29T23:59:59Z").value(), 951868799U);
  EXPECT_EQ(parse_utc_time("2001-09-09T01:46:40Z").value(), 1000000000U);
  EXPECT_EQ(parse_utc_time("2038-01-19T03:14:08Z").value(), uint64_t{1} << 31);
  EXPECT_EQ(parse_utc_time("9999-12-31T23:59:59Z").value(), kUtcSecondsMax);
}

// Against the C library.
TEST(UtcTime, ReadsWhatItWrites) {
  Prng prng(1);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t seconds = prng.below(kUtcSecondsMax + 1);
    const auto time = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, 64> want{};
    ASSERT_GT(std::strftime(want.data(), want.size(), "%Y-%m-%dT%H:%M:%SZ", &parts), 0U);
    ASSERT_EQ(format_utc_time(seconds), want.data());
    ASSERT_EQ(parse_utc_time(want.data()).value(), seconds);
  }
}

TEST(UtcTime, HasOneForm) {
  for (const char* text : {"",
                           "2026-01-01",
                           "2026-01-01T00:00:00",
                           "2026-01-01T00:00:00z",
                           "2026-01-01t00:00:00Z",
                           "2026-01-01 00:00:00Z",
                           "2026-01-01T00:00:00.0Z",
                           "2026-01-01T00:00:00+00:00",
                           "2026-01-01T00:00:00Z ",
                           " 2026-01-01T00:00:00Z",
                           "2026-1-01T00:00:00Z",
                           "+026-01-01T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:60Z",
                           "2026-00-01T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2100-02-29T00:00:00Z",
                           "1969-12-31T23:59:59Z",
                           "0000-01-01T00:00:00Z"}) {
    EXPECT_EQ(parse_utc_time(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace assay
