#include "inference/self_test.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "base/file.h"
#include "inference/batcher_testing.h"

namespace assay {
namespace {

using testing::HasSubstr;

SelfTestSubject subject_of(TestServer& server) {
  return {.batcher = &server.batcher(),
          .model = &server.model(),
          .compute = &server.compute(),
          .identity = TestServer::identity()};
}

Goldens pinned(TestServer& server, size_t count, uint64_t seed = 1) {
  Goldens goldens;
  goldens.vectors = draw_goldens(
      server.model(),
      {.context_tokens = server.batcher().context_tokens(), .count = count, .seed = seed});
  const Status status = fill_goldens(subject_of(server), goldens);
  EXPECT_TRUE(status.ok()) << status.message();
  return goldens;
}

std::vector<SelfTestResult> results_of(TestServer& server, const Goldens& goldens,
                                       const SelfTestMatrix& matrix) {
  auto results = run_self_test(subject_of(server), goldens, matrix);
  EXPECT_TRUE(results.ok()) << results.status().message();
  return results.ok() ? *results : std::vector<SelfTestResult>{};
}

size_t mismatches(const std::vector<SelfTestResult>& results) {
  return static_cast<size_t>(std::count_if(results.begin(), results.end(),
                                           [](const auto& result) { return !result.matches(); }));
}

Status refusal(TestServer& server, const Goldens& goldens, const SelfTestMatrix& matrix) {
  const auto results = run_self_test(subject_of(server), goldens, matrix);
  EXPECT_FALSE(results.ok());
  return results.ok() ? Status() : results.status();
}

// ---- Goldens ----------------------------------------------------------------------------------

// A self-test drives the engine; what it pins is what a client gets.
TEST(SelfTest, AGoldenIsTheTranscriptOfItsRequest) {
  TestServer server({.pages = 40});
  const Goldens goldens = pinned(server, 12);
  EXPECT_EQ(goldens.artifact, TestServer::identity().artifact);
  std::set<Digest> transcripts;
  for (const Golden& golden : goldens.vectors) {
    const Completion completion = server.submit(golden.request())->wait();
    ASSERT_TRUE(completion.status.ok()) << completion.status.message();
    EXPECT_EQ(completion.transcript, golden.transcript) << golden.id;
    EXPECT_EQ(completion.generated_tokens, golden.max_tokens) << golden.id;
    transcripts.insert(golden.transcript);
  }
  EXPECT_EQ(transcripts.size(), goldens.vectors.size());
}

TEST(SelfTest, DrawsTheSameGoldensEverywhereAndOthersFromAnotherSeed) {
  TestServer server({});
  const GoldenDraw draw = {.context_tokens = 1000, .count = 40, .seed = 1};
  const std::vector<Golden> first = draw_goldens(server.model(), draw);
  const std::vector<Golden> second = draw_goldens(server.model(), draw);
  const std::vector<Golden> other =
      draw_goldens(server.model(), {.context_tokens = 1000, .count = 40, .seed = 2});
  size_t longest = 0;
  size_t shortest = SIZE_MAX;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].prompt, second[i].prompt);
    EXPECT_EQ(first[i].max_tokens, second[i].max_tokens);
    EXPECT_NE(first[i].prompt, other[i].prompt);
    longest = std::max(longest, first[i].prompt.size());
    shortest = std::min(shortest, first[i].prompt.size());
  }
  EXPECT_GT(longest, 200U);
  EXPECT_LT(shortest, 13U);
  // Pinned goldens of today are those of tomorrow: prompts may not change with the program.
  Sha256 hash;
  for (const Golden& golden : first) {
    Bytes bytes;
    append_le(bytes, static_cast<uint64_t>(golden.max_tokens));
    for (const TokenId token : golden.prompt) append_le(bytes, static_cast<int32_t>(token));
    hash.update(bytes);
  }
  EXPECT_EQ(to_hex(hash.finish()),
            "58cbf8cf4908d7d4f47a07aeeaeb00eb62d875aa233f6181ebb8afee7c0d8104");
}

TEST(SelfTest, DrawsWhatAnyContextCanAnswerAndAFileCanHold) {
  TestServer server({});
  for (const size_t context : {2U, 3U, 4U, 5U, 9U, 33U, 100U, 4096U}) {
    Goldens goldens;
    goldens.vectors =
        draw_goldens(server.model(), {.context_tokens = context, .count = 60, .seed = context});
    for (const Golden& golden : goldens.vectors) {
      EXPECT_LE(golden.prompt.size() + golden.max_tokens, context);
      EXPECT_GE(golden.prompt.size(), 2U);
      EXPECT_EQ(golden.prompt[0], server.model().tokenizer->bos());
    }
    const auto read = parse_goldens(format_goldens(goldens), "drawn");
    EXPECT_TRUE(read.ok()) << read.status().message();
  }
}

// ---- What holds -------------------------------------------------------------------------------

TEST(SelfTest, EveryConfigurationGivesTheSameBits) {
  TestServer server({.threads_max = 5, .pages = 40});
  const Goldens goldens = pinned(server, 3);
  const Kernels* const kernels = server.compute().kernels;
  const ThreadPool* const pool = server.compute().pool.get();
  const SelfTestMatrix matrix = {
      .isas = isas_present(), .threads = {1, 2, 5}, .batches = {1, 7}, .chunks = {3, 64}};
  const std::vector<SelfTestResult> results = results_of(server, goldens, matrix);
  EXPECT_EQ(results.size(), 3 * isas_present().size() * 12);
  std::set<std::tuple<std::string, Isa, size_t, size_t, size_t>> run;
  for (const SelfTestResult& result : results) {
    EXPECT_TRUE(result.matches()) << result.golden << " " << isa_name(result.isa) << " "
                                  << result.threads << " " << result.batch << " " << result.chunk;
    run.emplace(result.golden, result.isa, result.threads, result.batch, result.chunk);
  }
  EXPECT_EQ(run.size(), results.size());
  EXPECT_EQ(server.compute().kernels, kernels);
  EXPECT_EQ(server.compute().pool.get(), pool);
}

TEST(SelfTest, AnEmptyAxisIsTheWayThatRequestsAreComputed) {
  TestServer server({.threads = 2, .pages = 20});
  const auto results = results_of(server, pinned(server, 1), {.batches = {1}, .chunks = {16}});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].isa, server.compute().kernels->isa);
  EXPECT_EQ(results[0].threads, 2U);
}

// It runs between the steps of requests, whose answers stay what they are.
TEST(SelfTest, RequestsGoOnMeanwhile) {
  TestServer server({.pages = 24});
  const Goldens goldens = pinned(server, 3);
  InferenceRequest request;
  request.prompt = {1, 40, 41};
  request.max_tokens = 100;
  request.ignore_end_token = true;
  const Digest alone = server.submit(request)->wait().transcript;
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  for (int i = 0; i < 8; ++i) sinks.push_back(server.submit(request));
  const auto results =
      results_of(server, goldens, {.isas = isas_present(), .batches = {1, 3}, .chunks = {5}});
  EXPECT_EQ(mismatches(results), 0U);
  for (const auto& sink : sinks) EXPECT_EQ(sink->wait().transcript, alone);
}

TEST(SelfTest, MakesDoWithFewPages) {
  Goldens one;
  one.vectors.push_back({"full", std::vector<TokenId>(100, 7), 60, {}});  // all 160 positions
  const auto result = [&one](size_t pages, size_t batch) {
    TestServer server({.pages = pages});
    EXPECT_TRUE(fill_goldens(subject_of(server), one).ok());
    return run_self_test(subject_of(server), one, {.batches = {batch}, .chunks = {64}});
  };
  EXPECT_TRUE(result(5, 1).value()[0].matches());
  EXPECT_TRUE(result(7, 3).value()[0].matches());
  EXPECT_TRUE(result(9, 3).value()[0].matches());
  EXPECT_EQ(result(6, 3).status().code(), Code::kResourceExhausted);
}

// ---- What is found ----------------------------------------------------------------------------

TEST(SelfTest, FindsAChangedGolden) {
  TestServer server({.pages = 20});
  const Goldens good = pinned(server, 4);
  const SelfTestMatrix matrix = {.batches = {1, 2}, .chunks = {16}};
  EXPECT_EQ(mismatches(results_of(server, good, matrix)), 0U);
  Goldens changed = good;
  changed.vectors[2].transcript[31] ^= 1;
  for (const SelfTestResult& result : results_of(server, changed, matrix)) {
    EXPECT_EQ(result.matches(), result.golden != changed.vectors[2].id);
  }
  changed = good;
  changed.vectors[1].prompt.back() ^= 1;
  for (const SelfTestResult& result : results_of(server, changed, matrix)) {
    EXPECT_EQ(result.matches(), result.golden != changed.vectors[1].id);
  }
  changed = good;
  ++changed.vectors[0].max_tokens;
  EXPECT_EQ(mismatches(results_of(server, changed, matrix)), 2U);
}

TEST(SelfTest, FindsAKernelWhoseBitsDependOnTheBatch) {
  TestServer server({.pages = 40, .file = "lexi-nano-f32.gguf"});
  const Goldens goldens = pinned(server, 3);
  const Kernels* const careful = server.compute().kernels;
  const Kernels careless = careless_kernels();
  ASSERT_TRUE(
      server.batcher().exclusive(0, [&](Engine&) { server.compute().kernels = &careless; }).ok());
  for (const SelfTestResult& result :
       results_of(server, goldens, {.batches = {1, 4}, .chunks = {1}})) {
    EXPECT_EQ(result.matches(), result.batch == 1) << result.golden;
  }
  EXPECT_EQ(mismatches(results_of(server, goldens, {.batches = {1}, .chunks = {8}})), 3U);
  ASSERT_TRUE(
      server.batcher().exclusive(0, [&](Engine&) { server.compute().kernels = careful; }).ok());
}

TEST(SelfTest, FindsABitThatFlippedInTheWeights) {
  TestServer server({.pages = 40, .file = "lexi-nano-f32.gguf"});
  const Goldens goldens = pinned(server, 4);
  const SelfTestMatrix matrix = {.batches = {1}, .chunks = {32}};
  std::string matrix_name;
  for (const BoundTensor& tensor : server.model().tensors) {
    if (tensor.role == TensorRole::kFfnDown) matrix_name = tensor.name;
  }
  ASSERT_FALSE(matrix_name.empty());
  const auto flip = [&](size_t bit) {
    EXPECT_TRUE(
        server.batcher()
            .exclusive(0,
                       [&](Engine& engine) { engine.flip_weight_bit_for_test(matrix_name, bit); })
            .ok());
  };
  for (const size_t bit : {0U, 22U, 31U}) {  // the last of the significand, its first, the sign
    flip(bit);
    EXPECT_GT(mismatches(results_of(server, goldens, matrix)), 0U) << "bit " << bit;
    flip(bit);
    EXPECT_EQ(mismatches(results_of(server, goldens, matrix)), 0U) << "bit " << bit;
  }
}

// ---- What is refused --------------------------------------------------------------------------

TEST(SelfTest, RefusesGoldensOfAnotherModelOrNone) {
  TestServer server({.pages = 20});
  Goldens goldens = pinned(server, 1);
  const SelfTestMatrix matrix = {.batches = {1}, .chunks = {16}};
  goldens.artifact = sha256("another");
  Status status = refusal(server, goldens, matrix);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(to_hex(sha256("another"))));
  EXPECT_THAT(status.message(), HasSubstr(to_hex(TestServer::identity().artifact)));
  goldens.vectors.clear();
  EXPECT_EQ(refusal(server, goldens, matrix).code(), Code::kFailedPrecondition);
}

TEST(SelfTest, RefusesWhatItCannotRun) {
  TestServer server({.threads = 2, .threads_max = 4, .pages = 400, .batch_tokens = 16});
  const Goldens goldens = pinned(server, 1);
  const auto expect = [&](const SelfTestMatrix& matrix, const char* words) {
    const Status status = refusal(server, goldens, matrix);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << words;
    EXPECT_THAT(status.message(), HasSubstr(words));
  };
  const std::vector<size_t> one = {1};
  const std::vector<Isa>& present = isas_present();
  for (const Isa isa : {Isa::kNeon, Isa::kAvx2}) {
    if (std::find(present.begin(), present.end(), isa) != present.end()) continue;
    expect({.isas = {isa}, .batches = one, .chunks = one}, "instruction set");
  }
  expect({.threads = {0}, .batches = one, .chunks = one}, "threads = 0; expected 1 to 4");
  expect({.threads = {5}, .batches = one, .chunks = one}, "threads = 5; expected 1 to 4");
  expect({.batches = {0}, .chunks = one}, "batch = 0; expected 1 to 64");
  expect({.batches = {65}, .chunks = one}, "batch = 65; expected 1 to 64");
  expect({.batches = {17}, .chunks = one}, "batch = 17 sequences");
  expect({.batches = one, .chunks = {0}}, "chunk = 0");
  expect({.batches = {}, .chunks = one}, "no batch");
  expect({.batches = one, .chunks = {}}, "no chunk");
  const std::vector<size_t> many(65, 1);
  expect({.batches = many, .chunks = many}, "4096 runs");
  EXPECT_EQ(results_of(server, goldens, {.batches = {16}, .chunks = {1}}).size(), 1U);
}

TEST(SelfTest, RefusesAGoldenThatTheModelCannotAnswer) {
  TestServer server({.positions_max = 40, .pages = 20});
  const auto expect = [&](const Golden& golden, const char* words) {
    Goldens goldens;
    goldens.vectors = {golden};
    const Status status = fill_goldens(subject_of(server), goldens);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("golden g:"));
    EXPECT_THAT(status.message(), HasSubstr(words));
  };
  expect({"g", {1, 1 << 20}, 1, {}}, "token");
  expect({"g", std::vector<TokenId>(40, 1), 1, {}}, "context of 40 tokens");
}

TEST(SelfTest, StopsWhenAsked) {
  TestServer server({.pages = 20});
  const Goldens goldens = pinned(server, 4);
  size_t asked = 0;
  const auto results = run_self_test(subject_of(server), goldens,
                                     {.isas = {Isa::kScalar}, .batches = {1}, .chunks = {16}},
                                     [&asked] { return ++asked == 3; });
  EXPECT_EQ(results.status().code(), Code::kCancelled);
  EXPECT_EQ(asked, 3U);
}

}  // namespace
}  // namespace assay
