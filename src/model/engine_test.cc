// Engine against float64 references of an independent implementation (PyTorch, numpy): logits,
// negative log-likelihoods, site norms and greedy continuations of every llama model at hand.
#include "model/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/page_memory.h"
#include "model/heap_meter.h"

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
    auto engine = Engine::load(*model_, *compute_, {.positions_max = 128});
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    engine_ = std::move(engine).value();
    auto text = read_text_file(GetParam().reference, 1 << 20);
    ASSERT_TRUE(text.ok()) << text.status().message();
    auto json = parse_json(*text, GetParam().reference);
    ASSERT_TRUE(json.ok()) << json.status().message();
    prompts_ = (*json)["prompts"];
    ASSERT_FALSE(prompts_.empty());
    sequence_ = engine_->begin();
  }

  std::vector<float> logits(std::span<const TokenId> tokens,
                            std::vector<SiteNorm>* norms = nullptr) {
    auto result = engine_->forward(sequence_, tokens, norms);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return {result->begin(), result->end()};
  }

  std::unique_ptr<Model> model_;
  std::unique_ptr<ComputeContext> compute_;
  std::unique_ptr<Engine> engine_;
  Sequence sequence_;
  Json prompts_;
};

double l2(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

TEST_P(ReferenceTest, LogitsAgreeWithin2e4) {
  for (const Json& prompt : prompts_) {
    sequence_ = engine_->begin();
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

// Models whose references also have likelihoods and the norms of all sites.
class SiteReferenceTest : public ReferenceTest {};

TEST_P(SiteReferenceTest, NegativeLogLikelihoodsAgree) {
  for (const Json& prompt : prompts_) {
    sequence_ = engine_->begin();
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

TEST_P(SiteReferenceTest, SiteNormsAgreeWithin1e4) {
  for (const Json& prompt : prompts_) {
    sequence_ = engine_->begin();
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
    sequence_ = engine_->begin();
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

std::string case_name(const ::testing::TestParamInfo<ReferenceCase>& test) {
  return test.param.name;
}

const ReferenceCase kWithSites[] = {
    {"LexiNanoGguf", testdata("lexi-nano/lexi-nano-f32.gguf"),
     testdata("lexi-nano/reference.json")},
    {"LexiNanoFolder", testdata("lexi-nano/lexi-nano-hf"), testdata("lexi-nano/reference.json")},
    {"LexiLlamaGguf", shared("lexi-llama/lexi-llama-f32.gguf"),
     shared("lexi-llama/reference.json")},
    {"LexiLlamaFolder", shared("lexi-llama/lexi-llama-hf"), shared("lexi-llama/reference.json")}};
INSTANTIATE_TEST_SUITE_P(Models, ReferenceTest, ::testing::ValuesIn(kWithSites), case_name);
INSTANTIATE_TEST_SUITE_P(Models, SiteReferenceTest, ::testing::ValuesIn(kWithSites), case_name);

INSTANTIATE_TEST_SUITE_P(
    ElsewhereModels, ReferenceTest,
    ::testing::Values(ReferenceCase{"Stories260k", shared("stories260k/stories260k-f32.gguf"),
                                    shared("stories260k/reference.json")},
                      ReferenceCase{"Stories260kV1",
                                    shared("stories260k/stories260k-f32-ggufv1.gguf"),
                                    shared("stories260k/reference.json")}),
    case_name);

// Long inputs: families that see everything, and one whose layers have a window.
class LongContextTest : public ::testing::TestWithParam<std::string> {
 protected:
  static constexpr size_t kPositions = 4096;

  void SetUp() override {
    auto model = open_model(std::string(ASSAY_TESTDATA) + "/" + GetParam());
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::make_unique<Model>(std::move(model).value());
    auto compute = make_compute(2);
    ASSERT_TRUE(compute.ok());
    compute_ = std::make_unique<ComputeContext>(std::move(compute).value());
    for (size_t i = 0; i < kPositions; ++i) {
      tokens_.push_back(static_cast<TokenId>((i * i * 7 + i * 31) % model_->arch.vocab));
    }
  }

  // Logits of the last token, the prompt given in parts of these sizes, the last one repeated.
  std::vector<float> logits(Engine& engine, const std::vector<size_t>& parts) {
    Sequence sequence = engine.begin();
    std::vector<float> last;
    size_t part = 0;
    for (size_t at = 0; at < tokens_.size(); ++part) {
      const size_t count = std::min(parts[std::min(part, parts.size() - 1)], tokens_.size() - at);
      auto result = engine.forward(sequence, std::span(tokens_).subspan(at, count));
      EXPECT_TRUE(result.ok()) << result.status().message();
      if (!result.ok()) return {};
      last.assign(result->begin(), result->end());
      at += count;
    }
    return last;
  }

  std::unique_ptr<Model> model_;
  std::unique_ptr<ComputeContext> compute_;
  std::vector<TokenId> tokens_;
};

TEST_P(LongContextTest, BitsDependOnNoCutOfThePromptAndMemoryIsAsStated) {
  Engine::Options options = {.positions_max = kPositions};
  options.memory_bytes = Engine::memory_bytes(*model_, 2, options);
  const HeapMeter meter;
  const auto engine = Engine::load(*model_, *compute_, options);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  const std::vector<float> whole = logits(**engine, {kPositions});
  EXPECT_EQ(logits(**engine, {13}), whole);
  EXPECT_EQ(logits(**engine, {kPositions - 20, 1}), whole);
  // Beside it: maps and names of tensors, rows that are decoded to be checked, and what aligning
  // the pages to those of the system loses.
  constexpr int64_t kBeside = 256 << 10;
  const auto stated = static_cast<int64_t>(options.memory_bytes);
  EXPECT_LE(meter.peak_growth(), stated + kBeside);
  if (meter.growth() > 0) {
    EXPECT_GE(meter.growth() + kBeside, stated);
    EXPECT_LE(meter.growth(), stated + kBeside + static_cast<int64_t>(2 * PageMemory::kHugePage));
  }
  Sequence sequence = (*engine)->begin();
  ASSERT_TRUE((*engine)->forward(sequence, tokens_).ok());
  EXPECT_EQ((*engine)->forward(sequence, std::span(tokens_).first(1)).status().code(),
            Code::kResourceExhausted);
}

TEST_P(LongContextTest, MemoryGrowsByAFixedAmountAPage) {
  constexpr size_t kPage = KvPool::kPagePositions;
  const auto bytes = [&](size_t pages) {
    return Engine::memory_bytes(*model_, 2, {.positions_max = pages * kPage});
  };
  const uint64_t per_page = bytes(2) - bytes(1);
  EXPECT_EQ(bytes(1024) - bytes(1), 1023 * per_page);
  const Architecture& a = model_->arch;
  EXPECT_GE(per_page, KvPool::page_bytes(a));
  // Beside the page: its count and place in a list, angles, scores.
  EXPECT_LE(per_page, KvPool::page_bytes(a) + 8 + kPage * (12 * a.rotary_dims + 2 * 4));
  const auto refused =
      Engine::load(*model_, *compute_, {.positions_max = 32768, .memory_bytes = bytes(512)});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
}

INSTANTIATE_TEST_SUITE_P(Models, LongContextTest,
                         ::testing::Values("families/llama", "families/mistral"),
                         [](const auto& param_info) {
                           return param_info.param.substr(param_info.param.find('/') + 1);
                         });

}  // namespace
}  // namespace assay
