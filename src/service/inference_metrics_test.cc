#include "service/inference_metrics.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

class InferenceMetricsTest : public testing::Test {
 protected:
  InferenceMetricsTest() : health_(monotonic_clock()) {
    models_ = ModelRegistry::create({}, {}).value();
  }
  std::string text() { return metrics_.text(*models_, health_); }
  bool has(const std::string& line) { return text().find(line + "\n") != std::string::npos; }

  InferenceMetrics metrics_{"1.2.3", "avx2"};
  ServiceHealth health_;
  std::unique_ptr<ModelRegistry> models_;
};

TEST_F(InferenceMetricsTest, NamesOfTheRunBookAreThereBeforeAnythingHappens) {
  for (const char* name : {"veid_inference_total", "veid_inference_latency_seconds",
                           "veid_inference_sidecar_healthy", "veid_inference_score_distribution"}) {
    EXPECT_NE(text().find(std::string("# TYPE ") + name), std::string::npos) << name;
  }
  EXPECT_TRUE(has(R"(veid_inference_total{face="grpc",method="score",status="error"} 0)"));
}

TEST_F(InferenceMetricsTest, HealthIsWhatItIsNow) {
  EXPECT_TRUE(has("veid_inference_sidecar_healthy 0"));
  health_.set_serving();
  EXPECT_TRUE(has("veid_inference_sidecar_healthy 1"));
  health_.set_broken("model a", "x");
  EXPECT_TRUE(has("veid_inference_sidecar_healthy 0"));
}

TEST_F(InferenceMetricsTest, CountsHowRequestsEnded) {
  Completion completion;
  completion.prompt_tokens = 5;
  completion.generated_tokens = 3;
  metrics_.finished({"http", "chat"}, "m", ok_status(), 0.2, &completion);
  metrics_.finished({"http", "chat"}, "m", resource_exhausted("full"), 0, nullptr);
  metrics_.finished({"grpc", "score"}, "m", internal_error("x"), 0, nullptr);
  metrics_.finished({"grpc", "score"}, "m", invalid_argument("x"), 0, nullptr);
  EXPECT_TRUE(has(R"(veid_inference_total{face="http",method="chat",status="ok"} 1)"));
  EXPECT_TRUE(has(R"(veid_inference_total{face="http",method="chat",status="overloaded"} 1)"));
  EXPECT_TRUE(has(R"(veid_inference_total{face="grpc",method="score",status="error"} 1)"));
  EXPECT_TRUE(has(R"(veid_inference_total{face="grpc",method="score",status="refused"} 1)"));
  EXPECT_TRUE(has("assay_inference_prompt_tokens_total 5"));
  EXPECT_TRUE(has("assay_inference_generated_tokens_total 3"));
  metrics_.scored(0.25);
  EXPECT_TRUE(has("veid_inference_score_distribution_count 1"));
  metrics_.self_test("m", false, 1);
  EXPECT_TRUE(has(R"(assay_inference_self_tests_total{model="m",result="failed"} 1)"));
}

}  // namespace
}  // namespace assay
