// HttpMetrics: what a server reports, as metrics. Tested in http_metrics_test.cc.
#pragma once

#include <memory>
#include <string>

#include "net/http_server.h"
#include "net/metrics.h"

namespace assay {

class HttpMetrics : public HttpObserver {
 public:
  // next: hears everything as well (an access log); may be null.
  explicit HttpMetrics(MetricsRegistry& registry, std::shared_ptr<HttpObserver> next = nullptr);

  void route_added(std::string_view method, std::string_view path) override;
  void connection_opened() override;
  void connection_closed() override;
  void request_started(std::string_view route) override;
  void request_finished(const HttpRequestRecord& record) override;
  void rejected(std::string_view reason) override;

 private:
  const std::shared_ptr<HttpObserver> next_;
  const Gauge connections_;
  const Counter connections_total_;
  const Gauge in_flight_;
  const MetricFamily<Counter> requests_;
  const MetricFamily<Histogram> durations_;
  const MetricFamily<Counter> bytes_sent_;
  const MetricFamily<Counter> bytes_received_;
  const MetricFamily<Counter> rejects_;
};

// GET /metrics. Pre: before server.start().
void route_metrics(HttpServer& server, std::shared_ptr<const MetricsRegistry> registry);

}  // namespace assay
