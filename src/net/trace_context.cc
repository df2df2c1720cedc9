#include "net/trace_context.h"

#include <openssl/rand.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/prng.h"

namespace assay {
namespace {

constexpr size_t kVersion00Chars = 55;

// One generator a thread, seeded by the system: no lock, and two processes never agree.
Prng& id_generator() {
  thread_local Prng generator = [] {
    std::array<uint8_t, 32> seed;
    ASSAY_CHECK(RAND_bytes(seed.data(), static_cast<int>(seed.size())) == 1);
    return Prng(std::span<const uint8_t, 32>(seed));
  }();
  return generator;
}

template <size_t N>
void fill_random(std::array<uint8_t, N>& id) {
  static_assert(N % 8 == 0);
  do {
    for (size_t i = 0; i < N; i += 8) store_le(id.data() + i, id_generator().next());
  } while (std::all_of(id.begin(), id.end(), [](uint8_t byte) { return byte == 0; }));
}

template <size_t N>
bool is_zero(const std::array<uint8_t, N>& id) {
  return std::all_of(id.begin(), id.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

bool TraceContext::valid() const { return !is_zero(trace_id) && !is_zero(span_id); }

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < kVersion00Chars || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  const auto version = array_from_hex<1>(text.substr(0, 2));
  const auto trace_id = array_from_hex<16>(text.substr(3, 32));
  const auto span_id = array_from_hex<8>(text.substr(36, 16));
  const auto flags = array_from_hex<1>(text.substr(53, 2));
  if (!version.ok() || !trace_id.ok() || !span_id.ok() || !flags.ok()) return std::nullopt;
  if ((*version)[0] == 0xFF) return std::nullopt;
  if (text.size() > kVersion00Chars && ((*version)[0] == 0 || text[kVersion00Chars] != '-')) {
    return std::nullopt;
  }
  const TraceContext context = {*trace_id, *span_id, ((*flags)[0] & 1) != 0};
  if (!context.valid()) return std::nullopt;
  return context;
}

std::string format_traceparent(const TraceContext& context) {
  return "00-" + to_hex(context.trace_id) + "-" + to_hex(context.span_id) +
         (context.sampled ? "-01" : "-00");
}

std::string trace_id_text(const TraceContext& context) { return to_hex(context.trace_id); }

TraceContext new_trace(bool sampled) {
  TraceContext context;
  fill_random(context.trace_id);
  fill_random(context.span_id);
  context.sampled = sampled;
  return context;
}

TraceContext child_of(const TraceContext& parent) {
  if (!parent.valid()) return new_trace(parent.sampled);
  TraceContext context = parent;
  fill_random(context.span_id);
  return context;
}

std::string new_request_id() {
  std::array<uint8_t, 16> id;
  fill_random(id);
  return to_hex(id);
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace assay
