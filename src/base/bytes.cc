#include "base/bytes.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace assay {

static_assert(std::endian::native == std::endian::little,
              "assay supports little-endian machines only");

std::string to_hex(ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const uint8_t b : bytes) {
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return invalid_argument("hexadecimal text has an odd number of digits");
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  Bytes out(text.size() / 2);
  for (size_t i = 0; i < out.size(); ++i) {
    const int hi = digit(text[2 * i]);
    const int lo = digit(text[2 * i + 1]);
    if (hi < 0 || lo < 0) {
      return invalid_argument("character " + std::to_string(2 * i + (hi < 0 ? 0 : 1)) +
                              " is not a lower-case hexadecimal digit");
    }
    out[i] = static_cast<uint8_t>(hi * 16 + lo);
  }
  return out;
}

Result<uint64_t> parse_size(std::string_view text) {
  const auto fail = [&] {
    return invalid_argument("\"" + std::string(text) +
                            "\" is not a size; write for example 512MiB, 2GiB or 1000000");
  };
  constexpr uint64_t kBytesMax = 9'000'000'000'000'000'000;  // below 2^63
  // Plain digits are exact; a double is not above 2^53.
  uint64_t whole = 0;
  const auto [whole_end, whole_error] =
      std::from_chars(text.data(), text.data() + text.size(), whole);
  if (whole_error == std::errc() && whole_end == text.data() + text.size() && whole <= kBytesMax) {
    return whole;
  }

  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || !std::isfinite(number)) return fail();
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (!unit.empty() && unit.back() == 'B') unit.remove_suffix(1);
  double scale = 1;
  if (unit == "Ki") {
    scale = 1024.0;
  } else if (unit == "Mi") {
    scale = 1048576.0;
  } else if (unit == "Gi") {
    scale = 1073741824.0;
  } else if (unit == "Ti") {
    scale = 1099511627776.0;
  } else if (unit == "k" || unit == "K") {
    scale = 1e3;
  } else if (unit == "M") {
    scale = 1e6;
  } else if (unit == "G") {
    scale = 1e9;
  } else if (unit == "T") {
    scale = 1e12;
  } else if (!unit.empty()) {
    return fail();
  }
  const double bytes = number * scale;
  if (bytes > static_cast<double>(kBytesMax)) return fail();
  return static_cast<uint64_t>(bytes);
}

std::string format_size(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || value >= 100 ? "%.0f %s" : "%.2f %s", value,
                kUnits[unit]);
  return text;
}

}  // namespace assay
