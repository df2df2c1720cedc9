// What clients see: routes, framing, streams, and the end of connections.
#include "net/http_server.h"

#include <atomic>

#include "net/http_testing.h"

namespace assay {
namespace {

class HttpServerTest : public testing::Test {
 protected:
  // Routes that most tests want.
  void start(HttpServerOptions options = {}) {
    options.observer = observer_;
    auto server = HttpServer::create(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(server).value();
    server_->route("GET", "/hello", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.headers = {{"Content-Type", "text/plain"}}, .body = "hello\n"});
    });
    server_->route("POST", "/echo", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = exchange->request().body});
    });
    server_->route("GET", "/later", [this](const std::shared_ptr<HttpExchange>& exchange) {
      const std::lock_guard lock(mutex_);
      kept_.push_back(exchange);
      kept_signal_.set();
    });
    server_->route("GET", "/stream", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->begin(200, {{"Content-Type", "text/event-stream"}});
      for (int i = 0; i < 3; ++i) exchange->write("data: " + std::to_string(i) + "\n\n");
      exchange->end();
    });
    server_->route("GET", "/drop", [](const std::shared_ptr<HttpExchange>&) {});
    server_->route("GET", "/rest/*", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = exchange->request().path_rest});
    });
    server_->route("GET", "/query", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = std::string(exchange->request().parameter("q").value_or("-"))});
    });
    const Status started = server_->start();
    ASSERT_TRUE(started.ok()) << started.message();
  }
  std::shared_ptr<HttpExchange> take_kept() {
    EXPECT_TRUE(kept_signal_.wait());
    const std::lock_guard lock(mutex_);
    const auto exchange = kept_.front();
    kept_.clear();
    return exchange;
  }
  void TearDown() override { kept_.clear(); }

  std::shared_ptr<CountingObserver> observer_ = std::make_shared<CountingObserver>();
  std::unique_ptr<HttpServer> server_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<HttpExchange>> kept_;
  Signal kept_signal_;
};

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  start();
  RawClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    const RawResponse response = client.get("/hello");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello\n");
    EXPECT_EQ(response.headers.get("content-type"), "text/plain");
    EXPECT_EQ(response.headers.get("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(response.headers.get("X-Request-Id").size(), 32u);
    EXPECT_FALSE(response.headers.contains("Connection"));
  }
  EXPECT_EQ(observer_->opened, 1u);
}

TEST_F(HttpServerTest, KeepsTheOrderOfPipelinedRequests) {
  start();
  RawClient client(server_->port());
  std::string requests;
  constexpr int kRequests = 500;
  for (int i = 0; i < kRequests; ++i) {
    requests += "GET /rest/" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  client.send(requests);
  for (int i = 0; i < kRequests; ++i) {
    const RawResponse response = client.receive();
    ASSERT_EQ(response.status, 200);
    ASSERT_EQ(response.body, std::to_string(i));
  }
}

TEST_F(HttpServerTest, AnswersWhatWasPipelinedBeforeTheClientEndsSending) {
  start();
  RawClient client(server_->port());
  client.send("GET /rest/a HTTP/1.1\r\nHost: a\r\n\r\nGET /rest/b HTTP/1.1\r\nHost: a\r\n\r\n");
  client.end_sending();
  EXPECT_EQ(client.receive().body, "a");
  EXPECT_EQ(client.receive().body, "b");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(HttpServerTest, ReadsBodiesByLengthAndInChunksOfAnySize) {
  start();
  RawClient client(server_->port());
  EXPECT_EQ(client.post("/echo", "").body, "");
  EXPECT_EQ(client.post("/echo", "abc").body, "abc");
  std::string large;
  for (int i = 0; i < 300'000; ++i) large += static_cast<char>('a' + i % 26);
  EXPECT_EQ(client.post("/echo", large).body, large);

  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nWiki\r\n6;name=value\r\npedia \r\nC\r\nin\r\n\r\nchunks\r\n0\r\nTrailer: x\r\n\r\n";
  client.send(chunked);
  EXPECT_EQ(client.receive().body, "Wikipedia in\r\n\r\nchunks");
  for (const char c : chunked) client.send(std::string_view(&c, 1));
  EXPECT_EQ(client.receive().status, 200);
}

}  // namespace
}  // namespace assay
