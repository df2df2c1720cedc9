// What clients of Generate and Score see: answers, errors, deadlines, cancellation, slow readers.
#include "service/grpc_answer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <future>

#include "inference/batcher_testing.h"
#include "service/grpc_testing.h"

namespace assay {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;

// Longer than any test waits for: a context that takes seconds to fill.
constexpr uint32_t kLong = 100'000;

class GrpcAnswerTest : public GrpcTest {
 protected:
  GrpcTestOptions long_context() const {
    GrpcTestOptions options;
    options.model.context_tokens = kLong + 100;
    options.model.batching.running_max = 2;
    return options;
  }
  // The same request without gRPC.
  std::shared_ptr<CollectingSink> answer_directly(const InferenceRequest& request) const {
    auto sink = std::make_shared<CollectingSink>();
    const auto ticket = served()->batcher().submit(request, sink);
    EXPECT_TRUE(ticket.ok()) << ticket.status().message();
    sink->wait();
    return sink;
  }
  uint64_t steps() const { return served()->batcher().stats().steps; }
};

// ---- Answers ----------------------------------------------------------------------------------

TEST_F(GrpcAnswerTest, GenerateStreamsWhatTheBatcherAnswers) {
  start();
  v1::GenerateRequest request = generate_request("the cat", 20);
  request.set_top_log_probabilities(3);
  request.mutable_sampling()->set_temperature(0.7);
  request.mutable_sampling()->set_seed(7);
  const Generated got = generate(*stub_, request);
  ASSERT_TRUE(got.status.ok()) << got.status.error_message();

  const auto expected =
      answer_directly({.prompt = prompt_tokens(context_, *served(), "the cat").value(),
                       .max_tokens = 20,
                       .sampling = {.temperature = 0.7, .seed = 7},
                       .ignore_end_token = true,
                       .alternatives = 3});
  const std::vector<TokenStep> steps = expected->steps();
  ASSERT_EQ(got.tokens.size(), 20U);
  ASSERT_EQ(steps.size(), 20U);
  const Tokenizer& tokenizer = *served()->model().tokenizer;
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(got.tokens[i].id(), static_cast<uint32_t>(steps[i].token));
    EXPECT_EQ(got.tokens[i].position(), steps[i].position);
    EXPECT_EQ(got.tokens[i].log_probability(), steps[i].log_probability);
    EXPECT_EQ(got.tokens[i].logits_sha256(), digest_bytes(steps[i].logits_digest));
    EXPECT_EQ(got.tokens[i].piece(), tokenizer.piece_bytes(steps[i].token));
    ASSERT_EQ(got.tokens[i].alternatives_size(), 3);
    EXPECT_EQ(got.tokens[i].alternatives(0).log_probability(),
              steps[i].alternatives[0].log_probability);
  }
  const Completion completion = expected->wait();
  ASSERT_TRUE(got.finish.has_value());
  EXPECT_EQ(got.finish->reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(got.finish->text(), expected->text());
  EXPECT_EQ(got.finish->transcript_sha256(), digest_bytes(completion.transcript));
  EXPECT_EQ(got.finish->artifact_digest(), digest_bytes(served()->info().artifact));
  EXPECT_EQ(got.finish->profile(), "f32-fma16-v1");
  EXPECT_EQ(got.finish->generated_tokens(), 20U);
  EXPECT_EQ(got.finish->prompt_tokens(), completion.prompt_tokens);

  EXPECT_EQ(got.one(got.initial, kModelDigestKey), to_hex(served()->info().artifact));
  EXPECT_EQ(got.one(got.initial, kProfileKey), "f32-fma16-v1");
  EXPECT_EQ(got.one(got.initial, kRequestIdKey).size(), 32U);
  EXPECT_EQ(got.one(got.trailing, kTranscriptKey), to_hex(completion.transcript));
}

TEST_F(GrpcAnswerTest, ScoreAnswersTheLogProbabilityOfEachToken) {
  start();
  v1::ScoreRequest request;
  request.mutable_prompt()->set_text("the cat sat on the mat");
  grpc::ClientContext call;
  call.AddMetadata(kRequestIdKey, "my-request.1");
  v1::ScoreResponse response;
  const grpc::Status status = stub_->Score(&call, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();

  const std::vector<TokenId> prompt =
      prompt_tokens(context_, *served(), "the cat sat on the mat").value();
  const auto expected = answer_directly({.prompt = prompt, .score_prompt = true});
  const std::vector<TokenStep> steps = expected->steps();
  ASSERT_EQ(static_cast<size_t>(response.tokens_size()), prompt.size() - 1);
  double sum = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const v1::Token& token = response.tokens(static_cast<int>(i));
    EXPECT_EQ(token.id(), static_cast<uint32_t>(prompt[i + 1]));
    EXPECT_EQ(token.log_probability(), steps[i].log_probability);
    EXPECT_EQ(token.logits_sha256(), digest_bytes(steps[i].logits_digest));
    sum += static_cast<double>(token.log_probability());
  }
  EXPECT_EQ(response.log_probability(), sum);
  EXPECT_NEAR(response.score(), std::exp(sum / response.tokens_size()), 1e-12);
  EXPECT_EQ(response.transcript_sha256(), digest_bytes(expected->wait().transcript));
  const auto initial = copy_metadata(call.GetServerInitialMetadata());
  EXPECT_THAT(initial, testing::Contains(testing::Pair(kRequestIdKey, "my-request.1")));
  EXPECT_THAT(
      copy_metadata(call.GetServerTrailingMetadata()),
      testing::Contains(testing::Pair(kTranscriptKey, to_hex(expected->wait().transcript))));
}

TEST_F(GrpcAnswerTest, TokensAreTakenAsTheyAreAndStopTextsEndTheStream) {
  start();
  v1::GenerateRequest request;
  for (const uint32_t id : {1U, 5U, 9U}) request.mutable_prompt()->mutable_tokens()->add_ids(id);
  request.set_max_tokens(30);
  request.set_ignore_end_token(true);
  const Generated whole = generate(*stub_, request);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
  EXPECT_EQ(whole.finish->prompt_tokens(), 3U);
  ASSERT_GT(whole.finish->text().size(), 4U);

  const std::string stop = whole.finish->text().substr(whole.finish->text().size() / 2, 2);
  request.add_stop(stop);
  const Generated stopped = generate(*stub_, request);
  ASSERT_TRUE(stopped.status.ok());
  EXPECT_EQ(stopped.finish->reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(stopped.finish->text(),
            whole.finish->text().substr(0, whole.finish->text().find(stop)));
}

TEST_F(GrpcAnswerTest, LongPromptsAreReadElsewhereAndAnsweredAlike) {
  GrpcTestOptions options;
  options.model.context_tokens = 9000;
  start(options);
  std::string text;
  while (text.size() < 8300) text += "the cat sat on the mat. ";
  const Generated got = generate(*stub_, generate_request(text, 2));
  ASSERT_TRUE(got.status.ok()) << got.status.error_message();
  EXPECT_EQ(got.finish->prompt_tokens(), prompt_tokens(context_, *served(), text)->size());
}

TEST_F(GrpcAnswerTest, ConcurrentStreamsAreAnsweredAsIfAlone) {
  start();
  constexpr int kRequests = 24;
  const auto request_of = [](int i) {
    v1::GenerateRequest request =
        generate_request("a story about " + std::string(static_cast<size_t>(i % 7 + 1), 'x'), 12);
    request.mutable_sampling()->set_temperature(i % 2 == 0 ? 0 : 0.9);
    request.mutable_sampling()->set_seed(static_cast<uint64_t>(i));
    return request;
  };
  std::vector<std::string> alone;
  for (int i = 0; i < kRequests; ++i) {
    const Generated got = generate(*stub_, request_of(i));
    ASSERT_TRUE(got.status.ok()) << got.status.error_message();
    ASSERT_TRUE(got.finish.has_value());
    alone.push_back(got.finish->transcript_sha256());
  }
  std::vector<std::future<Generated>> together;
  for (int i = 0; i < kRequests; ++i) {
    together.push_back(
        std::async(std::launch::async, [&, i] { return generate(*stub_, request_of(i)); }));
  }
  for (size_t i = 0; i < together.size(); ++i) {
    const Generated got = together[i].get();
    ASSERT_TRUE(got.status.ok()) << got.status.error_message();
    EXPECT_EQ(got.finish->transcript_sha256(), alone[i]);
  }
}

// ---- What is refused --------------------------------------------------------------------------

struct Refusal {
  const char* name;
  std::function<void(v1::GenerateRequest&)> spoil;
  StatusCode code;
  const char* names;
};

TEST_F(GrpcAnswerTest, RefusalsNameFieldAndValue) {
  start();
  using Request = v1::GenerateRequest;
  const auto invalid = StatusCode::INVALID_ARGUMENT;
  const std::vector<Refusal> refusals = {
      {"no prompt", [](Request& r) { r.clear_prompt(); }, invalid, "prompt is not set"},
      {"no tokens", [](Request& r) { r.mutable_prompt()->mutable_tokens(); }, invalid,
       "prompt is 0 tokens long"},
      {"outside vocabulary",
       [](Request& r) { r.mutable_prompt()->mutable_tokens()->add_ids(4'000'000'000U); }, invalid,
       "prompt.tokens.ids[0] is 4000000000"},
      {"too many tokens",
       [](Request& r) {
         for (int i = 0; i < 5000; ++i) r.mutable_prompt()->mutable_tokens()->add_ids(1);
       },
       invalid, "prompt.tokens is 5000 tokens long"},
      {"max_tokens", [](Request& r) { r.set_max_tokens(1'000'000); }, invalid,
       "max_tokens is 1000000"},
      {"temperature below", [](Request& r) { r.mutable_sampling()->set_temperature(-0.5); },
       invalid, "sampling.temperature is -0.5"},
      {"temperature above", [](Request& r) { r.mutable_sampling()->set_temperature(100.5); },
       invalid, "sampling.temperature is 100.5"},
      {"temperature no number", [](Request& r) { r.mutable_sampling()->set_temperature(NAN); },
       invalid, "sampling.temperature is nan"},
      {"top_p zero", [](Request& r) { r.mutable_sampling()->set_top_p(0); }, invalid,
       "sampling.top_p is 0"},
      {"top_p above", [](Request& r) { r.mutable_sampling()->set_top_p(1.25); }, invalid,
       "sampling.top_p is 1.25"},
      {"stop texts",
       [](Request& r) {
         for (int i = 0; i < 17; ++i) r.add_stop("x");
       },
       invalid, "stop is 17 texts"},
      {"empty stop",
       [](Request& r) {
         r.add_stop("a");
         r.add_stop("");
       },
       invalid, "stop[1] is 0 bytes"},
      {"long stop", [](Request& r) { r.add_stop(std::string(257, 'x')); }, invalid,
       "stop[0] is 257 bytes"},
      {"alternatives", [](Request& r) { r.set_top_log_probabilities(21); }, invalid,
       "top_log_probabilities is 21"},
      {"model", [](Request& r) { r.set_model("other"); }, StatusCode::NOT_FOUND, "other"},
      {"long model", [](Request& r) { r.set_model(std::string(257, 'm')); }, invalid,
       "model is 257 bytes"},
  };
  for (const Refusal& refusal : refusals) {
    v1::GenerateRequest request = generate_request("the cat", 4);
    refusal.spoil(request);
    const Generated got = generate(*stub_, request);
    EXPECT_EQ(got.status.error_code(), refusal.code) << refusal.name;
    EXPECT_THAT(got.status.error_message(), HasSubstr(refusal.names)) << refusal.name;
    EXPECT_TRUE(got.tokens.empty() && !got.finish);
    EXPECT_EQ(
        got.one(got.initial, kRequestIdKey).size() + got.one(got.trailing, kRequestIdKey).size(),
        32U);
  }
  EXPECT_TRUE(generate(*stub_, generate_request("the cat", 4)).status.ok());
}

TEST_F(GrpcAnswerTest, ScoreTakesAtLeastTwoTokens) {
  start();
  v1::ScoreRequest request;
  request.mutable_prompt()->mutable_tokens()->add_ids(1);
  grpc::ClientContext call;
  v1::ScoreResponse response;
  const grpc::Status status = stub_->Score(&call, request, &response);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("prompt is 1 tokens long"));
}

TEST_F(GrpcAnswerTest, RefusesClientNamesThatWouldNotBeTold) {
  start();
  const auto with_name = [this](const std::string& name) {
    return generate(*stub_, generate_request("the cat", 1),
                    [&](grpc::ClientContext& call) { call.AddMetadata(kClientIdKey, name); });
  };
  EXPECT_TRUE(with_name("team a").status.ok());
  const Generated got = with_name(std::string(129, 'x'));
  EXPECT_EQ(got.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(got.status.error_message(), HasSubstr("x-client-id has 129 bytes"));
}

TEST_F(GrpcAnswerTest, AnswersUnavailableUnlessItServes) {
  start({.is_serving = false});
  const Generated starting = generate(*stub_, generate_request("the cat", 1));
  EXPECT_EQ(starting.status.error_code(), StatusCode::UNAVAILABLE);
  health_.set_serving();
  EXPECT_TRUE(generate(*stub_, generate_request("the cat", 1)).status.ok());
  health_.set_broken("model lexi", "tensor x has changed");
  const Generated broken = generate(*stub_, generate_request("the cat", 1));
  EXPECT_EQ(broken.status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(broken.status.error_message(), HasSubstr("tensor x has changed"));
}

TEST_F(GrpcAnswerTest, AFullQueueSaysWhenToComeAgain) {
  GrpcTestOptions options = long_context();
  options.model.batching.running_max = 1;
  options.model.batching.queued_max = 1;
  start(options);
  // One computes, one waits.
  grpc::ClientContext first_call;
  const auto first = stub_->Generate(&first_call, generate_request("the cat", kLong));
  v1::GenerateResponse response;
  ASSERT_TRUE(first->Read(&response));
  grpc::ClientContext second_call;
  const auto second = stub_->Generate(&second_call, generate_request("the cat", kLong));
  ASSERT_TRUE(eventually([this] { return served()->batcher().stats().queued == 1; }));

  const Generated refused = generate(*stub_, generate_request("the cat", 1));
  EXPECT_EQ(refused.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("queue is full"));
  EXPECT_THAT(refused.one(refused.trailing, kRetryAfterKey), testing::MatchesRegex("[1-9]+0*000"));
  first_call.TryCancel();
  second_call.TryCancel();
  EXPECT_TRUE(becomes_idle());
  while (first->Read(&response)) {
  }
  EXPECT_EQ(first->Finish().error_code(), StatusCode::CANCELLED);
  EXPECT_EQ(second->Finish().error_code(), StatusCode::CANCELLED);
}

// One that asks for much and was there first does not keep the other from its turn.
TEST_F(GrpcAnswerTest, ClientsHaveTheirSharesByTheNameThatTheyGive) {
  GrpcTestOptions options = long_context();
  options.model.batching.running_max = 1;
  start(options);
  const v1::GenerateRequest request = generate_request("the cat", kLong);
  std::vector<std::unique_ptr<grpc::ClientContext>> calls;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::GenerateResponse>>> greedy;
  v1::GenerateResponse response;
  for (size_t i = 0; i < 4; ++i) {  // the first computes
    calls.push_back(std::make_unique<grpc::ClientContext>());
    calls.back()->AddMetadata(kClientIdKey, "greedy");
    greedy.push_back(stub_->Generate(calls.back().get(), request));
    if (i == 0) {
      ASSERT_TRUE(greedy[0]->Read(&response));
    }
  }
  ASSERT_TRUE(eventually([this] { return served()->batcher().stats().queued == 3; }));
  auto modest = std::async(std::launch::async, [this] {
    return generate(*stub_, generate_request("the cat", 1),
                    [](grpc::ClientContext& call) { call.AddMetadata(kClientIdKey, "modest"); });
  });
  ASSERT_TRUE(eventually([this] { return served()->batcher().stats().queued == 4; }));
  calls[0]->TryCancel();
  EXPECT_TRUE(modest.get().status.ok());
  EXPECT_GE(served()->batcher().stats().queued, 2U) << "those of greedy still wait";
  for (const auto& call : calls) call->TryCancel();
  EXPECT_TRUE(becomes_idle());
  for (const auto& stream : greedy) {
    while (stream->Read(&response)) {
    }
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  }
}

// ---- Deadlines and cancellation ---------------------------------------------------------------

TEST_F(GrpcAnswerTest, ADeadlineEndsALongGeneration) {
  start(long_context());
  const Generated got =
      generate(*stub_, generate_request("the cat", kLong), [](grpc::ClientContext& call) {
        call.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
      });
  EXPECT_EQ(got.status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(becomes_idle());
  EXPECT_LT(steps(), kLong);
}

TEST_F(GrpcAnswerTest, TheServersOwnTimeoutEndsALongGeneration) {
  GrpcTestOptions options = long_context();
  options.limits.timeout_seconds = 0.2;
  start(options);
  const Generated got = generate(*stub_, generate_request("the cat", kLong));
  EXPECT_EQ(got.status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(got.status.error_message(), HasSubstr("deadline"));
  EXPECT_FALSE(got.tokens.empty());  // what was computed came
  EXPECT_TRUE(becomes_idle());
  EXPECT_LT(steps(), kLong);
}

TEST_F(GrpcAnswerTest, CancellationReachesTheBatcher) {
  start(long_context());
  grpc::ClientContext call;
  const auto stream = stub_->Generate(&call, generate_request("the cat", kLong));
  v1::GenerateResponse response;
  ASSERT_TRUE(stream->Read(&response));
  call.TryCancel();
  EXPECT_TRUE(becomes_idle());
  EXPECT_LT(steps(), kLong);
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  EXPECT_TRUE(generate(*stub_, generate_request("the cat", 3)).status.ok());
}

TEST_F(GrpcAnswerTest, AClientThatDiesIsNoticed) {
  start(long_context());
  auto channel = connect();
  {
    auto stub = v1::InferenceService::NewStub(channel);
    grpc::ClientContext call;
    const auto stream = stub->Generate(&call, generate_request("the cat", kLong));
    v1::GenerateResponse response;
    ASSERT_TRUE(stream->Read(&response));
  }  // the stream goes without an end
  channel = nullptr;
  EXPECT_TRUE(becomes_idle());
  EXPECT_LT(steps(), kLong);
}

TEST_F(GrpcAnswerTest, AThousandCancelledStreamsLeaveNothing) {
  start(long_context());
  constexpr int kStreams = 1000;
  v1::GenerateResponse response;
  for (int i = 0; i < kStreams; ++i) {
    grpc::ClientContext call;
    const auto stream = stub_->Generate(&call, generate_request("the cat", kLong));
    if (i % 3 == 0) {  // the others before they begin
      EXPECT_TRUE(stream->Read(&response));
    }
    call.TryCancel();
    while (stream->Read(&response)) {
    }
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  }
  EXPECT_TRUE(becomes_idle());
  EXPECT_TRUE(generate(*stub_, generate_request("the cat", 3)).status.ok());
}

// Keeps a stream open without reading from it: HTTP/2's window fills, then the server's queue.
TEST_F(GrpcAnswerTest, AClientThatDoesNotReadIsLetGo) {
  GrpcTestOptions options = long_context();
  options.server.limits.stream_queue_bytes_max = 16 << 10;
  options.server.limits.take_seconds = 0.3;
  start(options);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // else the window grows by megabytes
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 16 << 10);
  const auto stub = v1::InferenceService::NewStub(
      grpc::CreateCustomChannel(target(), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext call;
  const auto stream = stub->Generate(&call, generate_request("the cat", kLong));
  v1::GenerateResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(becomes_idle());
  EXPECT_LT(steps(), kLong);
  while (stream->Read(&response)) EXPECT_FALSE(response.has_finish());
  const StatusCode code = stream->Finish().error_code();
  EXPECT_TRUE(code == StatusCode::CANCELLED || code == StatusCode::RESOURCE_EXHAUSTED) << code;
}

// The window is larger than what was answered, so the client sees why.
TEST_F(GrpcAnswerTest, ASlowClientIsToldWhy) {
  GrpcTestOptions options;
  options.server.limits.stream_queue_bytes_max = 10;  // nothing may wait
  start(options);
  const Generated got = generate(*stub_, generate_request("the cat", 50));
  EXPECT_EQ(got.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(got.status.error_message(), HasSubstr("too slowly"));
  EXPECT_TRUE(becomes_idle());
}

TEST_F(GrpcAnswerTest, CountsWhatItAnswers) {
  start();
  ASSERT_TRUE(generate(*stub_, generate_request("the cat", 3)).status.ok());
  ASSERT_FALSE(generate(*stub_, generate_request("the cat", 1'000'000)).status.ok());
  grpc::ClientContext call;
  v1::GetMetricsResponse metrics;
  ASSERT_TRUE(stub_->GetMetrics(&call, {}, &metrics).ok());
  EXPECT_THAT(metrics.text(), HasSubstr("veid_inference_total"));
  EXPECT_THAT(metrics.text(), HasSubstr("generate"));
}

}  // namespace
}  // namespace assay
