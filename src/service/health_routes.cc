#include "service/health_routes.h"

#include "base/json.h"

namespace assay {
namespace {

using Exchange = std::shared_ptr<HttpExchange>;

void send_health(const Exchange& exchange, const ServiceHealth& health, bool is_well) {
  Json body = {{"status", service_state_name(health.state())},
               {"uptime_seconds", health.uptime_seconds()}};
  if (const std::string reason = health.reason(); !reason.empty()) body["reason"] = reason;
  exchange->send({.status = is_well ? 200 : 503,
                  .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                  .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)});
}

}  // namespace

void add_health_routes(HttpServer& server, const ServiceHealth& health) {
  server.route("GET", "/livez",
               [&health](const Exchange& exchange) { send_health(exchange, health, true); });
  for (const char* path : {"/health", "/readyz"}) {
    server.route("GET", path, [&health](const Exchange& exchange) {
      send_health(exchange, health, health.state() == ServiceState::kServing);
    });
  }
}

void add_metrics_route(HttpServer& server, std::function<std::string()> text) {
  server.route("GET", "/metrics", [text = std::move(text)](const Exchange& exchange) {
    exchange->send({.status = 200,
                    .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                    .body = text()});
  });
}

}  // namespace assay
