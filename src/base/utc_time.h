// UTC time as text: the one form of RFC 3339 that Assay's files use, 2026-01-31T23:59:59Z. Tested
// in utc_time_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace assay {

inline constexpr uint64_t kUtcSecondsMax = 253402300799;  // 9999-12-31T23:59:59Z

// Seconds since 1970-01-01T00:00:00Z, without leap seconds. Errors: INVALID_ARGUMENT for another
// form (a fraction, another zone, a letter in lower case), a day that there is not, or a year
// before 1970.
Result<uint64_t> parse_utc_time(std::string_view text);
// Pre: seconds <= kUtcSecondsMax (CHECK).
std::string format_utc_time(uint64_t seconds);

}  // namespace assay
