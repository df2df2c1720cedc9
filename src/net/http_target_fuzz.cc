// Any text as target, Host, traceparent and listen address: answers without crashing, and what is
// accepted reads the same after it was written.
#include <cstdint>

#include "base/check.h"
#include "net/http_client.h"
#include "net/http_target.h"
#include "net/listen_address.h"
#include "net/trace_context.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto target = assay::parse_target(text);
  if (target.ok()) {
    ASSAY_CHECK(target->path == "*" || target->path.starts_with('/'));
    ASSAY_CHECK(target->query.size() <= assay::kQueryParametersMax);
    ASSAY_CHECK(target->host.empty() || assay::is_host(target->host));
  }
  if (const auto decoded = assay::percent_decode(text); decoded.ok()) {
    const auto again = assay::percent_decode(assay::percent_encode(*decoded));
    ASSAY_CHECK(again.ok() && *again == *decoded);
  }
  if (const auto trace = assay::parse_traceparent(text)) {
    const auto again = assay::parse_traceparent(assay::format_traceparent(*trace));
    ASSAY_CHECK(again.has_value() && *again == *trace);
  }
  if (const auto address = assay::parse_listen_address(text); address.ok()) {
    const auto again = assay::parse_listen_address(assay::format_listen_address(*address));
    ASSAY_CHECK(again.ok() && again->host == address->host && again->port == address->port);
  }
  if (const auto url = assay::parse_http_url(text); url.ok()) {
    ASSAY_CHECK(!url->host.empty() && url->target.starts_with('/'));
  }
  return 0;
}
