#include "model/plan.h"

#include <gtest/gtest.h>

#include <charconv>

namespace assay {
namespace {

class PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = open_model(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-f32.gguf");
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::make_unique<Model>(std::move(model).value());
    // The shape of a 7B model: planning looks at shapes alone.
    Architecture& a = model_->arch;
    a.layers = 4;
    a.d_model = 4096;
    a.heads = 32;
    a.kv_heads = 32;
    a.head_dim = 128;
    a.rotary_dims = 128;
    a.d_ff = 11008;
    a.vocab = 32000;
    for (BoundTensor& t : model_->tensors) {
      const uint64_t d = a.d_model;
      switch (t.role) {
        case TensorRole::kTokenEmbedding:
        case TensorRole::kOutput:
          t.info.shape = {a.vocab, d};
          break;
        case TensorRole::kFfnGate:
        case TensorRole::kFfnUp:
          t.info.shape = {a.d_ff, d};
          break;
        case TensorRole::kFfnDown:
          t.info.shape = {d, a.d_ff};
          break;
        default:
          t.info.shape =
              t.info.shape.size() == 1 ? std::vector<uint64_t>{d} : std::vector<uint64_t>{d, d};
      }
      t.info.type = DType::kF16;
      t.info.bytes = 2 * t.info.elements();
    }
  }

  PlanRequest request(uint64_t memory_mib) {
    return {.models = {model_.get(), model_.get()},
            .tokens_max = 256 * 24,
            .sequence_tokens_max = 24,
            .threads = 2,
            .memory_bytes = memory_mib << 20};
  }

  std::unique_ptr<Model> model_;
};

TEST_F(PlanTest, NeverPredictsMoreThanTheBound) {
  size_t feasible = 0;
  for (uint64_t mib = 16; mib <= 4096; mib += 16) {
    const auto plan = plan_execution(request(mib));
    if (!plan.ok()) {
      EXPECT_EQ(feasible, 0U) << "a larger bound must not become infeasible at " << mib;
      continue;
    }
    ++feasible;
    EXPECT_LE(plan->predicted_peak_bytes, mib << 20);
    EXPECT_GE(plan->tile_tokens, 24U);
    EXPECT_GE(plan->head_tile_tokens, 24U);
  }
  EXPECT_GT(feasible, 200U);
}

TEST_F(PlanTest, RefusalNamesTheSmallestBoundThatIsEnough) {
  const auto refused = plan_execution(request(20));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
  const std::string& message = refused.status().message();
  const size_t at = message.find("--memory ");
  ASSERT_NE(at, std::string::npos) << message;
  uint64_t least = 0;
  std::from_chars(message.data() + at + 9, message.data() + message.size(), least);
  EXPECT_TRUE(plan_execution(request(least)).ok()) << message;
  EXPECT_FALSE(plan_execution(request(least - 1)).ok()) << message;
}

TEST_F(PlanTest, ManySmallPlansSpillAndManyLargeOnesReadEachByteOnce) {
  const auto large = plan_execution(request(4096));
  ASSERT_TRUE(large.ok());
  EXPECT_FALSE(large->residuals_spilled);
  EXPECT_GE(large->buffer_bytes, uint64_t{3} * 4096 * 11008 * 2);
  const auto small = plan_execution(request(512));
  ASSERT_TRUE(small.ok());
  EXPECT_LT(small->buffer_bytes, uint64_t{3} * 4096 * 11008 * 2);
}

}  // namespace
}  // namespace assay
