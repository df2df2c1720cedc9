#include "net/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <ctime>
#include <thread>

#include "base/program_testing.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MetricsTest, ShowsZerosBeforeAnythingHappens) {
  MetricsRegistry registry;
  registry.counter("jobs_total", "Jobs.");
  registry.histogram("wait_seconds", "Waits.", {0.1, 1});
  registry.counters({.name = "calls_total", .help = "Calls.", .labels = {"code"}}).with({"ok"});
  EXPECT_EQ(registry.text(),
            "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{code=\"ok\"} 0\n"
            "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 0\n"
            "# HELP wait_seconds Waits.\n# TYPE wait_seconds histogram\nwait_seconds_count 0\n"
            "wait_seconds_sum 0\nwait_seconds_bucket{le=\"0.1\"} 0\n"
            "wait_seconds_bucket{le=\"1\"} 0\nwait_seconds_bucket{le=\"+Inf\"} 0\n");
}

TEST(MetricsTest, CountsFromManyThreads) {
  MetricsRegistry registry;
  const auto calls = registry.counters({.name = "calls_total", .help = "C.", .labels = {"code"}});
  const Histogram waits = registry.histogram("wait_seconds", "W.", {1});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) {
        calls.with({k % 2 == 0 ? "a" : "b"}).add();
        waits.observe(k % 2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(calls.with({"a"}).value(), 2000);
  EXPECT_EQ(calls.with({"b"}).value(), 2000);
  EXPECT_THAT(registry.text(), HasSubstr("wait_seconds_count 4000\nwait_seconds_sum 2000\n"));
}

TEST(MetricsTest, BoundsTheNumberOfSeries) {
  MetricsRegistry registry;
  const auto calls = registry.counters(
      {.name = "calls_total", .help = "C.", .labels = {"user", "code"}, .series_max = 3});
  for (int i = 0; i < 100; ++i) calls.with({std::to_string(i), "ok"}).add();
  EXPECT_EQ(calls.with({"0", "ok"}).value(), 1) << "those that came first stay apart";
  EXPECT_EQ(calls.with({"77", "ok"}).value(), 97) << "the rest counts together";
  const std::string text = registry.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 4);
}

TEST(MetricsTest, LabelsCannotBreakTheFormat) {
  MetricsRegistry registry;
  const auto calls = registry.counters({.name = "calls_total", .help = "C.", .labels = {"who"}});
  calls.with({"a\"b\\c\nd\xFF"}).add();
  calls.with({std::string(1000, 'x')}).add();
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("calls_total{who=\"a\\\"b\\\\c?d?\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr(std::string(129, 'x'))));
}

TEST(MetricsTest, AsksForValuesAtEachExposition) {
  MetricsRegistry registry;
  const Gauge depth = registry.gauge("queue_depth", "Depth.");
  double value = 0;
  registry.on_collect([&] { depth.set(++value); });
  EXPECT_THAT(registry.text(), HasSubstr("queue_depth 1\n"));
  EXPECT_THAT(registry.text(), HasSubstr("queue_depth 2\n"));
}

TEST(MetricsTest, TellsOfTheProcess) {
  MetricsRegistry registry;
  add_process_metrics(registry);
  add_build_info(registry, "assay", "1.2.3");
  const std::string text = registry.text();
  const auto value = [&](const std::string& name) {
    const size_t at = text.find("\n" + name + " ");
    EXPECT_NE(at, text.npos) << name;
    double number = 0;
    std::from_chars(text.data() + at + name.size() + 2, text.data() + text.size(), number);
    return number;
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
  EXPECT_LT(value("process_resident_memory_bytes"), value("process_virtual_memory_bytes"));
  EXPECT_GE(value("process_open_fds"), 3);
  EXPECT_GT(value("process_max_fds"), value("process_open_fds"));
  EXPECT_GE(value("process_threads"), 1);
  // In Unix time, and not in the future.
  EXPECT_GT(value("process_start_time_seconds"), 1.7e9);
  EXPECT_LE(value("process_start_time_seconds"), static_cast<double>(std::time(nullptr)) + 1);
  EXPECT_THAT(text, HasSubstr("assay_build_info{compiler=\""));
  EXPECT_THAT(text, HasSubstr("version=\"1.2.3\"} 1\n"));
}

class PromtoolTest : public ProgramTest {
 protected:
  PromtoolTest() : ProgramTest("/usr/bin/promtool") {}
};

TEST_F(PromtoolTest, AcceptsTheExposition) {
  if (!path_exists("/usr/bin/promtool")) GTEST_SKIP() << "promtool is not installed";
  MetricsRegistry registry;
  add_process_metrics(registry);
  add_build_info(registry, "assay", "1");
  registry.histograms({.name = "wait_seconds", .help = "W.", .labels = {"q"}}).with({"a\\\"b"});
  const Outcome good = run({"check", "metrics"}, registry.text());
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(good.err, "") << "also no advice";
  EXPECT_NE(run({"check", "metrics"}, "not{ metrics").exit_code, 0);
}

}  // namespace
}  // namespace assay
