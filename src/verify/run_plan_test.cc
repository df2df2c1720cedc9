#include "verify/run_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/shape_model.h"
#include "verify/waves.h"

namespace assay {
namespace {

Model shape(const std::string& params, DType type = DType::kF16) {
  const auto count = parse_params(params);
  EXPECT_TRUE(count.ok());
  const auto fitted = synth_shape(*count);
  EXPECT_TRUE(fitted.ok());
  auto model = model_of_shape(*fitted, type);
  EXPECT_TRUE(model.ok()) << model.status().message();
  return std::move(model).value();
}

VerifyOptions within(uint64_t mib) {
  VerifyOptions options;
  options.memory_bytes = mib << 20;
  return options;
}

TEST(RunPlan, PairsOf7BAnd70BFitIntoHalfAGigabyteOrTheSmallestIsNamed) {
  for (const char* params : {"6.74B", "70B"}) {
    const Model model = shape(params);
    for (const uint64_t mib : {uint64_t{512}, uint64_t{1024}}) {
      const auto plan = plan_run(model, model, within(mib), 2);
      ASSERT_TRUE(plan.ok()) << params << ": " << plan.status().message();
      EXPECT_LE(plan->execution.predicted_peak_bytes, mib << 20);
      EXPECT_LE(plan->memory_bytes_min, mib << 20);
      EXPECT_TRUE(plan_run(model, model, within(plan->memory_bytes_min >> 20), 2).ok());
      const auto refused = plan_run(model, model, within((plan->memory_bytes_min >> 20) - 1), 2);
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
      EXPECT_NE(refused.status().message().find(
                    "--memory " + std::to_string(plan->memory_bytes_min >> 20) + "MiB"),
                std::string::npos)
          << refused.status().message();
    }
  }
}

TEST(RunPlan, SegmentsCoverEveryMatrixOnce) {
  const Model model = shape("1.1B");
  const auto plan = plan_run(model, model, within(512), 2);
  ASSERT_TRUE(plan.ok());
  uint64_t bytes = 0;
  size_t sites = 0;
  for (const SegmentGroup& group : plan->segments_a) {
    bytes += group.bytes * group.sites.size();
    sites += group.sites.size();
  }
  uint64_t matrices = 0;
  for (const BoundTensor& tensor : model.tensors) {
    if (tensor.info.shape.size() == 2) matrices += tensor.info.bytes;
  }
  const uint64_t embedding = model.tensor(TensorRole::kTokenEmbedding).info.bytes;
  EXPECT_EQ(bytes, matrices - embedding);  // whose rows are read one by one
  EXPECT_EQ(sites, 2 * 22 + 2);
  // Layers are alike: attention, feed-forward, final norm, head.
  EXPECT_EQ(plan->segments_a.size(), 4U);
}

TEST(RunPlan, MoreMemoryNeverReadsMore) {
  const Model model = shape("6.74B");
  uint64_t before = UINT64_MAX;
  for (uint64_t mib = 256; mib <= 8192; mib *= 2) {
    const auto plan = plan_run(model, model, within(mib), 2);
    if (!plan.ok()) continue;
    EXPECT_LE(plan->execution_bytes, before) << mib;
    before = plan->execution_bytes;
  }
  // At last every byte once a wave: all but the embedding, of which only rows are read.
  uint64_t once = 0;
  const Model& m = model;
  for (const BoundTensor& tensor : m.tensors) {
    if (tensor.info.shape.size() == 2 && tensor.role != TensorRole::kTokenEmbedding) {
      once += tensor.info.bytes;
    }
  }
  const uint64_t waves = wave_ends(kChallengesDefault).size();
  EXPECT_GE(before, 2 * waves * once);
  EXPECT_LE(before, 2 * waves * once + 2 * kChallengesDefault * kChallengeTokensDefault * 8192);
}

// The plan and the run must tell the same story.
TEST(RunPlan, PredictsWhatAVerificationReads) {
  VerifyOptions options = within(256);
  options.reference = std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-f32.gguf";
  options.target = std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-q8_0.gguf";
  options.challenges = 64;
  options.threads = 2;
  const auto report = verify(options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  const auto a = open_model(options.reference);
  const auto b = open_model(options.target);
  ASSERT_TRUE(a.ok() && b.ok());
  const auto plan = plan_run(*a, *b, options, 2);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_EQ(plan->waves.size(), 1U);
  // Challenges have at most so many tokens, and each reads a row of the embedding.
  const uint64_t predicted = plan->artifact_bytes + plan->execution_bytes;
  const uint64_t rows = 2 * plan->waves[0].tokens * a->arch.d_model * 4;
  EXPECT_LE(report->bytes_read, predicted);
  EXPECT_GE(report->bytes_read + rows, predicted);
}

TEST(RunPlan, NothingToPlanIsAnError) {
  const Model model = shape("300k");
  VerifyOptions options = within(256);
  options.challenges = 0;
  EXPECT_EQ(plan_run(model, model, options, 1).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(plan_run(model, model, within(1), 1).status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace assay
