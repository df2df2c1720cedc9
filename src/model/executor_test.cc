// The proof matrix of 02-determinism: one real model over instruction sets, threads, batches and
// prefill chunks gives one hash; arithmetic that the profile forbids gives another (the negative
// control).
#include "model/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/engine.h"

namespace assay {
namespace {

// Fixed when the profile was: if it moves, the profile has changed its name or the code has a
// defect.
constexpr std::string_view kGoldenFile = ASSAY_TESTDATA "/golden/lexi-nano-logits.txt";

class DeterminismTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = open_model(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-q8_0.gguf");
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::make_unique<Model>(std::move(model).value());
    for (TokenId i = 0; i < 48; ++i) prompt_.push_back(3 + (i * i * 7 + i * 31) % 1000);
  }

  ComputeContext compute_with(const Kernels& kernels, size_t threads) {
    ComputeContext compute;
    compute.kernels = &kernels;
    compute.pool = std::make_unique<ThreadPool>(threads);
    return compute;
  }

  // Hash of the logits after the prompt and after four greedy tokens.
  std::string engine_hash(ComputeContext& compute, size_t chunk) {
    auto engine = Engine::load(*model_, compute, {.positions_max = 64, .batch_tokens = chunk});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    Sequence sequence = (*engine)->begin();
    Sha256 hash;
    std::vector<TokenId> next = prompt_;
    for (int step = 0; step < 5; ++step) {
      auto logits = (*engine)->forward(sequence, next);
      EXPECT_TRUE(logits.ok()) << logits.status().message();
      hash.update(as_bytes(*logits));
      next = {static_cast<TokenId>(compute.kernels->argmax(logits->data(), logits->size()))};
    }
    return to_hex(hash.finish());
  }

  // Logits of every token of the prompt through the streaming executor, with `batch` copies of the
  // prompt cut to different lengths around it and the given memory.
  std::string executor_hash(ComputeContext& compute, size_t batch, const ExecutionPlan& plan) {
    PanelStream stream(plan.buffer_bytes);
    auto executor = StreamingExecutor::create(*model_, compute, stream,
                                              {.plan = &plan,
                                               .sequence_tokens_max = prompt_.size(),
                                               .scratch_folder = ::testing::TempDir()});
    EXPECT_TRUE(executor.ok()) << executor.status().message();
    StreamingExecutor& e = **executor;
    StreamingExecutor::Wave wave;
    for (size_t i = 0; i < batch; ++i) {
      const size_t length = i == batch / 2 ? prompt_.size() : 1 + (i * 13) % prompt_.size();
      wave.sequences.emplace_back(prompt_.begin(),
                                  prompt_.begin() + static_cast<std::ptrdiff_t>(length));
    }
    std::vector<size_t> lengths;
    for (const auto& sequence : wave.sequences) lengths.push_back(sequence.size());
    wave.tiles = cut_tiles(lengths, plan.tile_tokens);
    wave.head_tiles = cut_tiles(lengths, plan.head_tile_tokens);
    const std::vector<SequenceTile> head_tiles = wave.head_tiles;
    EXPECT_TRUE(e.begin(std::move(wave)).ok());
    for (size_t s = 0; s < segment_count(*model_); ++s) e.enqueue(s);
    for (size_t s = 0; s < segment_count(*model_); ++s) EXPECT_TRUE(e.run(s).ok());
    e.begin_head(e.head_fits());
    std::string hash;
    for (size_t t = 0; t < head_tiles.size(); ++t) {
      e.enqueue_head(t);
      auto logits = e.logits(t);
      EXPECT_TRUE(logits.ok());
      size_t row = 0;
      for (size_t s = 0; s < head_tiles[t].sequences; ++s) {
        const size_t sequence = head_tiles[t].first_sequence + s;
        if (sequence == batch / 2) {
          hash = to_hex(sha256(as_bytes(
              logits->subspan(row * model_->arch.vocab, e.length(sequence) * model_->arch.vocab))));
        }
        row += e.length(sequence);
      }
    }
    e.end_head();
    return hash;
  }

  std::unique_ptr<Model> model_;
  std::vector<TokenId> prompt_;
};

TEST_F(DeterminismTest, OneHashOverInstructionSetsThreadsAndChunks) {
  std::set<std::string> hashes;
  for (const Isa isa : isas_present()) {
    for (const size_t threads : {1UL, 2UL, 4UL, 7UL}) {
      ComputeContext compute = compute_with(kernels_for(isa), threads);
      for (const size_t chunk : {1UL, 5UL, 16UL, 48UL}) hashes.insert(engine_hash(compute, chunk));
    }
  }
  ASSERT_EQ(hashes.size(), 1U);
  auto golden = read_text_file(std::string(kGoldenFile), 4096);
  ASSERT_TRUE(golden.ok()) << golden.status().message();
  EXPECT_EQ(*hashes.begin() + "\n", *golden);
}

TEST_F(DeterminismTest, OneHashOverBatchesTilesAndBuffers) {
  const uint64_t row = row_bytes(DType::kF32, 192);
  const std::vector<ExecutionPlan> plans = {
      {.buffer_bytes = 1 << 20, .tile_tokens = 512, .head_tile_tokens = 512},
      {.buffer_bytes = 1 << 20,
       .tile_tokens = 48,
       .head_tile_tokens = 48,
       .residuals_spilled = true},
      {.buffer_bytes = 7 * row, .tile_tokens = 100, .head_tile_tokens = 48},
      {.buffer_bytes = row, .tile_tokens = 48, .head_tile_tokens = 48, .residuals_spilled = true}};
  std::set<std::string> hashes;
  for (const Isa isa : isas_present()) {
    for (const size_t threads : {1UL, 2UL, 4UL, 7UL}) {
      ComputeContext compute = compute_with(kernels_for(isa), threads);
      for (const size_t batch : {1UL, 3UL, 8UL}) {
        for (const ExecutionPlan& plan : plans) hashes.insert(executor_hash(compute, batch, plan));
      }
    }
  }
  EXPECT_EQ(hashes.size(), 1U);
}

TEST_F(DeterminismTest, ExecutorAndEngineAgree) {
  ComputeContext compute = compute_with(kernels_for(isas_present().back()), 2);
  auto engine = Engine::load(*model_, compute, {.positions_max = 64});
  ASSERT_TRUE(engine.ok());
  Sequence sequence = (*engine)->begin();
  Sha256 hash;
  for (const TokenId token : prompt_) {
    auto logits = (*engine)->forward(sequence, {&token, 1});
    ASSERT_TRUE(logits.ok());
    hash.update(as_bytes(*logits));
  }
  const ExecutionPlan plan{.buffer_bytes = 1 << 20, .tile_tokens = 512, .head_tile_tokens = 512};
  EXPECT_EQ(to_hex(hash.finish()), executor_hash(compute, 3, plan));
}

// Attention with an online softmax that follows blocks of four positions: fewer passes, other
// roundings.
void attend_online(const Kernels::AttendArgs& a) {
  std::vector<float> sum(a.head_dim, 0.0F);
  float most = -3e38F;
  float norm = 0;
  const Kernels& scalar = kernels_for(Isa::kScalar);
  const auto row = [&](const float* rows, size_t stride, size_t p) {
    const size_t at = a.page_first + p;
    return rows + a.pages[at / kAttendPagePositions] * a.page_stride +
           at % kAttendPagePositions * stride;
  };
  for (size_t begin = 0; begin < a.positions; begin += 4) {
    const size_t end = std::min(begin + 4, a.positions);
    float block_most = most;
    for (size_t p = begin; p < end; ++p) {
      a.scores[p] = scalar.dot(a.q, row(a.k, a.k_stride, p), a.head_dim) * a.scale;
      block_most = std::max(block_most, a.scores[p]);
    }
    float shift = most - block_most;
    float rescale = 0;
    scalar.exp(&shift, &rescale, 1);
    for (float& x : sum) x *= rescale;
    norm *= rescale;
    most = block_most;
    for (size_t p = begin; p < end; ++p) {
      float x = a.scores[p] - most;
      float weight = 0;
      scalar.exp(&x, &weight, 1);
      norm += weight;
      const float* const v = row(a.v, a.v_stride, p);
      for (size_t j = 0; j < a.head_dim; ++j) sum[j] += weight * v[j];
    }
  }
  for (size_t j = 0; j < a.head_dim; ++j) a.out[j] = sum[j] / norm;
}

TEST_F(DeterminismTest, NegativeControlOnlineSoftmaxHasAnotherHash) {
  Kernels forbidden = kernels_for(Isa::kScalar);
  forbidden.attend = &attend_online;
  ComputeContext good = compute_with(kernels_for(Isa::kScalar), 1);
  ComputeContext bad = compute_with(forbidden, 1);
  EXPECT_NE(engine_hash(good, 48), engine_hash(bad, 48));
}

}  // namespace
}  // namespace assay
