// Many sequences of one Engine: whatever schedule computes them, each has the bits that it has
// alone.
#include "model/sequence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "model/engine_testing.h"

namespace assay {
namespace {

using Rows = std::vector<std::vector<float>>;  // logits of each token

// A sequence alone, in one step.
Rows alone(const Model& model, ComputeContext& compute, const std::vector<TokenId>& tokens,
           size_t positions_max) {
  const auto engine =
      load(model, compute, {.positions_max = positions_max, .batch_tokens = tokens.size()});
  Sequence sequence = engine->begin();
  Rows rows;
  const Engine::Work work = {&sequence, tokens, 0};
  const Status status = engine->step({&work, 1}, [&](const Engine::LogitsTile& tile) {
    for (size_t i = 0; i < tile.rows.size(); ++i) {
      const float* const row = tile.logits + i * model.arch.vocab;
      rows.emplace_back(row, row + model.arch.vocab);
    }
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(rows.size(), tokens.size());
  return rows;
}

std::vector<TokenId> random_tokens(Prng& prng, const Model& model, size_t count) {
  std::vector<TokenId> tokens(count);
  for (TokenId& id : tokens) id = static_cast<TokenId>(prng.below(model.arch.vocab));
  return tokens;
}

// One of the sequences of a schedule: what it shall compute, and how far it has come.
struct Request {
  std::vector<TokenId> tokens;
  Rows expected;
  Sequence sequence;
  bool done = false;  // its pages may be gone by then
};

size_t common_pages(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return static_cast<size_t>(end - a.begin()) / kPage;
}

// Steps of random sequences, chunks and wanted rows; random sequences lose their pages and begin
// again, with pages of others where these have the same tokens.
class Schedule {
 public:
  Schedule(const Model& model, Engine& engine, uint64_t seed)
      : model_(model), engine_(engine), prng_(seed) {}

  void add(std::vector<TokenId> tokens, Rows expected) {
    requests_.push_back({std::move(tokens), std::move(expected), engine_.begin()});
  }

  void run() {
    size_t steps = 0;
    while (
        !std::all_of(requests_.begin(), requests_.end(), [](const Request& r) { return r.done; })) {
      ASSERT_LT(++steps, 2000U);
      if (prng_.below(8) == 0) restart(prng_.below(requests_.size()));
      step();
      if (testing::Test::HasFailure()) return;
    }
    for (Request& request : requests_) request.sequence = engine_.begin();
    EXPECT_EQ(engine_.pool().pages_free(), engine_.pool().pages());
    EXPECT_GT(shared_, 0U);
    EXPECT_GT(exhausted_, 0U);
  }

 private:
  void restart(size_t index) {
    Request& request = requests_[index];
    request.sequence = engine_.begin();
    if (request.done) return;
    for (const Request& other : requests_) {
      // At least one token is left to compute.
      const size_t pages =
          std::min({common_pages(request.tokens, other.tokens), other.sequence.positions() / kPage,
                    (request.tokens.size() - 1) / kPage});
      if (&other == &request || pages == 0) continue;
      request.sequence = engine_.begin(other.sequence.pages().first(pages));
      EXPECT_EQ(request.sequence.positions(), pages * kPage);
      ++shared_;
      return;
    }
  }

  void step() {
    std::vector<Engine::Work> works;
    std::vector<size_t> begins;
    std::vector<Request*> who;
    size_t room = engine_.batch_tokens();
    for (Request& request : requests_) {
      const size_t left = request.tokens.size() - request.sequence.positions();
      if (request.done || room == 0 || prng_.below(3) == 0) continue;
      const size_t most = std::min({left, room, size_t{1} + prng_.below(3) * 20});
      const size_t count = 1 + prng_.below(most);
      works.push_back({&request.sequence,
                       std::span(request.tokens).subspan(request.sequence.positions(), count),
                       prng_.below(count + 1)});
      begins.push_back(request.sequence.positions());
      who.push_back(&request);
      room -= count;
    }
    if (works.empty()) return;
    size_t wanted = 0;
    for (const Engine::Work& work : works) wanted += work.tokens.size() - work.logits_from;
    size_t seen = 0;
    const Status status = engine_.step(works, [&](const Engine::LogitsTile& tile) {
      for (size_t i = 0; i < tile.rows.size(); ++i) {
        const auto [work, token] = tile.rows[i];
        const std::vector<float>& expected = who[work]->expected[begins[work] + token];
        const float* const row = tile.logits + i * model_.arch.vocab;
        EXPECT_EQ(std::vector<float>(row, row + model_.arch.vocab), expected);
        EXPECT_GE(token, works[work].logits_from);
        ++seen;
      }
    });
    if (status.code() == Code::kResourceExhausted) {
      ++exhausted_;
      for (size_t i = 0; i < who.size(); ++i) {
        EXPECT_EQ(who[i]->sequence.positions(), begins[i]);
      }
      restart(prng_.below(requests_.size()));
      return;
    }
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(seen, wanted);
    for (size_t i = 0; i < who.size(); ++i) {
      EXPECT_EQ(who[i]->sequence.positions(), begins[i] + works[i].tokens.size());
      who[i]->done = who[i]->sequence.positions() == who[i]->tokens.size();
    }
  }

  const Model& model_;
  Engine& engine_;
  Prng prng_;
  std::vector<Request> requests_;
  size_t shared_ = 0;
  size_t exhausted_ = 0;
};

class BatchTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BatchTest, BitsDependOnNoSchedule) {
  const std::unique_ptr<Model> model = open(GetParam());
  ASSERT_NE(model, nullptr);
  size_t positions = 4 * kPage;
  if (model->arch.context_max != 0)
    positions = std::min<size_t>(positions, model->arch.context_max);
  const size_t half = positions / 2;
  Prng prng(20);
  std::vector<std::vector<TokenId>> sequences;
  for (int family = 0; family < 3; ++family) {
    const std::vector<TokenId> prefix =
        random_tokens(prng, *model, kPage + prng.below(half - kPage + 1));
    for (int i = 0; i < 3; ++i) {
      std::vector<TokenId> tokens = prefix;
      for (const TokenId id : random_tokens(prng, *model, 1 + prng.below(half))) {
        tokens.push_back(id);
      }
      sequences.push_back(std::move(tokens));
    }
  }
  ComputeContext one = compute_with(1);
  std::vector<Rows> expected;
  for (const auto& tokens : sequences) expected.push_back(alone(*model, one, tokens, positions));

  const uint64_t row = sizeof(float) * model->arch.vocab;
  for (const size_t threads : {1UL, 3UL}) {
    for (const bool streams : {false, true}) {
      SCOPED_TRACE(std::to_string(threads) + (streams ? " threads, streamed" : " threads"));
      ComputeContext compute = compute_with(threads);
      // Too few pages for all of them, and tiles of a few rows.
      const auto engine = load(*model, compute,
                               {.positions_max = positions,
                                .pages = 2 + 2 * KvPool::pages_for(positions),
                                .batch_tokens = 40,
                                .streams = streams,
                                .logits_bytes = 7 * row});
      ASSERT_NE(engine, nullptr);
      Schedule schedule(*model, *engine, threads + 10 * streams);
      for (size_t i = 0; i < sequences.size(); ++i) schedule.add(sequences[i], expected[i]);
      schedule.run();
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, BatchTest,
                         ::testing::Values("families/llama", "families/mistral", "families/gemma2",
                                           "families/gemma3-six", "families/phi3-longrope",
                                           "families/falcon", "families/gpt2", "families/qwen3",
                                           "models/lexi-nano/lexi-nano-q4_0.gguf"),
                         model_test_name);

// Encoders see whole sequences, but several in a step.
class EncoderBatchTest : public ::testing::TestWithParam<std::string> {};

TEST_P(EncoderBatchTest, SequencesOfAStepDoNotSeeEachOther) {
  const std::unique_ptr<Model> model = open(GetParam());
  ASSERT_NE(model, nullptr);
  ComputeContext compute = compute_with(2);
  constexpr size_t kPositions = 20;
  const auto engine =
      load(*model, compute, {.positions_max = kPositions, .batch_tokens = 3 * kPositions});
  Prng prng(21);
  std::vector<std::vector<TokenId>> tokens;
  std::vector<Sequence> sequences;
  std::vector<Engine::Work> works;
  for (const size_t count : {5U, 20U, 13U}) {
    tokens.push_back(random_tokens(prng, *model, count));
    sequences.push_back(engine->begin());
  }
  for (size_t i = 0; i < tokens.size(); ++i) works.push_back({&sequences[i], tokens[i], 0});
  std::vector<Rows> got(tokens.size());
  const Status status = engine->step(works, [&](const Engine::LogitsTile& tile) {
    for (size_t i = 0; i < tile.rows.size(); ++i) {
      const float* const row = tile.logits + i * model->arch.vocab;
      got[tile.rows[i].work].emplace_back(row, row + model->arch.vocab);
    }
  });
  ASSERT_TRUE(status.ok()) << status.message();
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(got[i], alone(*model, compute, tokens[i], kPositions));
  }
  EXPECT_EQ(engine->step({works.data(), 1}, {}).code(), Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Models, EncoderBatchTest,
                         ::testing::Values("families/bert", "families/t5"), model_test_name);

class StepTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr size_t kPositions = 3 * kPage;

  void SetUp() override {
    model_ = open("families/llama");
    ASSERT_NE(model_, nullptr);
    compute_ = compute_with(2);
    engine_ = load(*model_, compute_,
                   {.positions_max = kPositions,
                    .pages = 4,
                    .batch_tokens = 2 * kPage,
                    .streams = GetParam()});
    ASSERT_NE(engine_, nullptr);
    Prng prng(22);
    tokens_ = random_tokens(prng, *model_, kPositions);
  }

  std::vector<float> forward(Sequence& sequence, size_t begin, size_t count) {
    const auto logits = engine_->forward(sequence, std::span(tokens_).subspan(begin, count));
    EXPECT_TRUE(logits.ok()) << logits.status().message();
    return logits.ok() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
  }

  std::unique_ptr<Model> model_;
  ComputeContext compute_;
  std::unique_ptr<Engine> engine_;
  std::vector<TokenId> tokens_;
};

INSTANTIATE_TEST_SUITE_P(Weights, StepTest, ::testing::Bool(), [](const auto& param_info) {
  return std::string(param_info.param ? "Streamed" : "Resident");
});

TEST_P(StepTest, AStoppedStepMovesNothing) {
  Sequence a = engine_->begin();
  Sequence b = engine_->begin();
  const std::vector<float> expected = forward(a, 0, kPage + 3);
  a = engine_->begin();
  forward(a, 0, kPage - 2);
  const size_t free = engine_->pool().pages_free();
  const Engine::Work works[] = {{&a, std::span(tokens_).subspan(kPage - 2, 5), 4},
                                {&b, std::span(tokens_).first(9), 0}};
  size_t asked = 0;
  bool finished = false;
  for (size_t stop_at = 0; !finished; ++stop_at) {
    asked = 0;
    std::vector<float> got;
    const Status status = engine_->step(
        works,
        [&](const Engine::LogitsTile& tile) {
          EXPECT_EQ(tile.rows.front().token, 4U);
          got.assign(tile.logits, tile.logits + model_->arch.vocab);
        },
        [&] { return asked++ == stop_at; });
    finished = status.ok();
    if (finished) {
      EXPECT_EQ(got, expected);
      continue;
    }
    ASSERT_EQ(status.code(), Code::kCancelled) << status.message();
    ASSERT_EQ(a.positions(), kPage - 2);
    ASSERT_EQ(a.pages().size(), 1U);
    ASSERT_EQ(b.positions(), 0U);
    ASSERT_EQ(b.pages().size(), 0U);
    ASSERT_EQ(engine_->pool().pages_free(), free);
  }
  // Between all segments and before the head.
  EXPECT_GT(asked, 2 * model_->arch.layers);
  EXPECT_EQ(a.positions(), kPage + 3);
  EXPECT_EQ(b.positions(), 9U);
}

TEST_P(StepTest, WhatDoesNotFitIsRefusedAndMovesNothing) {
  Sequence a = engine_->begin();
  Sequence b = engine_->begin();
  Sequence c = engine_->begin();
  const std::vector<float> first = forward(a, 0, kPage);
  forward(b, 0, 2 * kPage);
  EXPECT_EQ(engine_->pages_needed(a, 1), 1U);
  EXPECT_EQ(engine_->pages_needed(c, 2 * kPage), 2U);
  EXPECT_EQ(engine_->pool().pages_free(), 1U);
  const std::span<const TokenId> one(&tokens_[kPage], 1);
  const Engine::Work both[] = {{&a, one, 0}, {&c, std::span(tokens_).first(1), 0}};
  EXPECT_EQ(engine_->step(both, {}).code(), Code::kResourceExhausted);
  EXPECT_EQ(a.positions(), kPage);
  EXPECT_EQ(a.pages().size(), 1U);
  EXPECT_EQ(engine_->pool().pages_free(), 1U);
  b = engine_->begin();
  EXPECT_TRUE(engine_->step(both, {}).ok());

  const auto refused = [&](Sequence& sequence, std::vector<TokenId> tokens) {
    const Engine::Work work = {&sequence, tokens, 0};
    const size_t before = sequence.positions();
    const Code code = engine_->step({&work, 1}, {}).code();
    EXPECT_EQ(sequence.positions(), before);
    return code;
  };
  EXPECT_EQ(refused(b, {}), Code::kInvalidArgument);
  EXPECT_EQ(refused(b, {-1}), Code::kInvalidArgument);
  EXPECT_EQ(refused(b, {1, static_cast<TokenId>(model_->arch.vocab)}), Code::kInvalidArgument);
  EXPECT_EQ(refused(b, std::vector<TokenId>(2 * kPage + 1, 1)), Code::kInvalidArgument);
  EXPECT_EQ(refused(a, std::vector<TokenId>(2 * kPage, 1)), Code::kResourceExhausted);
  EXPECT_EQ(engine_->step({}, {}).code(), Code::kInvalidArgument);

  // None of it has harmed the sequence.
  Sequence again = engine_->begin();
  a = engine_->begin();
  c = engine_->begin();
  EXPECT_EQ(forward(again, 0, kPage), first);
}

TEST_P(StepTest, PagesOutliveTheSequenceThatComputedThem) {
  Sequence first = engine_->begin();
  const std::vector<float> expected = forward(first, 0, 2 * kPage + 1);
  std::vector<uint32_t> pages(first.pages().begin(), first.pages().begin() + 2);
  for (const uint32_t page : pages) engine_->pool().share(page);
  first = engine_->begin();
  EXPECT_EQ(engine_->pool().pages_free(), 2U);

  Sequence second = engine_->begin(pages);
  EXPECT_EQ(second.positions(), 2 * kPage);
  EXPECT_EQ(forward(second, 2 * kPage, 1), expected);
  for (const uint32_t page : pages) engine_->pool().release(page);
  EXPECT_EQ(engine_->pool().pages_free(), 1U);
  second = engine_->begin();
  EXPECT_EQ(engine_->pool().pages_free(), 4U);
}

}  // namespace
}  // namespace assay
