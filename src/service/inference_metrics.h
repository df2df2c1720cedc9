// InferenceMetrics: what the inference sidecar counts (names of 07-services and 08-operations).
// Tested in inference_metrics_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "inference/model_registry.h"
#include "net/metrics.h"
#include "service/service_health.h"

namespace assay {

// Over which face, and what was asked for: "grpc" or "http"; "generate", "score", "chat",
// "completion", ...
struct InferenceLabels {
  std::string_view face;
  std::string_view method;
};

// Threads: any.
class InferenceMetrics {
 public:
  InferenceMetrics(const std::string& version, const std::string& instruction_set);
  ~InferenceMetrics();

  // A request is over. model: as served, or "" when none was found. completion: null when it was
  // never taken.
  void finished(const InferenceLabels& labels, std::string_view model, const Status& status,
                double seconds, const Completion* completion);
  // The score of a scored text, in [0, 1] (the geometric mean of its probabilities).
  void scored(double score);
  void self_test(std::string_view model, bool passed, double seconds);

  // For what else is to be seen beside: the servers' own metrics.
  MetricsRegistry& registry();

  // The text that Prometheus reads, with gauges as they stand now.
  std::string text(const ModelRegistry& models, const ServiceHealth& health);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace assay
