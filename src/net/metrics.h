// Metrics in Prometheus' text format: counters, gauges and histograms with bounded labels. A thin
// layer over prometheus-cpp. Tested in metrics_test.cc, also with promtool where that is installed.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace assay {

// Handles: cheap to copy, valid as long as their registry. Threads: safe.
class Counter {
 public:
  using Native = prometheus::Counter;
  explicit Counter(Native& native) : native_(&native) {}
  void add(double by = 1) const;
  double value() const;
  // For totals that somebody else counts; a smaller one than before is ignored.
  void raise_to(double total) const;

 private:
  Native* native_;
};

class Gauge {
 public:
  using Native = prometheus::Gauge;
  explicit Gauge(Native& native) : native_(&native) {}
  void set(double value) const;
  void add(double by) const;
  double value() const;

 private:
  Native* native_;
};

class Histogram {
 public:
  using Native = prometheus::Histogram;
  explicit Histogram(Native& native) : native_(&native) {}
  void observe(double value) const;

 private:
  Native* native_;
};

struct MetricSpec {
  std::string name;  // "veid_inference_total"
  std::string help;
  std::vector<std::string> labels;
  // What comes beyond counts together, with "other" for every label: whoever chooses label values
  // from outside cannot fill the memory.
  size_t series_max = 200;
  std::vector<double> buckets;  // of histograms: ascending; empty: kLatencyBuckets
};

// 0.5 ms to 60 s.
const std::vector<double>& latency_buckets();

// The series of one metric, told apart by the values of its labels.
template <typename Metric>
class MetricFamily {
 public:
  struct Series;
  explicit MetricFamily(std::shared_ptr<Series> series) : series_(std::move(series)) {}
  // In the order of the spec's labels. A series that is new starts at zero: name the expected ones
  // at the start, so that they are seen before they happen. Characters that are not printable ASCII
  // become '?', long values are cut. Pre: one value for each label (CHECK).
  Metric with(std::initializer_list<std::string_view> values) const;

 private:
  std::shared_ptr<Series> series_;
};

class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // Pre: names and labels are valid, no name is used twice (CHECK). Counters end in _total.
  MetricFamily<Counter> counters(MetricSpec spec);
  MetricFamily<Gauge> gauges(MetricSpec spec);
  MetricFamily<Histogram> histograms(MetricSpec spec);
  // Without labels.
  Counter counter(std::string name, std::string help);
  Gauge gauge(std::string name, std::string help);
  Histogram histogram(std::string name, std::string help, std::vector<double> buckets = {});

  // Runs before each exposition: for values that are asked for, not counted.
  void on_collect(std::function<void()> callback);

  // Text format 0.0.4, families and series in order of name. Threads: safe.
  std::string text() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// process_resident_memory_bytes, process_virtual_memory_bytes, process_cpu_seconds_total,
// process_open_fds, process_max_fds, process_start_time_seconds, process_threads.
void add_process_metrics(MetricsRegistry& registry);
// <prefix>_build_info{version,compiler} 1.
void add_build_info(MetricsRegistry& registry, const std::string& prefix, std::string_view version);

}  // namespace assay
