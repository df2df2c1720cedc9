// Decimal: real numbers in signed text. What is signed holds no floating-point number, because JSON
// readers disagree about them; a real number is a string with exactly one spelling. Tested in
// decimal_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace assay {

// The shortest decimal that reads back as the same double ("0.02", "1e-05", "5.545177444479562"),
// as std::to_chars writes it. Pre: value is finite (CHECK).
std::string to_decimal(double value);

// The double that text spells. Errors: DATA_LOSS when text is not what to_decimal writes for any
// double ("0.020", "+1", ".5", "inf").
Result<double> from_decimal(std::string_view text);

}  // namespace assay
