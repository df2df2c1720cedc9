#include "net/trace.h"

#include <chrono>

#include "base/bytes.h"
#include "net/redact.h"

namespace assay {
namespace {

template <typename Clock>
uint64_t now_ns() {
  const auto since = Clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

// The same for every span of a trace: its identifier is random.
bool is_sampled(const TraceContext& context, double ratio) {
  if (ratio >= 1) return true;
  const uint64_t draw = load_le<uint64_t>(context.trace_id.data()) >> 11;
  return static_cast<double>(draw) < ratio * static_cast<double>(uint64_t{1} << 53);
}

}  // namespace

Span& Span::operator=(Span&& other) noexcept {
  if (this != &other) {
    end();
    context_ = other.context_;
    span_ = std::move(other.span_);
    sink_ = std::move(other.sink_);
    start_steady_ns_ = other.start_steady_ns_;
  }
  return *this;
}

void Span::set(std::string_view key, SpanValue value) {
  if (span_ == nullptr || span_->attributes.size() >= kAttributesMax) return;
  if (auto* text = std::get_if<std::string>(&value)) {
    if (is_secret_name(key)) return;
    *text = redact_text(std::string_view(*text).substr(0, kTextBytesMax));
  }
  span_->attributes.emplace_back(key, std::move(value));
}

void Span::set_error(std::string_view message) {
  if (span_ == nullptr) return;
  span_->status = SpanStatus::kError;
  span_->message = redact_text(message.substr(0, kTextBytesMax));
}

void Span::end() {
  if (span_ == nullptr) return;
  // The steady clock measures; the system's may jump.
  span_->end_unix_ns =
      span_->start_unix_ns + now_ns<std::chrono::steady_clock>() - start_steady_ns_;
  sink_->accept(std::move(*span_));
  span_.reset();
}

Span Tracer::start(std::string_view name, const TraceContext& parent, SpanKind kind) const {
  Span span;
  span.context_ = child_of(parent);
  if (!parent.valid()) {
    span.context_.sampled =
        options_.sink != nullptr && is_sampled(span.context_, options_.sample_ratio);
  }
  if (options_.sink == nullptr || !span.context_.sampled) return span;
  span.sink_ = options_.sink;
  span.start_steady_ns_ = now_ns<std::chrono::steady_clock>();
  span.span_ = std::make_unique<FinishedSpan>();
  span.span_->context = span.context_;
  if (parent.valid()) span.span_->parent_span_id = parent.span_id;
  span.span_->name = std::string(name.substr(0, Span::kTextBytesMax));
  span.span_->kind = kind;
  span.span_->start_unix_ns = now_ns<std::chrono::system_clock>();
  return span;
}

}  // namespace assay
