// Any bytes: parse_json must answer without crashing, and what it accepts and can be canonical must
// be a fixed point of canonical_json.
#include "base/json.h"

namespace {

bool has_float(const assay::Json& value) {
  if (value.is_number_float()) return true;
  if (!value.is_structured()) return false;
  for (const auto& item : value) {
    if (has_float(item)) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto value = assay::parse_json(text, "fuzz", {.depth_max = 16});
  if (!value.ok()) {
    ASSAY_CHECK(value.status().code() == assay::Code::kDataLoss);
    return 0;
  }
  if (has_float(*value)) return 0;
  const std::string once = assay::canonical_json(*value);
  const auto again = assay::parse_json(once, "fuzz", {.depth_max = 16});
  ASSAY_CHECK(again.ok());
  ASSAY_CHECK(assay::canonical_json(*again) == once);
  return 0;
}
