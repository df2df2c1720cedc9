#include "net/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/json.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::Not;

// A logger whose lines end up here.
struct Recorded {
  explicit Recorded(LogOptions options = {}) {
    options.sink = [this](std::string_view line) {
      const std::lock_guard lock(mutex);
      lines.emplace_back(line);
    };
    options.seconds = [this] { return now.load(); };
    logger = std::make_unique<Logger>(std::move(options));
  }
  std::vector<std::string> take() {
    logger->flush();
    const std::lock_guard lock(mutex);
    return std::exchange(lines, {});
  }
  Json take_one() {
    const auto all = take();
    EXPECT_EQ(all.size(), 1u);
    const auto parsed = parse_json(all.empty() ? "{}" : all[0], "line");
    EXPECT_TRUE(parsed.ok());
    return *parsed;
  }

  std::atomic<double> now{0};
  std::mutex mutex;
  std::vector<std::string> lines;
  std::unique_ptr<Logger> logger;
};

TEST(LogTest, WritesOneObjectALine) {
  Recorded log;
  const TraceContext trace =
      *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  log.logger->write(LogLevel::kWarn, "request failed",
                    {{"path", "/v1/models"}, {"status", 503}, {"seconds", 0.25}, {"retry", true}},
                    {.request_id = "order-66", .trace = trace});
  const Json line = log.take_one();
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["message"], "request failed");
  EXPECT_EQ(line["path"], "/v1/models");
  EXPECT_EQ(line["status"], 503);
  EXPECT_EQ(line["seconds"], 0.25);
  EXPECT_EQ(line["retry"], true);
  EXPECT_EQ(line["request_id"], "order-66");
  EXPECT_EQ(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(line["span_id"], "00f067aa0ba902b7");
  EXPECT_THAT(
      line["time"].get<std::string>(),
      testing::MatchesRegex("20[0-9]+-[0-9]+-[0-9]+T[0-9:]+\\.[0-9][0-9][0-9][0-9][0-9][0-9]Z"));
}

TEST(LogTest, LeavesOutWhatIsBelowItsLevel) {
  Recorded log({.level = LogLevel::kWarn});
  log.logger->debug("a");
  log.logger->info("b");
  log.logger->warn("c");
  log.logger->error("d");
  EXPECT_EQ(log.take().size(), 2u);
  log.logger->set_level(LogLevel::kDebug);
  log.logger->debug("e");
  EXPECT_EQ(log.take().size(), 1u);
}

TEST(LogTest, ReadsLevels) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    const auto parsed = parse_log_level(log_level_name(level));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, level);
  }
  EXPECT_EQ(parse_log_level("loud").status().code(), Code::kInvalidArgument);
}

TEST(LogTest, APlantedSecretNeverAppears) {
  const std::string planted = "S3CRETvalue";
  Recorded log;
  log.logger->info("a", {{"authorization", planted}, {"API-Key", planted}, {"password", planted}});
  log.logger->info("b", {{"anything", Secret(planted)}});
  log.logger->info("Authorization: Bearer " + planted);
  log.logger->info("c", {{"url", "http://user:" + planted + "@host/"},
                         {"body", "{\"api_key\": \"" + planted + "\"}"}});
  log.logger->write(LogLevel::kInfo, "d", {}, {.request_id = "token=" + planted});
  const auto lines = log.take();
  EXPECT_EQ(lines.size(), 5u);
  for (const std::string& line : lines) {
    EXPECT_THAT(line, Not(HasSubstr(planted)));
    EXPECT_THAT(line, HasSubstr("[redacted]"));
  }
  log.logger->info("e", {{"max_tokens", 16}});
  EXPECT_EQ(log.take_one()["max_tokens"], 16) << "numbers are no secrets";
}

TEST(LogTest, CannotBeForgedOrMoveTheCursor) {
  Recorded log;
  log.logger->info("one\n{\"level\":\"error\"}\x1b[2J\x7f\xc2\x9b", {{"bad", "\xFF\xFE\r\n"}});
  const auto lines = log.take();
  ASSERT_EQ(lines.size(), 1u);
  for (const char c : lines[0]) EXPECT_TRUE(c >= ' ' && c <= '~');
  EXPECT_TRUE(parse_json(lines[0], "line").ok());
  log.logger->info("real", {{"level", "fake"}, {"message", "fake"}});
  const Json line = log.take_one();
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["message"], "real");
  EXPECT_EQ(line["field_level"], "fake");
}

TEST(LogTest, BoundsTheLengthOfALine) {
  Recorded log;
  log.logger->info(std::string(1 << 20, 'm'), {{"value", std::string(1 << 20, 'v')}});
  EXPECT_LT(log.take()[0].size(), size_t{20'000});
}

TEST(LogTest, CountsRepeatedLinesInsteadOfWritingThem) {
  Recorded log({.repeats_max = 3});
  for (int i = 0; i < 10; ++i) log.logger->warn("again", {{"i", i}});
  log.logger->warn("something else");
  EXPECT_EQ(log.take().size(), 4u);
  log.now = 11;
  log.logger->warn("again");
  EXPECT_EQ(log.take_one()["lines_left_out"], 7);
  log.logger->warn("again");
  EXPECT_FALSE(log.take_one().contains("lines_left_out"));
}

TEST(LogTest, AStalledReaderStallsNobody) {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
  auto logger = std::make_unique<Logger>(
      LogOptions{.repeats_max = 1'000'000, .queue_lines = 16, .sink = [&](std::string_view) {
                   std::unique_lock lock(mutex);
                   changed.wait(lock, [&] { return is_open; });
                 }});
  for (int i = 0; i < 1000; ++i) logger->info("line");  // returns although nothing is written
  EXPECT_GE(logger->dropped(), 1000u - 16 - 2);
  {
    const std::lock_guard lock(mutex);
    is_open = true;
  }
  changed.notify_all();
  logger.reset();
}

TEST(LogTest, SecretsCompareAndMoveWithoutCopies) {
  Secret secret("hunter2");
  EXPECT_TRUE(secret.equals("hunter2"));
  EXPECT_FALSE(secret.equals("hunter3"));
  EXPECT_FALSE(secret.equals("hunter22"));
  const Secret moved = std::move(secret);
  EXPECT_EQ(moved.reveal(), "hunter2");
}

}  // namespace
}  // namespace assay
