// What rude, slow, greedy and broken clients get: a limit for everything, and no harm to others.
#include "net/http_connection.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/prng.h"
#include "net/http_testing.h"

namespace assay {
namespace {

using Ms = std::chrono::milliseconds;

class HttpLimitsTest : public testing::Test {
 protected:
  void start(HttpServerOptions options) {
    options.observer = observer_;
    auto server = HttpServer::create(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(server).value();
    server_->route("GET", "/hello", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = "hello\n"});
    });
    const auto echo = [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = exchange->request().body});
    };
    server_->route("POST", "/echo", echo);
    server_->route("POST", "/small", echo, {.body_bytes_max = 10});
    server_->route("GET", "/never", [this](const std::shared_ptr<HttpExchange>& exchange) {
      const std::lock_guard lock(mutex_);
      kept_.push_back(exchange);
    });
    server_->route("GET", "/flood", [this](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->on_close([this] { flood_closed_.set(); });
      exchange->begin(200, {});
      const std::string block(64 << 10, 'x');
      while (exchange->write(block)) ++flooded_;
      const std::lock_guard lock(mutex_);
      kept_.push_back(exchange);
    });
    const std::string large(size_t{32} << 20, 'x');
    server_->route("GET", "/large", [large](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = large});
    });
    const Status started = server_->start();
    ASSERT_TRUE(started.ok()) << started.message();
  }
  bool wait_for_reject(const std::string& reason) {
    return observer_->wait_for([&] { return observer_->rejects.contains(reason); });
  }
  void expect_service() { EXPECT_EQ(RawClient(server_->port()).get("/hello").body, "hello\n"); }
  void TearDown() override {
    server_.reset();
    kept_.clear();
  }

  std::shared_ptr<CountingObserver> observer_ = std::make_shared<CountingObserver>();
  std::unique_ptr<HttpServer> server_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<HttpExchange>> kept_;
  size_t flooded_ = 0;
  Signal flood_closed_;
};

std::string post_head(std::string_view fields) {
  return "POST /echo HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

TEST_F(HttpLimitsTest, RefusesRequestsThatAreAmbiguousOrMalformed) {
  start({});
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET /hello HTTP/1.1\r\n\r\n", 400},                            // no Host
      {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},      // two
      {"GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400},               // not a host
      {"GET /hello HTTP/1.1\r\nHost: a/../\r\n\r\n", 400},             //
      {"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", 400},                 //
      {"GET hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},                  // not a path
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},                      //
      {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},               //
      {"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", 400},                // space before the colon
      {"GET /hello HTTP/1.1\nHost: a\n\n", 400},                       // bare line feeds
      {"GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},                // two spaces
      {"GET /hello\r\n\r\n", 400},                                     // HTTP/0.9
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS here", 400},  //
      {post_head("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
      {post_head("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n") + "0\r\n\r\n", 400},
      {post_head("Content-Length: 1\r\nContent-Length: 2\r\n") + "ab", 400},
      {post_head("Content-Length: 2, 2\r\n") + "ab", 400},
      {post_head("Content-Length: -1\r\n"), 400},
      {post_head("Content-Length: 0x1\r\n") + "a", 400},
      {post_head("Content-Length: 99999999999999999999999\r\n"), 400},
      {post_head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 501},
      {post_head("Transfer-Encoding: identity\r\n"), 501},
      {post_head("Transfer-Encoding: chunked\r\n") + "zz\r\n", 400},
      {post_head("Transfer-Encoding: chunked\r\n") + "fffffffffffffffff\r\n", 400},
      {post_head("Transfer-Encoding: chunked\r\n") + "1\r\nab\r\n0\r\n\r\n", 400},
      {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
  };
  for (const auto& [request, status] : cases) {
    RawClient client(server_->port());
    client.send(request);
    const RawResponse response = client.receive();
    EXPECT_EQ(response.status, status) << request;
    EXPECT_EQ(response.headers.get("Connection"), "close") << request;
    EXPECT_EQ(client.read_to_end(), "") << "nothing after it is taken for a request: " << request;
  }
  EXPECT_EQ(observer_->finished.count({"/echo", 200}), 0u);
  expect_service();
}

TEST_F(HttpLimitsTest, BoundsTheHeader) {
  start({});
  for (const std::string& request : {
           "GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n",
           "GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /hello HTTP/1.1\r\nHost: a\r\n" + std::string(20'000, 'y'),
       }) {
    RawClient client(server_->port());
    client.send(request);
    EXPECT_EQ(client.receive().status, 431);
  }
  std::string many = "GET /hello HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  RawClient client(server_->port());
  client.send(many + "\r\n");
  EXPECT_EQ(client.receive().status, 431);
}

TEST_F(HttpLimitsTest, BoundsTheBodyBeforeReadingIt) {
  start({.limits = {.body_bytes_max = 1000}});
  {
    RawClient client(server_->port());
    client.send(post_head("Content-Length: 1001\r\n"));
    const RawResponse response = client.receive();
    EXPECT_EQ(response.status, 413);
    EXPECT_NE(response.body.find("1000"), std::string::npos) << "the bound is named";
  }
  {
    RawClient client(server_->port());
    client.send(post_head("Transfer-Encoding: chunked\r\n"));
    for (int i = 0; i < 11; ++i) client.send("64\r\n" + std::string(100, 'x') + "\r\n");
    EXPECT_EQ(client.receive().status, 413);
  }
  RawClient client(server_->port());
  EXPECT_EQ(client.post("/echo", std::string(1000, 'x')).status, 200);
  EXPECT_EQ(client.post("/small", "0123456789").status, 200);
  EXPECT_EQ(client.post("/small", "0123456789a").status, 413) << "a bound of the route";
}

TEST_F(HttpLimitsTest, ALargeUploadThatIsRefusedStillReadsTheAnswer) {
  start({.limits = {.body_bytes_max = 1000}});
  RawClient client(server_->port());
  client.send(post_head("Content-Length: 4000000\r\n"));
  EXPECT_TRUE(client.send(std::string(4'000'000, 'x'))) << "the server reads on";
  EXPECT_EQ(client.receive().status, 413);
}

TEST_F(HttpLimitsTest, BoundsWhatAllRequestsTogetherHold) {
  start({.limits = {.body_bytes_total_max = 5000}});
  RawClient first(server_->port());
  first.send(post_head("Content-Length: 4000\r\n") + std::string(3999, 'x'));
  RawClient second(server_->port());
  // Whichever is counted last goes over.
  second.send(post_head("Content-Length: 4000\r\n") + std::string(3999, 'x'));
  EXPECT_TRUE(wait_for_reject("bodies_too_large"));
  first.close();
  second.close();
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->closed == 2; }));
  EXPECT_EQ(RawClient(server_->port()).post("/echo", std::string(4000, 'x')).status, 200)
      << "what is over counts no longer";
}

TEST_F(HttpLimitsTest, CutsWhoSendsTheHeaderTooSlowly) {
  start({.limits = {.header_timeout = Ms(150)}});
  RawClient silent(server_->port());
  RawClient slow(server_->port());
  ASSERT_TRUE(slow.send("GET /hello HTTP/1.1\r\nHost: a\r\nX: "));
  // A byte every now and then must not move the deadline: the client goes on until it is answered.
  const auto begin = std::chrono::steady_clock::now();
  pollfd poll = {slow.descriptor(), POLLIN, 0};
  while (::poll(&poll, 1, 10) == 0) {
    ASSERT_TRUE(slow.send("x"));
    ASSERT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  }
  EXPECT_EQ(slow.receive().status, 408);
  silent.read_to_end();
  EXPECT_TRUE(wait_for_reject("header_timeout"));
}

TEST_F(HttpLimitsTest, CutsWhoSendsTheBodyTooSlowly) {
  start({.limits = {.body_timeout = Ms(150), .body_bytes_per_second_min = 100'000}});
  RawClient slow(server_->port());
  slow.send(post_head("Content-Length: 1000000\r\n"));
  pollfd poll = {slow.descriptor(), POLLIN, 0};
  const auto begin = std::chrono::steady_clock::now();
  while (::poll(&poll, 1, 10) == 0) {  // 100 bytes each 10 ms: a tenth of what is asked for
    ASSERT_TRUE(slow.send(std::string(100, 'x')));
    ASSERT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  }
  EXPECT_EQ(slow.receive().status, 408);
}

TEST_F(HttpLimitsTest, CutsIdleConnectionsSilently) {
  start({.limits = {.idle_timeout = Ms(100)}});
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/hello").status, 200);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(observer_->rejects.size(), 0u);
}

TEST_F(HttpLimitsTest, AnswersForHandlersThatTakeTooLong) {
  start({.limits = {.answer_timeout = Ms(100)}});
  RawClient client(server_->port());
  const RawResponse response = client.get("/never");
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.body.find("answer_timeout"), std::string::npos);
  const std::lock_guard lock(mutex_);
  EXPECT_FALSE(kept_[0]->send({.body = "too late"})) << "dropped, and no programmer's error";
}

TEST_F(HttpLimitsTest, CutsWhoDoesNotRead) {
  start({.limits = {.write_timeout = Ms(150)}});
  RawClient client(server_->port());
  client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(wait_for_reject("write_timeout"));
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->closed == 1; }));
  EXPECT_EQ(observer_->incomplete, 1u);
}

TEST_F(HttpLimitsTest, SendsLargeAnswersWhole) {
  start({});
  RawClient client(server_->port());
  const RawResponse response = client.get("/large");
  EXPECT_EQ(response.body.size(), size_t{32} << 20);
  EXPECT_TRUE(response.complete);
}

TEST_F(HttpLimitsTest, BoundsTheQueueOfAStream) {
  start({.limits = {.stream_queue_bytes_max = size_t{1} << 20}});
  RawClient client(server_->port());
  client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(flood_closed_.wait());
  EXPECT_LE(flooded_, 16u) << "no more than the bound is ever queued";
  EXPECT_TRUE(wait_for_reject("slow_reader"));
  expect_service();
}

TEST_F(HttpLimitsTest, BoundsConnections) {
  start({.limits = {.connections_max = 3, .connections_per_address_max = 2}});
  RawClient first(server_->port());
  RawClient second(server_->port());
  EXPECT_EQ(first.get("/hello").status, 200);
  EXPECT_EQ(second.get("/hello").status, 200);
  RawClient third(server_->port());
  EXPECT_EQ(third.receive().status, 503);
  EXPECT_TRUE(wait_for_reject("too_many_connections_from_address"));
  first.close();
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->closed == 1; }));
  expect_service();
}

TEST_F(HttpLimitsTest, BoundsRequestsPerConnection) {
  start({.limits = {.requests_per_connection_max = 3}});
  RawClient client(server_->port());
  EXPECT_FALSE(client.get("/hello").headers.contains("Connection"));
  EXPECT_FALSE(client.get("/hello").headers.contains("Connection"));
  EXPECT_EQ(client.get("/hello").headers.get("Connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(HttpLimitsTest, BoundsWhatIsReadAhead) {
  start({});
  RawClient client(server_->port());
  client.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
  timeval short_time = {0, 200'000};
  ::setsockopt(client.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &short_time, sizeof(short_time));
  const std::string requests(size_t{64} << 20, 'x');
  EXPECT_FALSE(client.send(requests)) << "the server must not take in 64 MiB in advance";
}

// Random bytes, and random damage to a good request: an answer or the end, never a crash.
TEST_F(HttpLimitsTest, SurvivesGarbage) {
  start({.limits = {.header_timeout = Ms(200), .body_timeout = Ms(200)}});
  Prng prng(7);
  const std::string good =
      "POST /echo?a=%20b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (int i = 0; i < 300; ++i) {
    std::string bytes = good;
    if (i % 3 == 0) {
      bytes.resize(prng.below(3000));
      for (char& c : bytes) c = static_cast<char>(prng.below(256));
    } else {
      for (uint64_t k = 0; k <= prng.below(4); ++k) {
        bytes[prng.below(bytes.size())] = static_cast<char>(prng.below(256));
      }
    }
    RawClient client(server_->port());
    client.send(bytes);
    client.end_sending();
    client.read_to_end();
  }
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->opened == observer_->closed; }));
  expect_service();
}

// In a child: the bound on descriptors holds for a whole process. The child tells by its exit code.
int serve_without_descriptors() {
  auto observer = std::make_shared<CountingObserver>();
  auto server = HttpServer::create({.observer = observer});
  if (!server.ok()) return 1;
  (*server)->route("GET", "/hello", [](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->send({.body = "hello\n"});
  });
  if (!(*server)->start().ok()) return 2;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 64;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<int> hogs;
  for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY)) {
    hogs.push_back(fd);
  }
  // One descriptor for a client to connect with, none for the server to accept it.
  ::close(hogs.back());
  hogs.pop_back();
  RawClient starved((*server)->port());
  if (!starved.connected()) return 3;
  starved.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  if (!observer->wait_for([&] { return observer->rejects["no_descriptors"] >= 3; })) return 4;
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  if (!observer->wait_for([&] { return observer->rejects["no_descriptors"] >= 8; })) return 5;
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  const auto cpu_us = [](const rusage& usage) {
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  if (cpu_us(after) - cpu_us(before) > 100'000) return 6;  // over some 250 ms: a busy loop
  for (const int fd : hogs) ::close(fd);
  return starved.receive().body == "hello\n" ? 0 : 7;
}

TEST(HttpDescriptorsTest, WaitsForDescriptorsWithoutABusyLoop) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(serve_without_descriptors());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace assay
