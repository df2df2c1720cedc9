#include "app/machine_speed.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(MachineSpeed, MeasuresWhatThereIs) {
  const auto model =
      open_model(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-q8_0.gguf");
  ASSERT_TRUE(model.ok());
  auto compute = make_compute(2);
  ASSERT_TRUE(compute.ok());
  const auto speed = measure_machine(*model, *compute, 64, monotonic_clock());
  ASSERT_TRUE(speed.ok()) << speed.status().message();
  EXPECT_EQ(speed->read_bytes, 0U);  // too small to say anything about the disk
  EXPECT_GT(speed->sha256_bytes_per_s, 0);
  EXPECT_GT(speed->sha256_pair_bytes_per_s, 0);
  EXPECT_GT(speed->flop_per_s, 0);
  EXPECT_EQ(speed->matmul_tokens, 64U);
}

TEST(PredictSeconds, TheSlowerOfReadingAndComputingCounts) {
  RunPlan plan;
  plan.artifact_bytes = 1000;
  plan.artifact_hashed_bytes = 4000;
  plan.flop_per_token = 10;
  plan.waves = {{.challenges = 1, .tokens = 5, .bytes = 300},
                {.challenges = 1, .tokens = 50, .bytes = 300}};
  MachineSpeed speed{.read_bytes_per_s = 100,
                     .sha256_bytes_per_s = 1000,
                     .sha256_pair_bytes_per_s = 2000,
                     .flop_per_s = 100};
  PredictedSeconds seconds = predict_seconds(plan, speed, 2);
  EXPECT_DOUBLE_EQ(seconds.artifact, 10);      // reading
  EXPECT_DOUBLE_EQ(seconds.first_wave, 3);     // reading
  EXPECT_DOUBLE_EQ(seconds.execution, 3 + 5);  // then computing
  speed.sha256_bytes_per_s = 50;
  speed.sha256_pair_bytes_per_s = 100;
  EXPECT_DOUBLE_EQ(predict_seconds(plan, speed, 2).artifact, 25);    // all hashes on two threads
  EXPECT_DOUBLE_EQ(predict_seconds(plan, speed, 100).artifact, 20);  // the file's own, on one
  speed.read_bytes_per_s = 0;                                        // no file: left out
  seconds = predict_seconds(plan, speed, 100);
  EXPECT_DOUBLE_EQ(seconds.first_wave, 0.5);
}

}  // namespace
}  // namespace assay
