// Spans: what a request spent its time on, over processes (trace_context.h). Off unless a sink is
// given. Tested in trace_test.cc; sent by otlp_exporter.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "net/trace_context.h"

namespace assay {

using SpanValue = std::variant<std::string, int64_t, double, bool>;

enum class SpanKind : uint8_t {
  kInternal = 1,
  kServer = 2,
  kClient = 3,
  kProducer = 4,
  kConsumer = 5
};  // numbers of OTLP
enum class SpanStatus : uint8_t { kUnset = 0, kOk = 1, kError = 2 };

struct FinishedSpan {
  TraceContext context;
  std::array<uint8_t, 8> parent_span_id{};  // zero: the root
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  uint64_t start_unix_ns = 0;
  uint64_t end_unix_ns = 0;
  std::vector<std::pair<std::string, SpanValue>> attributes;
  SpanStatus status = SpanStatus::kUnset;
  std::string message;  // of an error
};

// Threads: safe, and does not block.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void accept(FinishedSpan span) = 0;
};

// A stretch of work. Ends when end() is called or it goes out of scope. One thread at a time.
class Span {
 public:
  static constexpr size_t kAttributesMax = 64;
  static constexpr size_t kTextBytesMax = 1024;

  Span() = default;
  ~Span() { end(); }
  Span(Span&&) noexcept = default;
  Span& operator=(Span&& other) noexcept;

  // To hand on: to child spans, and to other processes as traceparent. Also when nothing is
  // recorded.
  const TraceContext& context() const { return context_; }
  bool recording() const { return span_ != nullptr; }
  // Text under a secret name (redact.h) is left out. Text is cut at kTextBytesMax.
  void set(std::string_view key, SpanValue value);
  void set_error(std::string_view message);
  void end();

 private:
  friend class Tracer;
  TraceContext context_;
  std::unique_ptr<FinishedSpan> span_;  // null: not sampled, or ended
  std::shared_ptr<SpanSink> sink_;
  uint64_t start_steady_ns_ = 0;
};

struct TracerOptions {
  std::shared_ptr<SpanSink> sink;  // null: nothing is recorded
  // Of traces that begin here, between 0 and 1; whoever began one elsewhere has decided for it.
  double sample_ratio = 1;
};

// Threads: const-safe.
class Tracer {
 public:
  explicit Tracer(TracerOptions options = {}) : options_(std::move(options)) {}
  // parent not valid: the span begins a trace.
  Span start(std::string_view name, const TraceContext& parent,
             SpanKind kind = SpanKind::kInternal) const;

 private:
  TracerOptions options_;
};

}  // namespace assay
