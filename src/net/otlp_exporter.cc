#include "net/otlp_exporter.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/json.h"
#include "net/http_client.h"

namespace assay {
namespace {

constexpr std::chrono::milliseconds kBackoff{200};  // doubled each time

// 64-bit integers are strings in protobuf's JSON.
Json value_json(const SpanValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return {{"stringValue", *text}};
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    return {{"intValue", std::to_string(*integer)}};
  }
  if (const auto* number = std::get_if<double>(&value)) return {{"doubleValue", *number}};
  return {{"boolValue", std::get<bool>(value)}};
}

Json attribute_json(const std::string& key, const SpanValue& value) {
  return {{"key", key}, {"value", value_json(value)}};
}

Json span_json(const FinishedSpan& span) {
  Json json = {{"traceId", to_hex(span.context.trace_id)},
               {"spanId", to_hex(span.context.span_id)},
               {"name", span.name},
               {"kind", static_cast<int>(span.kind)},
               {"startTimeUnixNano", std::to_string(span.start_unix_ns)},
               {"endTimeUnixNano", std::to_string(span.end_unix_ns)},
               {"attributes", Json::array()},
               {"status", {{"code", static_cast<int>(span.status)}}}};
  if (span.parent_span_id != std::array<uint8_t, 8>{}) {
    json["parentSpanId"] = to_hex(span.parent_span_id);
  }
  for (const auto& [key, value] : span.attributes) {
    json["attributes"].push_back(attribute_json(key, value));
  }
  if (!span.message.empty()) json["status"]["message"] = span.message;
  return json;
}

// The collector asks for the same again, later.
bool is_transient(const Result<HttpResponse>& response) {
  if (!response.ok()) return true;
  const int status = response->status;
  return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

std::string otlp_json(const OtlpOptions& options, std::span<const FinishedSpan> spans) {
  Json resource = Json::array();
  resource.push_back(attribute_json("service.name", options.service_name));
  if (!options.service_version.empty()) {
    resource.push_back(attribute_json("service.version", options.service_version));
  }
  Json list = Json::array();
  for (const FinishedSpan& span : spans) list.push_back(span_json(span));
  const Json scope = {{"scope", {{"name", "assay"}}}, {"spans", std::move(list)}};
  const Json resource_spans = {{"resource", {{"attributes", std::move(resource)}}},
                               {"scopeSpans", Json::array({scope})}};
  const Json request = {{"resourceSpans", Json::array({resource_spans})}};
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct OtlpExporter::Impl {
  OtlpOptions options;
  HttpUrl url;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<FinishedSpan> queue;
  size_t in_flight = 0;
  size_t flushes = 0;  // callers that wait for an empty queue
  bool is_stopping = false;
  Counts counts;
  std::thread thread;

  void run();
  bool send(std::span<const FinishedSpan> batch);
  // False when the exporter stops first.
  bool pause(std::chrono::milliseconds duration);
};

void OtlpExporter::Impl::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait_for(lock, options.interval, [this] {
      return is_stopping || flushes > 0 || queue.size() >= options.batch_spans_max;
    });
    if (queue.empty()) {
      changed.notify_all();
      if (is_stopping) return;
      // A flush of an empty queue ends here; its caller lowers the count.
      changed.wait(lock, [this] { return is_stopping || flushes == 0 || !queue.empty(); });
      continue;
    }
    const size_t count = std::min(queue.size(), options.batch_spans_max);
    const auto end = queue.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<FinishedSpan> batch(std::make_move_iterator(queue.begin()),
                                          std::make_move_iterator(end));
    queue.erase(queue.begin(), end);
    in_flight = count;
    lock.unlock();
    const bool is_sent = send(batch);
    lock.lock();
    in_flight = 0;
    (is_sent ? counts.exported : counts.dropped_failed) += count;
    if (is_stopping && !is_sent) {  // the end must not take a timeout for each batch
      counts.dropped_failed += queue.size();
      queue.clear();
    }
    changed.notify_all();
  }
}

bool OtlpExporter::Impl::send(std::span<const FinishedSpan> batch) {
  HttpPost post = {.url = url,
                   .headers = {{"Content-Type", "application/json"}},
                   .body = otlp_json(options, batch),
                   .timeout = options.timeout};
  for (const auto& [name, value] : options.headers) post.headers.add(name, value.reveal());
  std::chrono::milliseconds backoff = kBackoff;
  for (size_t attempt = 1;; ++attempt) {
    const Result<HttpResponse> response = http_post(post);
    if (response.ok() && response->status / 100 == 2) return true;
    if (!is_transient(response) || attempt >= options.attempts_max || !pause(backoff)) return false;
    backoff *= 2;
  }
}

bool OtlpExporter::Impl::pause(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, duration, [this] { return is_stopping; });
}

OtlpExporter::OtlpExporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([this] { impl_->run(); });
}

OtlpExporter::~OtlpExporter() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->is_stopping = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

Result<std::shared_ptr<OtlpExporter>> OtlpExporter::create(OtlpOptions options) {
  if (options.queue_spans_max == 0 || options.batch_spans_max == 0 || options.attempts_max == 0) {
    return invalid_argument("the bounds of the exporter must not be zero");
  }
  auto impl = std::make_unique<Impl>();
  ASSAY_ASSIGN_OR_RETURN(impl->url, parse_http_url(options.endpoint));
  impl->options = std::move(options);
  return std::shared_ptr<OtlpExporter>(new OtlpExporter(std::move(impl)));
}

void OtlpExporter::accept(FinishedSpan span) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->queue.size() >= impl_->options.queue_spans_max) {
      ++impl_->counts.dropped_queue_full;
      return;
    }
    impl_->queue.push_back(std::move(span));
    if (impl_->queue.size() < impl_->options.batch_spans_max) return;
  }
  impl_->changed.notify_all();
}

void OtlpExporter::flush() {
  std::unique_lock lock(impl_->mutex);
  ++impl_->flushes;
  impl_->changed.notify_all();
  impl_->changed.wait(lock, [this] { return impl_->queue.empty() && impl_->in_flight == 0; });
  --impl_->flushes;
  impl_->changed.notify_all();
}

OtlpExporter::Counts OtlpExporter::counts() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counts;
}

}  // namespace assay
