#include "net/http_metrics.h"

#include <gmock/gmock.h>

#include "net/http_testing.h"

namespace assay {
namespace {

using testing::HasSubstr;

TEST(HttpMetricsTest, TellsWhatTheServerDid) {
  const auto registry = std::make_shared<MetricsRegistry>();
  const auto heard = std::make_shared<CountingObserver>();
  auto server = HttpServer::create({.observer = std::make_shared<HttpMetrics>(*registry, heard)});
  ASSERT_TRUE(server.ok());
  (*server)->route("POST", "/echo", [](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->send({.body = exchange->request().body});
  });
  route_metrics(**server, registry);
  ASSERT_TRUE((*server)->start().ok());
  RawClient client((*server)->port());

  const std::string before = client.get("/metrics").body;
  EXPECT_THAT(before, HasSubstr("\nhttp_server_requests_total{class=\"5xx\",method=\"POST\","
                                "route=\"/echo\"} 0\n"));
  EXPECT_THAT(before, HasSubstr("\nhttp_server_rejects_total{reason=\"body_timeout\"} 0\n"));
  EXPECT_THAT(before, HasSubstr("\nhttp_server_connections 1\n"));

  EXPECT_EQ(client.post("/echo", "12345").status, 200);
  EXPECT_EQ(client.get("/missing").status, 404);
  EXPECT_TRUE(heard->wait_for([&] { return heard->finished[{"none", 404}] == 1; }));
  const RawResponse response = client.get("/metrics");
  EXPECT_EQ(response.headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  const std::string& after = response.body;
  EXPECT_THAT(after, HasSubstr("\nhttp_server_requests_total{class=\"2xx\",method=\"POST\","
                               "route=\"/echo\"} 1\n"));
  EXPECT_THAT(after, HasSubstr("\nhttp_server_requests_total{class=\"4xx\",method=\"GET\","
                               "route=\"none\"} 1\n"));
  EXPECT_THAT(after, HasSubstr("\nhttp_server_received_bytes_total{route=\"/echo\"} 5\n"));
  EXPECT_THAT(after, HasSubstr("\nhttp_server_request_duration_seconds_count{route=\"/echo\"} 1"));
  EXPECT_THAT(after, HasSubstr("\nhttp_server_rejects_total{reason=\"no_such_path\"} 1\n"));
  EXPECT_THAT(after, HasSubstr("\nhttp_server_requests_in_flight 1\n"));
  EXPECT_THAT(after, HasSubstr("\nhttp_server_connections_total 1\n"));
}

}  // namespace
}  // namespace assay
