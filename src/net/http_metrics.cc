#include "net/http_metrics.h"

#include <array>

namespace assay {
namespace {

// What HttpError::reason and the server may say: shown as zero before it happens.
constexpr std::array<std::string_view, 20> kReasons = {
    "malformed",      "header_too_large", "too_many_headers",  "bad_framing",
    "bad_host",       "bad_target",       "unknown_host",      "no_such_path",
    "body_too_large", "bodies_too_large", "header_timeout",    "body_timeout",
    "answer_timeout", "write_timeout",    "slow_reader",       "too_many_connections",
    "no_descriptors", "tls_handshake",    "handshake_timeout", "handler_threw"};

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};

std::string_view method_label(std::string_view method) {
  for (const std::string_view known : kMethods) {
    if (known == method) return known;
  }
  return "other";
}

std::string_view status_class(int status) {
  constexpr std::array<std::string_view, 5> kClasses = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  return status < 100 || status > 599 ? "none" : kClasses[static_cast<size_t>(status / 100 - 1)];
}

}  // namespace

HttpMetrics::HttpMetrics(MetricsRegistry& registry, std::shared_ptr<HttpObserver> next)
    : next_(next != nullptr ? std::move(next) : std::make_shared<HttpObserver>()),
      connections_(registry.gauge("http_server_connections", "Open connections.")),
      connections_total_(
          registry.counter("http_server_connections_total", "Connections that were accepted.")),
      in_flight_(registry.gauge("http_server_requests_in_flight", "Requests being answered.")),
      requests_(registry.counters({.name = "http_server_requests_total",
                                   .help = "Answered requests; class none: the client went first.",
                                   .labels = {"route", "method", "class"},
                                   .series_max = 1000})),
      durations_(registry.histograms({.name = "http_server_request_duration_seconds",
                                      .help = "From the complete header to the last byte sent.",
                                      .labels = {"route"}})),
      bytes_sent_(registry.counters({.name = "http_server_sent_bytes_total",
                                     .help = "Bytes of answers, heads included.",
                                     .labels = {"route"}})),
      bytes_received_(registry.counters({.name = "http_server_received_bytes_total",
                                         .help = "Bytes of the bodies of requests.",
                                         .labels = {"route"}})),
      rejects_(registry.counters({.name = "http_server_rejects_total",
                                  .help = "What a limit or a rule of HTTP refused.",
                                  .labels = {"reason"}})) {
  for (const std::string_view reason : kReasons) rejects_.with({reason});
}

void HttpMetrics::route_added(std::string_view method, std::string_view path) {
  for (const std::string_view status : {"2xx", "4xx", "5xx"}) {
    requests_.with({path, method_label(method), status});
  }
  durations_.with({path});
  next_->route_added(method, path);
}

void HttpMetrics::connection_opened() {
  connections_.add(1);
  connections_total_.add();
  next_->connection_opened();
}

void HttpMetrics::connection_closed() {
  connections_.add(-1);
  next_->connection_closed();
}

void HttpMetrics::request_started(std::string_view route) {
  in_flight_.add(1);
  next_->request_started(route);
}

void HttpMetrics::request_finished(const HttpRequestRecord& record) {
  in_flight_.add(-1);
  requests_.with({record.route, method_label(record.request.method), status_class(record.status)})
      .add();
  durations_.with({record.route}).observe(record.seconds);
  bytes_sent_.with({record.route}).add(static_cast<double>(record.bytes_sent));
  bytes_received_.with({record.route}).add(static_cast<double>(record.bytes_received));
  next_->request_finished(record);
}

void HttpMetrics::rejected(std::string_view reason) {
  rejects_.with({reason}).add();
  next_->rejected(reason);
}

void route_metrics(HttpServer& server, std::shared_ptr<const MetricsRegistry> registry) {
  server.route(
      "GET", "/metrics",
      [registry = std::move(registry)](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->send({.headers = {{"Content-Type", std::string(MetricsRegistry::kContentType)}},
                        .body = registry->text()});
      });
}

}  // namespace assay
