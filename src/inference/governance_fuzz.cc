// Any bytes as a governance file: an error that names the source, or approvals whose bounds decide
// as they are defined.
#include "base/check.h"
#include "inference/governance.h"

namespace {

using assay::Approval;
using assay::Governance;

bool holds(const Approval& approval, uint64_t now, uint64_t height) {
  return now >= approval.from_seconds.value_or(0) &&
         now <= approval.until_seconds.value_or(UINT64_MAX) &&
         height >= approval.from_height.value_or(0) &&
         height <= approval.until_height.value_or(UINT64_MAX);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto governance = Governance::parse(text, "fuzz");
  if (!governance.ok()) {
    ASSAY_CHECK(governance.status().code() == assay::Code::kDataLoss);
    ASSAY_CHECK(governance.status().message().starts_with("fuzz"));
    return 0;
  }
  for (const Approval& asked : governance->approvals()) {
    for (const uint64_t now : {uint64_t{0}, asked.from_seconds.value_or(1),
                               asked.until_seconds.value_or(1), UINT64_MAX}) {
      const uint64_t height = asked.until_height.value_or(asked.from_height.value_or(0));
      bool expected = false;
      for (const Approval& approval : governance->approvals()) {
        expected |= approval.digest == asked.digest && holds(approval, now, height);
      }
      const auto status = governance->check(asked.digest, asked.digest, {now, height});
      ASSAY_CHECK(status.ok() == expected);
    }
  }
  return 0;
}
