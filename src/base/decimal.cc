#include "base/decimal.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"

namespace assay {

std::string to_decimal(double value) {
  ASSAY_CHECK(std::isfinite(value));
  std::array<char, 32> buffer;  // the longest is 24: "-2.2250738585072014e-308"
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  ASSAY_CHECK(error == std::errc());
  return {buffer.data(), end};
}

Result<double> from_decimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return data_loss("not a decimal number");
  }
  if (to_decimal(value) != text) {
    return data_loss("not the shortest spelling of this number, " + to_decimal(value));
  }
  return value;
}

}  // namespace assay
