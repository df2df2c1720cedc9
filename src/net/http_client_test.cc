#include "net/http_client.h"

#include "net/http_testing.h"

namespace assay {
namespace {

class HttpClientTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = std::move(HttpServer::create({})).value();
    server_->route("POST", "/echo", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send(
          {.status = 202,
           .headers = {{"X-Seen", std::string(exchange->request().headers.get("X-Sent"))}},
           .body = exchange->request().body});
    });
    server_->route("POST", "/large", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = std::string(size_t{2} << 20, 'x')});
    });
    server_->route("POST", "/never",
                   [this](const std::shared_ptr<HttpExchange>& exchange) { kept_ = exchange; });
    ASSERT_TRUE(server_->start().ok());
  }
  HttpPost post(const std::string& path) const {
    return {.url = *parse_http_url("http://127.0.0.1:" + std::to_string(server_->port()) + path)};
  }
  std::unique_ptr<HttpServer> server_;
  std::shared_ptr<HttpExchange> kept_;
};

TEST_F(HttpClientTest, PostsAndReadsTheAnswer) {
  HttpPost request = post("/echo");
  request.headers = {{"X-Sent", "yes"}};
  request.body = std::string(100'000, 'b');
  const auto response = http_post(request);
  ASSERT_TRUE(response.ok()) << response.status().message();
  EXPECT_EQ(response->status, 202);
  EXPECT_EQ(response->headers.get("x-seen"), "yes");
  EXPECT_EQ(response->body, request.body);
}

TEST_F(HttpClientTest, GivesUp) {
  HttpPost request = post("/never");
  request.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(http_post(request).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(http_post(post("/large")).status().code(), Code::kUnavailable) << "more than 1 MiB";
  const HttpPost gone = post("/echo");
  server_.reset();
  EXPECT_EQ(http_post(gone).status().code(), Code::kUnavailable);
}

TEST(HttpUrlTest, ReadsPlainUrls) {
  const auto url = parse_http_url("http://[::1]:4318/v1/traces?a=b");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, "4318");
  EXPECT_EQ(url->target, "/v1/traces?a=b");
  EXPECT_EQ(parse_http_url("http://collector")->port, "80");
  EXPECT_EQ(parse_http_url("http://collector")->target, "/");
  EXPECT_EQ(parse_http_url("https://collector").status().code(), Code::kUnimplemented);
  for (const char* bad : {"", "collector:80", "http://", "http://:80", "http://a:/", "http://a b/",
                          "http://a/\r\nX: y", "http://user:password@a/"}) {
    const Status status = parse_http_url(bad).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << bad;
    EXPECT_EQ(status.message().find("password@"), std::string::npos);
  }
}

}  // namespace
}  // namespace assay
