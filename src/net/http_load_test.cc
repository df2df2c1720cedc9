#include "net/http_load.h"

#include <gtest/gtest.h>

#include <atomic>

#include "net/http_server.h"

namespace assay {
namespace {

class HttpLoadTest : public testing::Test {
 protected:
  void SetUp() override {
    HttpServerOptions options;
    options.threads = 2;
    server_ = HttpServer::create(std::move(options)).value();
    server_->route("POST", "/", [this](const std::shared_ptr<HttpExchange>& exchange) {
      const uint64_t number = ++requests_;
      if (exchange->request().body == "odd") ++odd_;
      const int status = exchange->request().body == "bad" ? 400 : 200;
      exchange->send({.status = status, .headers = {}, .body = std::to_string(number)});
    });
    ASSERT_TRUE(server_->start().ok());
    options_.port = server_->port();
    options_.bodies = {"even", "odd"};
  }

  std::unique_ptr<HttpServer> server_;
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> odd_{0};
  HttpLoadOptions options_;
};

TEST_F(HttpLoadTest, ClosedLoopSendsEachRequestOnce) {
  options_.connections = 7;
  options_.requests = 500;
  const auto result = run_http_load(options_).value();
  EXPECT_EQ(requests_, 500U);
  EXPECT_EQ(odd_, 250U);
  EXPECT_EQ(result.answered(), 500U);
  EXPECT_EQ(result.latencies.size(), 500U);
  EXPECT_TRUE(std::is_sorted(result.latencies.begin(), result.latencies.end()));
  for (size_t i = 0; i < 500; ++i) EXPECT_LE(result.first_bytes[i], result.latencies[i]);
}

TEST_F(HttpLoadTest, OpenLoopKeepsItsRate) {
  options_.connections = 8;
  options_.rate = 400;
  options_.seconds = 0.5;
  const auto result = run_http_load(options_).value();
  // Poisson with mean 200.
  EXPECT_GT(result.answered(), 120U);
  EXPECT_LT(result.answered(), 280U);
  EXPECT_EQ(result.answered(), requests_);
}

TEST_F(HttpLoadTest, CountsWhatWasRefusedOrNotAnswered) {
  options_.bodies = {"bad"};
  options_.requests = 10;
  auto result = run_http_load(options_).value();
  EXPECT_EQ(result.by_status.at(400), 10U);
  EXPECT_TRUE(result.latencies.empty());
  server_.reset();
  result = run_http_load(options_).value();
  EXPECT_EQ(result.by_status.at(0), 10U);
}

TEST_F(HttpLoadTest, ALateAnswerCountsFromWhenItWasDue) {
  // One connection cannot keep up with a thousand requests at once.
  options_.connections = 1;
  options_.rate = 1e6;
  options_.requests = 300;
  const auto result = run_http_load(options_).value();
  // All were due at once, so the last answer is as late as the whole took.
  EXPECT_GT(HttpLoadResult::quantile(result.latencies, 1), 0.9 * result.seconds);
}

TEST(HttpLoadResult, Quantiles) {
  const std::vector<double> values = {1, 2, 3, 4};
  EXPECT_EQ(HttpLoadResult::quantile(values, 0.5), 2);
  EXPECT_EQ(HttpLoadResult::quantile(values, 0.51), 3);
  EXPECT_EQ(HttpLoadResult::quantile(values, 1), 4);
  EXPECT_EQ(HttpLoadResult::quantile(values, 0), 1);
}

}  // namespace
}  // namespace assay
