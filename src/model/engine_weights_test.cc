// Weights that are streamed, and digests of those in memory.
#include "model/engine_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "model/artifact.h"
#include "model/engine_testing.h"

namespace assay {
namespace {

std::vector<float> last_logits(Engine& engine, const std::vector<TokenId>& tokens) {
  Sequence sequence = engine.begin();
  const auto logits = engine.forward(sequence, tokens);
  EXPECT_TRUE(logits.ok()) << logits.status().message();
  return logits.ok() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
}

TEST(Streaming, FitsInMemoryThatTheWeightsDoNot) {
  const std::unique_ptr<Model> model = open("models/lexi-nano/lexi-nano-f32.gguf");
  ASSERT_NE(model, nullptr);
  ComputeContext compute = compute_with(2);
  Engine::Options options = {.positions_max = 2 * kPage, .batch_tokens = 16};
  const std::vector<TokenId> tokens = {5, 9, 1, 700, 3};
  const auto resident = load(*model, compute, options);
  ASSERT_NE(resident, nullptr);
  options.memory_bytes = Engine::memory_bytes(*model, 2, options) - 1;
  EXPECT_EQ(Engine::load(*model, compute, options).status().code(), Code::kResourceExhausted);
  options.streams = true;
  for (const uint64_t bound : {uint64_t{0}, options.memory_bytes, options.memory_bytes * 7 / 8}) {
    options.memory_bytes = bound;
    const uint64_t need = Engine::memory_bytes(*model, 2, options);
    if (bound != 0) {
      EXPECT_LE(need, bound);
    }
    const auto engine = load(*model, compute, options);
    ASSERT_NE(engine, nullptr);
    EXPECT_EQ(last_logits(*engine, tokens), last_logits(*resident, tokens));
  }
  options.memory_bytes = 1;
  options.memory_bytes = Engine::memory_bytes(*model, 2, options) - 1;
  EXPECT_EQ(Engine::load(*model, compute, options).status().code(), Code::kResourceExhausted);
}

class WeightDigestTest : public ::testing::TestWithParam<std::string> {};

TEST_P(WeightDigestTest, IsThatOfTheFileUntilABitOfMemoryFlips) {
  const std::unique_ptr<Model> model = open(GetParam());
  ASSERT_NE(model, nullptr);
  ComputeContext compute = compute_with(2);
  const auto artifact = hash_artifact(*model, compute, 1 << 20);
  ASSERT_TRUE(artifact.ok()) << artifact.status().message();
  const auto engine = load(*model, compute, {.positions_max = 1});
  ASSERT_NE(engine, nullptr);
  const auto damaged = [&] {
    EXPECT_EQ(model->tensors.size(), artifact->tensors.size());
    std::vector<std::string> names;
    for (size_t i = 0; i < model->tensors.size(); ++i) {
      const TensorDigests& file = artifact->tensors[i];
      const auto weight = engine->weight_digest(model->tensors[i]);
      if (!weight) ADD_FAILURE() << file.name << " is not in memory";
      if (!weight) continue;
      EXPECT_EQ(weight->name, file.name);
      if (weight->digest != (weight->decoded ? file.values : file.raw)) names.push_back(file.name);
    }
    return names;
  };
  EXPECT_EQ(damaged(), std::vector<std::string>());
  for (const BoundTensor& tensor : model->tensors) {
    const size_t bit = 8 * tensor.info.columns() / 2 + 3;
    engine->flip_weight_bit_for_test(tensor.name, bit);
    EXPECT_EQ(damaged(), std::vector<std::string>{tensor.name});
    engine->flip_weight_bit_for_test(tensor.name, bit);
  }
  EXPECT_EQ(damaged(), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Models, WeightDigestTest,
                         ::testing::Values("families/llama", "families/gemma", "families/gpt2",
                                           "families/gpt_neox", "families/bert", "families/t5",
                                           "families/phi3", "families/llama-bias",
                                           "models/lexi-nano/lexi-nano-q4_0.gguf"),
                         model_test_name);

}  // namespace
}  // namespace assay
