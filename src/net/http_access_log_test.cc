#include "net/http_access_log.h"

#include <gmock/gmock.h>

#include "net/http_testing.h"

namespace assay {
namespace {

TEST(HttpAccessLogTest, TellsOfRequestsWithoutTheirSecrets) {
  std::mutex mutex;
  std::vector<std::string> lines;
  const auto logger = std::make_shared<Logger>(
      LogOptions{.level = LogLevel::kDebug, .sink = [&](std::string_view line) {
                   const std::lock_guard lock(mutex);
                   lines.emplace_back(line);
                 }});
  auto server = HttpServer::create({.observer = std::make_shared<HttpAccessLog>(logger)});
  ASSERT_TRUE(server.ok());
  (*server)->route("GET", "/a", [](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->send({.body = "ok"});
  });
  ASSERT_TRUE((*server)->start().ok());
  RawClient client((*server)->port());
  client.send(
      "GET /a?key=S3CRET HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\n"
      "Authorization: Bearer S3CRET\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  client.get("/missing");
  (*server)->stop(std::chrono::seconds(5));
  logger->flush();
  const std::lock_guard lock(mutex);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], testing::HasSubstr("\"request_id\":\"r-1\",\"method\":\"GET\","
                                           "\"path\":\"/a\",\"status\":200,\"complete\":true"));
  EXPECT_THAT(lines[1], testing::HasSubstr("no_such_path"));
  EXPECT_THAT(lines[2], testing::HasSubstr("\"status\":404"));
  for (const std::string& line : lines) {
    EXPECT_THAT(line, testing::Not(testing::HasSubstr("S3CRET")));
  }
}

}  // namespace
}  // namespace assay
