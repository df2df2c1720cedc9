#include "net/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/check.h"

namespace assay {
namespace {

constexpr size_t kLabelBytesMax = 128;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_metric_word(std::string_view word) {
  return !word.empty() && is_letter(word[0]) && std::all_of(word.begin(), word.end(), [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
  });
}

std::string clean_label(std::string_view value) {
  std::string clean(value.substr(0, kLabelBytesMax));
  for (char& c : clean) {
    if (c < ' ' || c > '~') c = '?';
  }
  return clean;
}

// Kinds differ in how a series is made.
template <typename Native>
Native& add_series(prometheus::Family<Native>& family, const prometheus::Labels& labels,
                   const std::vector<double>& /*buckets*/) {
  return family.Add(labels);
}
prometheus::Histogram& add_series(prometheus::Family<prometheus::Histogram>& family,
                                  const prometheus::Labels& labels,
                                  const std::vector<double>& buckets) {
  return family.Add(labels, buckets);
}

}  // namespace

void Counter::add(double by) const { native_->Increment(by); }
double Counter::value() const { return native_->Value(); }
void Counter::raise_to(double total) const { native_->Increment(total - native_->Value()); }
void Gauge::set(double value) const { native_->Set(value); }
void Gauge::add(double by) const { native_->Increment(by); }
double Gauge::value() const { return native_->Value(); }
void Histogram::observe(double value) const { native_->Observe(value); }

const std::vector<double>& latency_buckets() {
  static const std::vector<double> buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
  return buckets;
}

template <typename Metric>
struct MetricFamily<Metric>::Series {
  using Native = typename Metric::Native;
  explicit Series(MetricSpec s) : spec(std::move(s)), family(spec.name, spec.help, {}) {}

  Native& find_or_add(std::vector<std::string> values) {
    const std::lock_guard lock(mutex);
    auto found = by_values.find(values);
    if (found == by_values.end() && by_values.size() >= spec.series_max) {
      values.assign(values.size(), "other");
      found = by_values.find(values);
    }
    if (found != by_values.end()) return *found->second;
    prometheus::Labels labels;
    for (size_t i = 0; i < values.size(); ++i) labels.emplace(spec.labels[i], values[i]);
    Native& native = add_series(family, labels, spec.buckets);
    by_values.emplace(std::move(values), &native);
    return native;
  }

  const MetricSpec spec;
  prometheus::Family<Native> family;
  std::mutex mutex;
  std::map<std::vector<std::string>, Native*> by_values;
};

template <typename Metric>
Metric MetricFamily<Metric>::with(std::initializer_list<std::string_view> values) const {
  ASSAY_CHECK(values.size() == series_->spec.labels.size());
  std::vector<std::string> clean;
  clean.reserve(values.size());
  for (const std::string_view value : values) clean.push_back(clean_label(value));
  return Metric(series_->find_or_add(std::move(clean)));
}

template class MetricFamily<Counter>;
template class MetricFamily<Gauge>;
template class MetricFamily<Histogram>;

struct MetricsRegistry::Impl {
  template <typename Metric>
  MetricFamily<Metric> add(MetricSpec spec) {
    ASSAY_CHECK(is_metric_word(spec.name) && spec.series_max > 0);
    for (const std::string& label : spec.labels) ASSAY_CHECK(is_metric_word(label));
    auto series = std::make_shared<typename MetricFamily<Metric>::Series>(std::move(spec));
    const std::lock_guard lock(mutex);
    ASSAY_CHECK(names.insert(series->spec.name).second);
    collectors.push_back([series] { return series->family.Collect(); });
    return MetricFamily<Metric>(series);
  }

  std::vector<prometheus::MetricFamily> collect() {
    const std::lock_guard lock(mutex);
    for (const auto& callback : callbacks) callback();
    std::vector<prometheus::MetricFamily> families;
    for (const auto& collector : collectors) {
      for (auto& family : collector()) families.push_back(std::move(family));
    }
    return families;
  }

  std::mutex mutex;
  std::set<std::string> names;
  std::vector<std::function<std::vector<prometheus::MetricFamily>()>> collectors;
  std::vector<std::function<void()>> callbacks;
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

MetricFamily<Counter> MetricsRegistry::counters(MetricSpec spec) {
  return impl_->add<Counter>(std::move(spec));
}
MetricFamily<Gauge> MetricsRegistry::gauges(MetricSpec spec) {
  return impl_->add<Gauge>(std::move(spec));
}
MetricFamily<Histogram> MetricsRegistry::histograms(MetricSpec spec) {
  if (spec.buckets.empty()) spec.buckets = latency_buckets();
  ASSAY_CHECK(std::is_sorted(spec.buckets.begin(), spec.buckets.end()));
  return impl_->add<Histogram>(std::move(spec));
}

Counter MetricsRegistry::counter(std::string name, std::string help) {
  return counters({.name = std::move(name), .help = std::move(help)}).with({});
}
Gauge MetricsRegistry::gauge(std::string name, std::string help) {
  return gauges({.name = std::move(name), .help = std::move(help)}).with({});
}
Histogram MetricsRegistry::histogram(std::string name, std::string help,
                                     std::vector<double> buckets) {
  return histograms(
             {.name = std::move(name), .help = std::move(help), .buckets = std::move(buckets)})
      .with({});
}

void MetricsRegistry::on_collect(std::function<void()> callback) {
  const std::lock_guard lock(impl_->mutex);
  impl_->callbacks.push_back(std::move(callback));
}

std::string MetricsRegistry::text() const {
  std::vector<prometheus::MetricFamily> families = impl_->collect();
  std::sort(families.begin(), families.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (prometheus::MetricFamily& family : families) {
    std::sort(family.metric.begin(), family.metric.end(),
              [](const auto& a, const auto& b) { return a.label < b.label; });
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace assay
