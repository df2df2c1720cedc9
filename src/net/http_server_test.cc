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
    server_->route("GET", "/fail", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = std::string(1, exchange->request().path.at(100))});
    });
    server_->route("GET", "/endless", [this](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->begin(200, {});
      exchange->write("data: 1\n\n");
      {
        const std::lock_guard lock(mutex_);
        kept_.push_back(exchange);
      }
      exchange->on_close([this] { ++streams_closed_; });
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
  std::atomic<size_t> streams_closed_{0};
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

TEST_F(HttpServerTest, StreamsInChunksAndUntilTheEndForOldClients) {
  start();
  RawClient client(server_->port());
  const RawResponse chunked = client.get("/stream");
  EXPECT_EQ(chunked.headers.get("Transfer-Encoding"), "chunked");
  EXPECT_EQ(chunked.body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  EXPECT_EQ(client.get("/hello").status, 200) << "the connection goes on after a stream";

  RawClient old(server_->port());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  const RawResponse response = old.receive();
  EXPECT_FALSE(response.headers.contains("Transfer-Encoding"));
  EXPECT_EQ(response.headers.get("Connection"), "close");
  EXPECT_EQ(response.body, chunked.body);
}

TEST_F(HttpServerTest, StreamsWhatIsWrittenLaterFromAnotherThread) {
  start();
  RawClient client(server_->port());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  auto exchange = take_kept();
  std::thread writer([&exchange] {
    exchange->begin(200, {});
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(exchange->write(std::to_string(i) + ","));
    exchange->end();
    exchange.reset();
  });
  std::string expected;
  for (int i = 0; i < 1000; ++i) expected += std::to_string(i) + ",";
  const RawResponse response = client.receive();
  writer.join();
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.body, expected);
}

TEST_F(HttpServerTest, SpeaksToOldClients) {
  start();
  RawClient client(server_->port());
  client.send("GET /hello HTTP/1.0\r\n\r\n");
  const RawResponse response = client.receive();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");

  RawClient lasting(server_->port());
  for (int i = 0; i < 2; ++i) {
    lasting.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(lasting.receive().headers.get("Connection"), "keep-alive");
  }
}

TEST_F(HttpServerTest, IgnoresAnEmptyLineBeforeARequest) {
  start();
  RawClient client(server_->port());
  for (int i = 0; i < 2; ++i) {
    client.send("\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.receive().status, 200);
  }
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  start();
  RawClient client(server_->port());
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.receive().headers.get("Connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(HttpServerTest, AnswersForRoutesThatDoNotExist) {
  start();
  RawClient client(server_->port());
  const RawResponse missing = client.get("/missing");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.headers.get("Content-Type"), "application/problem+json");
  EXPECT_NE(missing.body.find("\"reason\":\"no_such_path\""), std::string::npos);
  const RawResponse wrong = client.get("/echo");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("Allow"), "POST, OPTIONS");
  client.send("BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.receive().status, 405);
  client.send("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawResponse options = client.receive();
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.get("Allow"), "GET, HEAD, OPTIONS");
  client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.receive().status, 204);
  EXPECT_EQ(client.get("/hello").status, 200) << "refusals of sound requests keep the connection";
}

TEST_F(HttpServerTest, AnswersHeadWithTheHeadersOfGet) {
  start();
  RawClient client(server_->port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawResponse whole = client.receive(false);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.headers.get("Content-Length"), "6");
  client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.receive(false).headers.get("Transfer-Encoding"), "chunked");
  EXPECT_EQ(client.get("/hello").body, "hello\n");
}

TEST_F(HttpServerTest, DecodesTargetsOnce) {
  start();
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/rest/org%2Fname").body, "org/name");
  EXPECT_EQ(client.get("/rest/a%252Fb").body, "a%2Fb");
  EXPECT_EQ(client.get("/rest/").status, 404);
  EXPECT_EQ(client.get("/query?p=1&q=a+b%26c").body, "a b&c");
  EXPECT_EQ(client.get("/query").body, "-");
  EXPECT_EQ(client.get("http://elsewhere/hello").status, 200);
  for (const char* path : {"/rest/%zz", "/rest/%00", "/rest/%FF", "/rest/%4"}) {
    EXPECT_EQ(RawClient(server_->port()).get(path).status, 400) << path;
  }
}

TEST_F(HttpServerTest, ExpectsHundredContinue) {
  start();
  RawClient client(server_->port());
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: ";
  client.send(head + "100-continue\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  client.send("body");
  EXPECT_EQ(client.receive().body, "body");
  client.send(head + "miracles\r\n\r\n");
  EXPECT_EQ(client.receive().status, 417);

  RawClient hopeless(server_->port());
  hopeless.send(
      "POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(hopeless.receive().status, 404) << "refused before the body is sent";
}

TEST_F(HttpServerTest, TakesUsableRequestIdsAndTraces) {
  start();
  RawClient client(server_->port());
  client.send(
      "GET /later HTTP/1.1\r\nHost: a\r\nX-Request-Id: order-66\r\n"
      "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n");
  const auto exchange = take_kept();
  EXPECT_EQ(exchange->request().request_id, "order-66");
  EXPECT_EQ(trace_id_text(exchange->request().trace), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(exchange->request().peer, "127.0.0.1");
  exchange->send({});
  EXPECT_EQ(client.receive().headers.get("X-Request-Id"), "order-66");
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\"b\r\n\r\n");
  EXPECT_EQ(client.receive().headers.get("X-Request-Id").size(), 32u);
}

TEST_F(HttpServerTest, NeverLetsAHandlerSplitTheHead) {
  HttpServerOptions options;
  start(std::move(options));
  RawClient client(server_->port());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  take_kept()->send({.headers = {{"X-Bad", "a\r\nInjected: yes"},
                                 {"Bad Name", "a"},
                                 {"Content-Length", "100"},
                                 {"X-Good", "b"}},
                     .body = "ok"});
  const RawResponse response = client.receive();
  EXPECT_EQ(response.body, "ok");
  EXPECT_FALSE(response.headers.contains("Injected"));
  EXPECT_FALSE(response.headers.contains("X-Bad"));
  EXPECT_EQ(response.headers.get("X-Good"), "b");
}

TEST_F(HttpServerTest, TellsWhenTheClientGoesWhileNothingIsSent) {
  start();
  for (const bool is_orderly : {true, false}) {
    RawClient client(server_->port());
    kept_signal_.clear();
    client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto exchange = take_kept();
    Signal closed;
    exchange->on_close([&closed] { closed.set(); });
    EXPECT_FALSE(exchange->closed());
    is_orderly ? client.close() : client.reset();
    EXPECT_TRUE(closed.wait()) << "orderly: " << is_orderly;
    EXPECT_TRUE(exchange->closed());
    EXPECT_FALSE(exchange->begin(200, {}));
    EXPECT_FALSE(exchange->write("late"));
    bool is_called = false;
    exchange->on_close([&is_called] { is_called = true; });
    EXPECT_TRUE(is_called) << "late callbacks are called at once";
  }
}

TEST_F(HttpServerTest, TellsWhenTheClientGoesInTheMiddleOfAStream) {
  start();
  RawClient client(server_->port());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto exchange = take_kept();
  Signal closed;
  exchange->on_close([&closed] { closed.set(); });
  EXPECT_TRUE(exchange->begin(200, {}));
  EXPECT_TRUE(exchange->write("first"));
  ASSERT_TRUE(client.read_more());
  client.close();
  EXPECT_TRUE(closed.wait());
  EXPECT_FALSE(exchange->write("second"));
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->closed == 1; }));
  EXPECT_EQ(observer_->incomplete, 1u);
}

TEST_F(HttpServerTest, DoesNotCallOnCloseAfterACompleteAnswer) {
  start();
  std::atomic<int> calls{0};
  RawClient client(server_->port());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  auto exchange = take_kept();
  exchange->on_close([&calls] { ++calls; });
  exchange->send({.body = "done"});
  exchange.reset();
  EXPECT_EQ(client.receive().body, "done");
  client.close();
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->closed == 1; }));
  EXPECT_EQ(calls, 0);
}

TEST_F(HttpServerTest, AHalfClosedClientGetsWhatIsSentWhole) {
  start();
  RawClient client(server_->port());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  client.end_sending();
  take_kept()->send({.body = "still there?"});
  EXPECT_EQ(client.receive().body, "still there?");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(HttpServerTest, AnswersForHandlersThatForgetTo) {
  start();
  RawClient client(server_->port());
  const RawResponse response = client.get("/drop");
  EXPECT_EQ(response.status, 500);
  EXPECT_NE(response.body.find("no_answer"), std::string::npos);

  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  auto exchange = take_kept();
  exchange->begin(200, {});
  exchange->write("half");
  exchange.reset();
  EXPECT_FALSE(client.receive().complete) << "a stream that is dropped must look incomplete";
}

TEST_F(HttpServerTest, AnswersForHandlersThatFail) {
  start();
  RawClient client(server_->port());
  const RawResponse response = client.get("/fail");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("at: __n"), std::string::npos) << "what went wrong is not told";
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->rejects["handler_threw"] == 1; }));
}

// Every stream that is begun ends: by its client's going, and never twice.
TEST_F(HttpServerTest, SurvivesManyClientsThatGo) {
  HttpServerOptions options;
  options.threads = 2;
  options.limits.connections_max = 2000;
  options.limits.connections_per_address_max = 2000;
  start(std::move(options));
  constexpr size_t kStreams = 1000;
  for (size_t i = 0; i < kStreams; ++i) {
    RawClient client(server_->port());
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    if (i % 3 == 0) client.read_more();
    i % 2 == 0 ? client.close() : client.reset();
  }
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->closed == kStreams; }))
      << observer_->opened << " opened, " << observer_->closed << " closed";
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(streams_closed_, kept_.size());
  for (const auto& exchange : kept_) EXPECT_FALSE(exchange->write("more"));
}

TEST_F(HttpServerTest, ShapesErrorsAsTheApiWants) {
  HttpServerOptions options;
  options.shape_error = [](const HttpRequest& request, const HttpError& error) {
    return HttpResponse{.status = error.status, .body = request.path + " " + error.reason};
  };
  options.gate = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.headers.get("Authorization") == "Bearer good") return std::nullopt;
    return HttpResponse{.status = 401, .body = "who?"};
  };
  start(std::move(options));
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/missing").body, "/missing no_such_path");
  EXPECT_EQ(client.get("/hello").body, "who?");
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(HttpServerTest, AnswersForKnownHostsOnly) {
  HttpServerOptions options;
  options.hosts = {"localhost", "127.0.0.1"};
  start(std::move(options));
  RawClient client(server_->port());
  client.send("GET /hello HTTP/1.1\r\nHost: localhost:1234\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  client.send("GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(client.receive().status, 421);
  RawClient absolute(server_->port());
  absolute.send("GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(absolute.receive().status, 421);
}

TEST_F(HttpServerTest, ServesManyConnectionsOverSeveralThreads) {
  HttpServerOptions options;
  options.threads = 3;
  start(std::move(options));
  constexpr size_t kClients = 200;
  constexpr int kRequests = 5;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->port()));
    ASSERT_TRUE(clients.back()->connected());
  }
  for (int round = 0; round < kRequests; ++round) {
    for (const auto& client : clients) {
      client->send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (const auto& client : clients) ASSERT_EQ(client->receive().body, "hello\n");
  }
  EXPECT_EQ(server_->connections(), kClients);
  const auto all = kClients * static_cast<size_t>(kRequests);
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->finished[{"/hello", 200}] == all; }));
  clients.clear();
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->closed == kClients; }));
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, StopsWhenExchangesHaveFinished) {
  start();
  RawClient idle(server_->port());
  EXPECT_EQ(idle.get("/hello").status, 200);
  RawClient busy(server_->port());
  busy.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  auto exchange = take_kept();
  std::thread stopper([this] { server_->stop(std::chrono::minutes(1)); });
  EXPECT_EQ(idle.read_to_end(), "") << "idle connections are closed at once";
  exchange->send({.body = "finished"});
  exchange.reset();
  const RawResponse response = busy.receive();
  EXPECT_EQ(response.body, "finished");
  EXPECT_EQ(response.headers.get("Connection"), "close");
  busy.close();
  stopper.join();
  EXPECT_FALSE(RawClient(server_->port()).connected());
}

TEST_F(HttpServerTest, CutsWhatIsLeftAfterTheGrace) {
  start();
  RawClient client(server_->port());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto exchange = take_kept();
  Signal closed;
  exchange->on_close([&closed] { closed.set(); });
  server_->stop(std::chrono::milliseconds(20));
  EXPECT_TRUE(closed.is_set());
  EXPECT_EQ(client.read_to_end(), "");
  server_.reset();
  EXPECT_FALSE(exchange->begin(200, {})) << "an exchange may outlive its server";
}

TEST_F(HttpServerTest, StopsUnderLoad) {
  HttpServerOptions options;
  options.threads = 2;
  start(std::move(options));
  std::atomic<size_t> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this, &answered] {
      while (true) {
        RawClient client(server_->port());
        if (!client.connected()) return;
        while (client.get("/hello").complete) ++answered;
      }
    });
  }
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->finished[{"/hello", 200}] > 1000; }));
  server_->stop(std::chrono::seconds(5));
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(observer_->opened, observer_->closed);
  EXPECT_EQ(observer_->incomplete, 0u) << "what was begun is finished";
}

TEST_F(HttpServerTest, ListensWhereItIsTold) {
  HttpServerOptions options;
  options.address = ":0";
  start(std::move(options));
  EXPECT_EQ(RawClient(server_->port()).get("/hello").status, 200);

  auto taken = HttpServer::create({.address = "127.0.0.1:" + std::to_string(server_->port())});
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ((*taken)->start().code(), Code::kUnavailable);
  EXPECT_EQ(HttpServer::create({.address = "example.com:80"}).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(HttpServer::create({.threads = 0}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace assay
