#include "base/utc_time.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

#include "base/check.h"

namespace assay {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::string_view kForm = "YYYY-MM-DDThh:mm:ssZ";
constexpr uint64_t kDaySeconds = 86400;

bool has_form(std::string_view text) {
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_digit = std::string_view("YMDhms").find(kForm[i]) != std::string_view::npos;
    if (is_digit ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return false;
  }
  return true;
}

unsigned number_at(std::string_view text, size_t at, size_t digits) {
  unsigned number = 0;
  for (const char c : text.substr(at, digits)) {
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number;
}

std::optional<uint64_t> seconds_of(std::string_view text) {
  if (!has_form(text)) return std::nullopt;
  const year_month_day date{year(static_cast<int>(number_at(text, 0, 4))),
                            month(number_at(text, 5, 2)), day(number_at(text, 8, 2))};
  const uint64_t hour = number_at(text, 11, 2);
  const uint64_t minute = number_at(text, 14, 2);
  const uint64_t second = number_at(text, 17, 2);
  if (!date.ok() || date.year() < year(1970)) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const auto count = static_cast<uint64_t>(sys_days(date).time_since_epoch().count());
  return count * kDaySeconds + hour * 3600 + minute * 60 + second;
}

}  // namespace

Result<uint64_t> parse_utc_time(std::string_view text) {
  if (const auto seconds = seconds_of(text)) return *seconds;
  return invalid_argument("expected a time in UTC from 1970 on as " + std::string(kForm));
}

std::string format_utc_time(uint64_t seconds) {
  ASSAY_CHECK(seconds <= kUtcSecondsMax);
  const year_month_day date{sys_days(days(static_cast<int>(seconds / kDaySeconds)))};
  const auto of_day = static_cast<unsigned>(seconds % kDaySeconds);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02u:%02u:%02uZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), of_day / 3600, of_day / 60 % 60, of_day % 60);
  return text.data();
}

}  // namespace assay
