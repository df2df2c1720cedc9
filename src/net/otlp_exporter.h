// OtlpExporter: sends finished spans to a collector as OTLP/HTTP with JSON, in the background. What
// cannot be sent is dropped and counted; nothing waits for it. Tested in otlp_exporter_test.cc.
// Source: opentelemetry.io/docs/specs/otlp (1.x), "OTLP/HTTP", "JSON Protobuf Encoding".
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/secret.h"
#include "net/trace.h"

namespace assay {

struct OtlpOptions {
  std::string endpoint = "http://127.0.0.1:4318/v1/traces";
  std::string service_name = "assay";
  std::string service_version;
  std::vector<std::pair<std::string, Secret>> headers;  // credentials of the collector
  size_t queue_spans_max = 4096;
  size_t batch_spans_max = 512;
  std::chrono::milliseconds interval{1000};  // a batch that is not full waits so long
  std::chrono::milliseconds timeout{5000};   // of one attempt, and of the last one at the end
  size_t attempts_max = 3;                   // where the collector asks for patience
};

class OtlpExporter : public SpanSink {
 public:
  struct Counts {
    uint64_t exported = 0;
    uint64_t dropped_queue_full = 0;
    uint64_t dropped_failed = 0;
  };

  // Errors: INVALID_ARGUMENT, UNIMPLEMENTED for the endpoint.
  static Result<std::shared_ptr<OtlpExporter>> create(OtlpOptions options);
  // Sends what is queued, once.
  ~OtlpExporter() override;

  void accept(FinishedSpan span) override;
  // Waits until everything accepted so far has been sent or dropped.
  void flush();
  Counts counts() const;

 private:
  struct Impl;
  explicit OtlpExporter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The body of an export request.
std::string otlp_json(const OtlpOptions& options, std::span<const FinishedSpan> spans);

}  // namespace assay
