// Against a small collector that reads the requests as the OTLP specification says.
#include "net/otlp_exporter.h"

#include <atomic>

#include "base/json.h"
#include "net/http_testing.h"

namespace assay {
namespace {

FinishedSpan example_span() {
  FinishedSpan span;
  span.context = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  span.parent_span_id = {1, 2, 3, 4, 5, 6, 7, 8};
  span.name = "POST /v1/completions";
  span.kind = SpanKind::kServer;
  span.start_unix_ns = 1'700'000'000'000'000'001;
  span.end_unix_ns = 1'700'000'000'500'000'002;
  span.attributes = {{"http.request.method", std::string("POST")},
                     {"tokens", int64_t{1} << 60},
                     {"ratio", 0.5},
                     {"cached", true}};
  span.status = SpanStatus::kError;
  span.message = "no";
  return span;
}

class OtlpTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = std::move(HttpServer::create({})).value();
    server_->route("POST", "/v1/traces", [this](const std::shared_ptr<HttpExchange>& exchange) {
      const HttpRequest& request = exchange->request();
      const std::lock_guard lock(mutex_);
      if (holds_) {
        held_.push_back(exchange);
        return;
      }
      ++requests_;
      if (failures_ > 0) {
        --failures_;
        exchange->send({.status = failure_});
        return;
      }
      content_type_ = request.headers.get("Content-Type");
      authorization_ = request.headers.get("Authorization");
      bodies_.push_back(request.body);
      exchange->send({.headers = {{"Content-Type", "application/json"}}, .body = "{}"});
    });
    ASSERT_TRUE(server_->start().ok());
  }
  std::shared_ptr<OtlpExporter> exporter(OtlpOptions options = {}) {
    options.endpoint = "http://127.0.0.1:" + std::to_string(server_->port()) + "/v1/traces";
    auto made = OtlpExporter::create(std::move(options));
    EXPECT_TRUE(made.ok()) << made.status().message();
    return *made;
  }

  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::string content_type_;
  std::string authorization_;
  size_t requests_ = 0;
  size_t failures_ = 0;
  int failure_ = 503;
  bool holds_ = false;
  std::vector<std::shared_ptr<HttpExchange>> held_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(OtlpTest, SendsWhatTheSpecificationSays) {
  OtlpOptions options;
  options.service_name = "inference-sidecar";
  options.service_version = "0.1.0";
  options.headers = {{"Authorization", Secret("Bearer collector")}};
  const auto sink = exporter(options);
  sink->accept(example_span());
  sink->flush();
  EXPECT_EQ(sink->counts().exported, 1u);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(content_type_, "application/json");
  EXPECT_EQ(authorization_, "Bearer collector");
  ASSERT_EQ(bodies_.size(), 1u);
  const auto body = parse_json(bodies_[0], "request");
  ASSERT_TRUE(body.ok());
  const Json& resource = (*body)["resourceSpans"].at(0);
  EXPECT_EQ(resource["resource"]["attributes"].at(0),
            Json::parse(R"({"key":"service.name","value":{"stringValue":"inference-sidecar"}})"));
  EXPECT_EQ(resource["scopeSpans"].at(0)["scope"]["name"], "assay");
  EXPECT_EQ(resource["scopeSpans"].at(0)["spans"].at(0), Json::parse(R"({
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
    "spanId": "00f067aa0ba902b7",
    "name": "POST /v1/completions",
    "kind": 2,
    "startTimeUnixNano": "1700000000000000001",
    "endTimeUnixNano": "1700000000500000002",
    "attributes": [
      {"key": "http.request.method", "value": {"stringValue": "POST"}},
      {"key": "tokens", "value": {"intValue": "1152921504606846976"}},
      {"key": "ratio", "value": {"doubleValue": 0.5}},
      {"key": "cached", "value": {"boolValue": true}}],
    "status": {"code": 2, "message": "no"},
    "parentSpanId": "0102030405060708"})"));
}

TEST_F(OtlpTest, SendsInBatches) {
  const auto sink = exporter({.batch_spans_max = 10, .interval = std::chrono::minutes(10)});
  for (int i = 0; i < 25; ++i) sink->accept(example_span());
  sink->flush();
  EXPECT_EQ(sink->counts().exported, 25u);
  const std::lock_guard lock(mutex_);
  EXPECT_GE(bodies_.size(), 3u);
}

TEST_F(OtlpTest, TriesAgainWhenAskedForPatienceAndOnlyThen) {
  failures_ = 1;
  const auto sink = exporter();
  sink->accept(example_span());
  sink->flush();
  EXPECT_EQ(sink->counts().exported, 1u);
  {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(requests_, 2u);
    failures_ = 1;
    failure_ = 400;
  }
  sink->accept(example_span());
  sink->flush();
  EXPECT_EQ(sink->counts().dropped_failed, 1u);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(requests_, 3u);
}

TEST_F(OtlpTest, DropsAndCountsWhatDoesNotFit) {
  {
    const std::lock_guard lock(mutex_);
    holds_ = true;
  }
  const auto sink = exporter({.queue_spans_max = 5,
                              .batch_spans_max = 5,
                              .timeout = std::chrono::milliseconds(300),
                              .attempts_max = 1});
  for (int i = 0; i < 100; ++i) sink->accept(example_span());
  sink->flush();
  const OtlpExporter::Counts counts = sink->counts();
  EXPECT_EQ(counts.exported, 0u);
  EXPECT_GE(counts.dropped_queue_full, 90u);
  EXPECT_EQ(counts.dropped_queue_full + counts.dropped_failed, 100u);
}

TEST_F(OtlpTest, EndsWithoutACollectorAndSendsTheRestWithOne) {
  auto sink = exporter({.interval = std::chrono::minutes(10)});
  sink->accept(example_span());
  sink.reset();
  {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(bodies_.size(), 1u) << "what is queued at the end is sent";
  }
  sink = exporter({.interval = std::chrono::minutes(10)});
  server_.reset();
  for (int i = 0; i < 2000; ++i) sink->accept(example_span());
  sink.reset();
  EXPECT_EQ(OtlpExporter::create({.endpoint = "nonsense"}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace assay
