// Any text: redaction ends, and does not bring back what it took out. What stands behind
// "password=" never survives.
#include <cstdint>

#include "base/check.h"
#include "net/redact.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string once = assay::redact_text(text);
  ASSAY_CHECK(once.size() <= size * (assay::kRedacted.size() + 1));
  constexpr std::string_view kPlanted = "Zq9PlantedZq9";
  if (text.find("Zq9") == text.npos && text.find('"') == text.npos &&
      text.find('\'') == text.npos) {
    const std::string planted = std::string(text) + " password=" + std::string(kPlanted);
    ASSAY_CHECK(assay::redact_text(planted).find(kPlanted) == std::string::npos);
  }
  return 0;
}
