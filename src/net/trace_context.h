// W3C trace context (traceparent, version 00): what ties the spans of one request together over
// processes. Tested in trace_context_test.cc, fuzzed in http_target_fuzz.cc.
// Source: www.w3.org/TR/trace-context
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

struct TraceContext {
  std::array<uint8_t, 16> trace_id{};
  std::array<uint8_t, 8> span_id{};
  bool sampled = false;

  // Neither id may be all zeros.
  bool valid() const;
  bool operator==(const TraceContext&) const = default;
};

// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01". Later versions are read as far as
// version 00 goes. Nothing on any deviation.
std::optional<TraceContext> parse_traceparent(std::string_view text);
std::string format_traceparent(const TraceContext& context);
std::string trace_id_text(const TraceContext& context);

// Fresh identifiers: unique, not secret. Threads: safe.
TraceContext new_trace(bool sampled);
// A new span of the same trace; of a new one when the parent is not valid.
TraceContext child_of(const TraceContext& parent);
// 128 random bits in hexadecimal.
std::string new_request_id();
// 1 to 128 letters, digits, '-', '_', '.': safe in logs and headers.
bool is_request_id(std::string_view text);

}  // namespace assay
