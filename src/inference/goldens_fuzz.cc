// Any bytes as a file of goldens: an error that names the source, or goldens that are written and
// read again as they are.
#include "base/check.h"
#include "inference/goldens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto goldens = assay::parse_goldens(text, "fuzz");
  if (!goldens.ok()) {
    ASSAY_CHECK(goldens.status().code() == assay::Code::kDataLoss);
    ASSAY_CHECK(goldens.status().message().starts_with("fuzz"));
    return 0;
  }
  const std::string once = assay::format_goldens(*goldens);
  const auto again = assay::parse_goldens(once, "fuzz");
  ASSAY_CHECK(again.ok() && assay::format_goldens(*again) == once);
  for (const assay::Golden& golden : goldens->vectors) {
    ASSAY_CHECK(golden.request().prompt.size() + golden.max_tokens > 1);
  }
  return 0;
}
