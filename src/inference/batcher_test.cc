#include "inference/batcher.h"

#include <algorithm>
#include <set>

#include "inference/batcher_testing.h"

namespace assay {
namespace {

constexpr size_t kPage = KvPool::kPagePositions;

InferenceRequest generate_request(size_t tokens) {
  InferenceRequest request;
  request.prompt = {1, 40, 41, 42};
  request.max_tokens = tokens;
  request.ignore_end_token = true;
  return request;
}

Digest answer_alone(const InferenceRequest& request, const TestServerOptions& options = {}) {
  TestServer server(options);
  const Completion completion = server.submit(request)->wait();
  EXPECT_TRUE(completion.status.ok()) << completion.status.message();
  return completion.transcript;
}

// ---- One request ------------------------------------------------------------------------------

// Against the engine itself, one token at a time, with the sampler alone.
TEST(Batcher, GeneratesWhatTheEngineAndTheSamplerGive) {
  TestServer server({});
  const InferenceRequest request = generate_request(20);
  const auto sink = server.submit(request);
  ASSERT_TRUE(sink->wait().status.ok());

  auto compute = make_compute(1).value();
  auto engine = Engine::load(server.model(), compute, {.positions_max = 40}).value();
  Sequence sequence = engine->begin();
  std::vector<TokenId> next = request.prompt;
  std::vector<TokenId> tokens;
  std::vector<Digest> digests;
  SamplerScratch scratch;
  while (tokens.size() < 20) {
    const auto logits = engine->forward(sequence, next).value();
    digests.push_back(sha256(as_bytes(logits)));
    tokens.push_back(sample(logits, request.sampling, sequence.positions(), scratch));
    next = {tokens.back()};
  }
  EXPECT_EQ(sink->generated(), tokens);
  const auto steps = sink->steps();
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(steps[i].logits_digest, digests[i]);
    EXPECT_EQ(steps[i].position, request.prompt.size() + i);
  }
  const Completion completion = sink->wait();
  EXPECT_EQ(completion.reason, FinishReason::kLength);
  EXPECT_EQ(completion.prompt_tokens, 4U);
  EXPECT_EQ(completion.generated_tokens, 20U);
}

// What is scored is what generation chose from: the same rows.
TEST(Batcher, ScoringATextGivesTheRowsOfGeneratingIt) {
  TestServer server({});
  const auto generated = server.submit(generate_request(30));
  ASSERT_TRUE(generated->wait().status.ok());
  InferenceRequest score;
  score.prompt = generate_request(0).prompt;
  for (const TokenId token : generated->generated()) score.prompt.push_back(token);
  score.score_prompt = true;
  const auto scored = server.submit(score);
  ASSERT_TRUE(scored->wait().status.ok());
  const auto want = generated->steps();
  const auto got = scored->steps();
  ASSERT_EQ(got.size(), score.prompt.size() - 1);
  for (size_t i = 0; i < want.size(); ++i) {
    const TokenStep& step = got[got.size() - want.size() + i];
    EXPECT_EQ(step.token, want[i].token);
    EXPECT_EQ(step.position, want[i].position);
    EXPECT_EQ(step.logits_digest, want[i].logits_digest);
    EXPECT_EQ(step.log_probability, want[i].log_probability);
    EXPECT_TRUE(step.is_prompt);
  }
}

TEST(Batcher, StopsAtAStopTextAndBeforeIt) {
  TestServer server({});
  InferenceRequest request = generate_request(60);
  request.sampling = {.temperature = 1, .seed = 3};
  const std::string whole = server.submit(request)->text();
  ASSERT_GT(whole.size(), 12U);
  request.stop = {whole.substr(8, 3)};
  const auto sink = server.submit(request);
  EXPECT_EQ(sink->wait().reason, FinishReason::kStop);
  EXPECT_EQ(sink->text(), whole.substr(0, whole.find(request.stop[0])));
  EXPECT_LT(sink->generated().size(), 60U);
}

TEST(Batcher, EndsAtTheEndOfTheContext) {
  TestServer server({.positions_max = 40});
  const auto sink = server.submit(generate_request(1000));
  EXPECT_EQ(sink->wait().reason, FinishReason::kLength);
  EXPECT_EQ(sink->generated().size(), 36U);
}

TEST(Batcher, RefusesWhatItCannotDo) {
  TestServer server({.positions_max = 40});
  const auto refused = [&](const InferenceRequest& request, const char* word) {
    const auto ticket = server.batcher().submit(request, std::make_shared<CollectingSink>());
    ASSERT_FALSE(ticket.ok()) << word;
    EXPECT_EQ(ticket.status().code(), Code::kInvalidArgument);
    EXPECT_NE(ticket.status().message().find(word), std::string::npos) << ticket.status().message();
  };
  InferenceRequest request = generate_request(5);
  request.prompt.clear();
  refused(request, "prompt");
  request.prompt.assign(40, 1);
  refused(request, "context");
  request = generate_request(5);
  request.prompt.push_back(-1);
  refused(request, "token -1");
  request = generate_request(0);
  refused(request, "max_tokens");
  request = generate_request(5);
  request.alternatives = 21;
  refused(request, "log-probabilities");
  request = generate_request(5);
  request.sampling.temperature = -1;
  refused(request, "temperature");
  request = generate_request(5);
  request.stop = {""};
  refused(request, "stop");
}

// ---- The bits of an answer --------------------------------------------------------------------

struct Load {
  const char* name;
  TestServerOptions options;
};

void PrintTo(const Load& load, std::ostream* out) { *out << load.name; }

class BatcherBits : public testing::TestWithParam<Load> {};

// One request among 128 random ones, again and again, under all kinds of pressure: one transcript.
TEST_P(BatcherBits, ANeedleAmong128HasOneTranscript) {
  Prng prng(7);
  InferenceRequest needle = draw_request(prng, 256, 100);
  needle.max_tokens = 10;
  needle.score_prompt = true;
  needle.sampling = {.temperature = 0.9, .top_k = 50, .top_p = 0.95, .seed = 5};
  const Digest alone = answer_alone(needle);
  TestServer server(GetParam().options);
  const size_t repeats = 25;  // times eight loads: 200
  for (size_t repeat = 0; repeat < repeats; ++repeat) {
    std::vector<std::shared_ptr<CollectingSink>> others;
    std::shared_ptr<CollectingSink> found;
    const size_t place = prng.below(128);
    for (size_t i = 0; i < 128; ++i) {
      if (i == place) found = server.submit(needle);
      others.push_back(server.submit(draw_request(prng, 256, 100)));
    }
    const Completion completion = found->wait();
    ASSERT_TRUE(completion.status.ok()) << completion.status.message();
    ASSERT_EQ(completion.transcript, alone) << "repeat " << repeat;
    for (const auto& other : others) ASSERT_TRUE(other->wait().status.ok());
    for (const auto& other : others) ASSERT_EQ(other->finishes(), 1);
  }
  if (std::string_view(GetParam().name) == "FewPages") {
    EXPECT_GT(server.batcher().stats().recomputations, 10U);
  }
  if (GetParam().options.batching.sharing == PrefixSharing::kAll) {
    EXPECT_GT(server.batcher().stats().shared_tokens, 100U);
  }
}

BatcherOptions batching(size_t running_max, PrefixSharing sharing = PrefixSharing::kAll) {
  return {.running_max = running_max, .sharing = sharing};
}

INSTANTIATE_TEST_SUITE_P(
    Loads, BatcherBits,
    testing::Values(
        Load{"Wide", {.pages = 400, .batching = batching(64)}},
        Load{"OneAtATime", {.pages = 400, .batching = batching(1)}},
        Load{"FewPages", {.pages = 8, .batching = batching(64)}},
        Load{"SmallSteps", {.pages = 400, .batch_tokens = 3, .batching = batching(64)}},
        Load{"LargeSteps", {.pages = 400, .batch_tokens = 256, .batching = batching(64)}},
        Load{"NoSharing", {.pages = 400, .batching = batching(64, PrefixSharing::kOff)}},
        Load{"SharingWithinClient",
             {.pages = 60, .batching = batching(64, PrefixSharing::kWithinClient)}},
        Load{"Threads", {.threads = 3, .pages = 100, .batching = batching(32)}}),
    [](const auto& load) { return std::string(load.param.name); });

// That the needle test can fail: with such a kernel it does.
TEST(Batcher, TheNeedleTestFindsAKernelWhoseBitsDependOnTheBatch) {
  TestServerOptions options = {.pages = 400, .file = "lexi-nano-f32.gguf"};
  TestServer server(options);
  const Kernels careless = careless_kernels();
  ASSERT_TRUE(
      server.batcher().exclusive(0, [&](Engine&) { server.compute().kernels = &careless; }).ok());
  std::set<Digest> transcripts;
  transcripts.insert(server.submit(generate_request(10))->wait().transcript);
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  for (int i = 0; i < 16; ++i) {
    InferenceRequest request = generate_request(10);
    sinks.push_back(server.submit(request));
    request.prompt.push_back(50 + i);
    server.submit(request);
  }
  for (const auto& sink : sinks) transcripts.insert(sink->wait().transcript);
  EXPECT_GT(transcripts.size(), 1U);
  server.batcher().drain(1e18);
}

// ---- Ends, bounds, fairness -------------------------------------------------------------------

TEST(Batcher, ACancelledRequestEndsAndTheOthersGoOn) {
  TestServer server({.pages = 100});
  const Digest alone = answer_alone(generate_request(100));
  const auto kept = server.submit(generate_request(100));
  const auto cancelled = server.submit(generate_request(150));
  cancelled->wait_for_steps(3);
  server.batcher().cancel(server.ticket(cancelled));
  EXPECT_EQ(cancelled->wait().status.code(), Code::kCancelled);
  EXPECT_EQ(kept->wait().transcript, alone);
  EXPECT_EQ(cancelled->finishes(), 1);
}

TEST(Batcher, AReceiverThatIsGoneCancelsItsRequest) {
  TestServer server({});
  const auto sink = server.submit(generate_request(150));
  sink->wait_for_steps(1);
  sink->go_away();
  EXPECT_EQ(sink->wait().status.code(), Code::kCancelled);
  EXPECT_LT(sink->steps().size(), 150U);
}

TEST(Batcher, ADeadlineEndsARequestThatRunsAndOneThatWaits) {
  TestServer server({.batching = {.running_max = 1}});
  InferenceRequest late = generate_request(150);
  late.deadline = monotonic_clock().seconds();
  EXPECT_EQ(server.submit(late)->wait().status.code(), Code::kDeadlineExceeded);
  const auto running = server.submit(generate_request(150));
  EXPECT_EQ(server.submit(late)->wait().status.code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(running->wait().status.ok());
}

TEST(Batcher, AFullQueueRefusesAndSaysWhenToComeAgain) {
  TestServer server({.batching = {.queued_max = 4, .running_max = 1}});
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  Status status;
  size_t refused = 0;
  for (int i = 0; i < 30; ++i) {
    auto sink = std::make_shared<CollectingSink>();
    const auto ticket = server.batcher().submit(generate_request(60), sink);
    if (ticket.ok()) {
      sinks.push_back(sink);
    } else {
      status = ticket.status();
      ++refused;
    }
  }
  EXPECT_GT(refused, 10U);
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_GE(server.batcher().retry_after_seconds(), 1U);
  EXPECT_EQ(server.batcher().stats().requests_refused, refused);
  for (const auto& sink : sinks) EXPECT_TRUE(sink->wait().status.ok());
}

// Somebody who sends a hundred requests does not keep another waiting for all of them.
TEST(Batcher, IsFairAmongClients) {
  TestServer server({.batching = {.queued_max = 200, .running_max = 2}});
  InferenceRequest busy = generate_request(20);
  busy.client = "busy";
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  for (int i = 0; i < 100; ++i) sinks.push_back(server.submit(busy));
  InferenceRequest rare = generate_request(20);
  rare.client = "rare";
  EXPECT_TRUE(server.submit(rare)->wait().status.ok());
  const auto done = std::count_if(sinks.begin(), sinks.end(),
                                  [](const auto& sink) { return sink->finishes() > 0; });
  EXPECT_LT(done, 50);
  for (const auto& sink : sinks) EXPECT_TRUE(sink->wait().status.ok());
}

TEST(Batcher, DrainsWhatHasBegunAndRefusesTheRest) {
  TestServer server({.pages = 100});
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  for (int i = 0; i < 10; ++i) sinks.push_back(server.submit(generate_request(50)));
  server.batcher().drain(1e18);
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->finishes(), 1);
    EXPECT_TRUE(sink->wait().status.ok());
  }
  const auto ticket =
      server.batcher().submit(generate_request(1), std::make_shared<CollectingSink>());
  EXPECT_EQ(ticket.status().code(), Code::kUnavailable);
}

TEST(Batcher, ADrainThatIsOutOfTimeSendsClientsElsewhere) {
  TestServer server({.positions_max = 2000, .batching = {.running_max = 1}});
  const auto running = server.submit(generate_request(1900));
  const auto waiting = server.submit(generate_request(1900));
  server.batcher().drain(0);
  EXPECT_EQ(running->wait().status.code(), Code::kUnavailable);
  EXPECT_EQ(waiting->wait().status.code(), Code::kUnavailable);
}

TEST(Batcher, StoppingEndsEverythingOnce) {
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  {
    TestServer server({.positions_max = 2000, .batching = {.running_max = 3}});
    for (int i = 0; i < 20; ++i) sinks.push_back(server.submit(generate_request(1900)));
  }
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->finishes(), 1);
    EXPECT_EQ(sink->wait().status.code(), Code::kUnavailable);
  }
}

TEST(Batcher, ExclusiveTasksGetTheirPagesAndRequestsTheirAnswers) {
  TestServer server({.pages = 12, .batching = {.running_max = 8}});
  const InferenceRequest request = generate_request(100);
  const Digest alone = answer_alone(request);
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  for (int i = 0; i < 6; ++i) sinks.push_back(server.submit(request));
  sinks[0]->wait_for_steps(10);
  for (int i = 0; i < 5; ++i) {
    size_t free = 0;
    ASSERT_TRUE(
        server.batcher().exclusive(12, [&](Engine& e) { free = e.pool().pages_free(); }).ok());
    EXPECT_EQ(free, 12U);
  }
  for (const auto& sink : sinks) EXPECT_EQ(sink->wait().transcript, alone);
  EXPECT_EQ(server.batcher().exclusive(13, [](Engine&) {}).code(), Code::kResourceExhausted);
}

// A pool that holds one sequence and not a page more, for sequences that begin alike.
TEST(Batcher, OneSequenceAlwaysHasItsPages) {
  TestServer server({.batching = {.running_max = 1}});
  const InferenceRequest request = generate_request(150);
  const Digest alone = answer_alone(request);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(server.submit(request)->wait().transcript, alone);
}

TEST(Batcher, SharesTheBeginningOfPrompts) {
  TestServer server({.pages = 100});
  InferenceRequest request = generate_request(2);
  for (size_t i = 0; i < 3 * kPage; ++i) request.prompt.push_back(static_cast<TokenId>(i % 200));
  const Completion first = server.submit(request)->wait();
  const Completion second = server.submit(request)->wait();
  EXPECT_EQ(first.shared_prompt_tokens, 0U);
  EXPECT_EQ(second.shared_prompt_tokens, 3 * kPage);
  EXPECT_EQ(first.transcript, second.transcript);
}

}  // namespace
}  // namespace assay
