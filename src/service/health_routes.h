// /health, /livez, /readyz and /metrics, as routes of an HttpServer. Tested in sidecar_test.cc.
#pragma once

#include <functional>
#include <string>

#include "net/http_server.h"
#include "service/service_health.h"

namespace assay {

// /livez: 200 as long as the process answers. /readyz and /health: 200 when it serves, else 503
// with the reason. Pre: the server has not started. health has to outlive it.
void add_health_routes(HttpServer& server, const ServiceHealth& health);
// text: Prometheus text format 0.0.4.
void add_metrics_route(HttpServer& server, std::function<std::string()> text);

}  // namespace assay
