// Engine against float64 references of an independent implementation (PyTorch, numpy): logits,
// negative log-likelihoods, site norms and greedy continuations of every llama model at hand.
#include "model/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/json.h"

namespace assay {
namespace {

struct ReferenceCase {
  std::string name;
  std::string weights;
  std::string reference;
};

std::string shared(const std::string& file) {
  return std::string(ASSAY_SHARED) + "/models/" + file;
}
std::string testdata(const std::string& file) {
  return std::string(ASSAY_TESTDATA) + "/models/" + file;
}

class ReferenceTest : public ::testing::TestWithParam<ReferenceCase> {
 protected:
  void SetUp() override {
    if (!path_exists(GetParam().weights)) {
      GTEST_SKIP() << GetParam().weights << " is not here; this model is left out";
    }
    auto model = open_model(GetParam().weights);
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::make_unique<Model>(std::move(model).value());
    auto compute = make_compute(2);
    ASSERT_TRUE(compute.ok()) << compute.status().message();
    compute_ = std::make_unique<ComputeContext>(std::move(compute).value());
    auto engine = Engine::load(*model_, *compute_, 128);
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    engine_ = std::move(engine).value();
    auto text = read_text_file(GetParam().reference, 1 << 20);
    ASSERT_TRUE(text.ok()) << text.status().message();
    auto json = parse_json(*text, GetParam().reference);
    ASSERT_TRUE(json.ok()) << json.status().message();
    prompts_ = (*json)["prompts"];
    ASSERT_FALSE(prompts_.empty());
  }

  std::vector<float> logits(std::span<const TokenId> tokens,
                            std::vector<SiteNorm>* norms = nullptr) {
    auto result = engine_->forward(tokens, 64, norms);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return {result->begin(), result->end()};
  }

  std::unique_ptr<Model> model_;
  std::unique_ptr<ComputeContext> compute_;
  std::unique_ptr<Engine> engine_;
  Json prompts_;
};

double l2(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

TEST_P(ReferenceTest, LogitsAgreeWithin2e4) {
  for (const Json& prompt : prompts_) {
    engine_->reset();
    const std::vector<TokenId> tokens = prompt["tokens"];
    const std::vector<float> got = logits(tokens);
    const std::vector<double> first = prompt["last_logits_first8"];
    std::vector<double> difference;
    for (size_t i = 0; i < first.size(); ++i)
      difference.push_back(static_cast<double>(got[i]) - first[i]);
    EXPECT_LE(l2(difference), 2e-4 * l2(first)) << prompt["tokens"];
    const double norm = l2({got.begin(), got.end()});
    const double expected = prompt["last_logits_l2"];
    EXPECT_NEAR(norm, expected, 2e-4 * expected) << prompt["tokens"];
    if (!prompt.contains("top5")) continue;
    double sum = 0;
    for (const float x : got) sum += std::exp(static_cast<double>(x));
    for (const Json& entry : prompt["top5"]) {
      const double p = std::exp(static_cast<double>(got[entry[0].get<size_t>()])) / sum;
      EXPECT_NEAR(p, entry[1].get<double>(), 2e-4) << prompt["tokens"];
    }
  }
}

TEST_P(ReferenceTest, NegativeLogLikelihoodsAgree) {
  for (const Json& prompt : prompts_) {
    if (!prompt.contains("nll_nats")) GTEST_SKIP() << "this reference has none";
    engine_->reset();
    const std::vector<TokenId> tokens = prompt["tokens"];
    double nll = 0;
    for (size_t t = 0; t + 1 < tokens.size(); ++t) {
      const std::vector<float> row = logits({&tokens[t], 1});
      double sum = 0;
      for (const float x : row) sum += std::exp(static_cast<double>(x));
      nll += std::log(sum) - static_cast<double>(row[static_cast<size_t>(tokens[t + 1])]);
    }
    const double expected = prompt["nll_nats"];
    EXPECT_NEAR(nll, expected, 2e-4 * expected) << prompt["tokens"];
  }
}

TEST_P(ReferenceTest, SiteNormsAgreeWithin1e4) {
  for (const Json& prompt : prompts_) {
    if (!prompt.contains("sites_last_token_l2")) GTEST_SKIP() << "this reference has none";
    engine_->reset();
    std::vector<SiteNorm> norms;
    const std::vector<TokenId> tokens = prompt["tokens"];
    logits(tokens, &norms);
    const Json& expected = prompt["sites_last_token_l2"];
    size_t found = 0;
    for (const SiteNorm& norm : norms) {
      if (!expected.contains(norm.site)) continue;
      ++found;
      EXPECT_NEAR(norm.l2, expected[norm.site].get<double>(),
                  1e-4 * expected[norm.site].get<double>())
          << norm.site << " " << prompt["tokens"];
    }
    EXPECT_EQ(found, expected.size());
  }
}

TEST_P(ReferenceTest, GreedyContinuationsAreEqual) {
  for (const Json& prompt : prompts_) {
    engine_->reset();
    const char* key = prompt.contains("greedy24") ? "greedy24" : "greedy40";
    const std::vector<TokenId> expected = prompt[key];
    std::vector<TokenId> tokens = prompt["tokens"];
    std::vector<float> row = logits(tokens);
    std::vector<TokenId> got;
    while (got.size() < expected.size()) {
      got.push_back(static_cast<TokenId>(compute_->kernels->argmax(row.data(), row.size())));
      row = logits({&got.back(), 1});
    }
    EXPECT_EQ(got, expected) << prompt["tokens"];
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, ReferenceTest,
    ::testing::Values(ReferenceCase{"LexiNanoGguf", testdata("lexi-nano/lexi-nano-f32.gguf"),
                                    testdata("lexi-nano/reference.json")},
                      ReferenceCase{"LexiNanoFolder", testdata("lexi-nano/lexi-nano-hf"),
                                    testdata("lexi-nano/reference.json")},
                      ReferenceCase{"LexiLlamaGguf", shared("lexi-llama/lexi-llama-f32.gguf"),
                                    shared("lexi-llama/reference.json")},
                      ReferenceCase{"LexiLlamaFolder", shared("lexi-llama/lexi-llama-hf"),
                                    shared("lexi-llama/reference.json")},
                      ReferenceCase{"Stories260k", shared("stories260k/stories260k-f32.gguf"),
                                    shared("stories260k/reference.json")},
                      ReferenceCase{"Stories260kV1",
                                    shared("stories260k/stories260k-f32-ggufv1.gguf"),
                                    shared("stories260k/reference.json")}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace assay
