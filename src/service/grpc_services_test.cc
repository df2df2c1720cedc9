// Models, self-tests, status and metrics as clients see them, and the admin service.
#include "service/grpc_services.h"

#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <filesystem>

#include "base/program_testing.h"
#include "service/grpc_testing.h"

namespace assay {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
namespace fs = std::filesystem;

// A folder of models of its own.
class GrpcServicesTest : public GrpcTest {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "assay-grpc-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    for (const char* file : {"lexi-nano-q8_0.gguf", "lexi-nano-f16.gguf"}) {
      fs::copy_file(lexi_nano(file), folder_ + "/" + file);
    }
  }
  void TearDown() override {
    admin_ = nullptr;
    GrpcTest::TearDown();
    fs::remove_all(folder_);
  }
  GrpcTestOptions options() const {
    GrpcTestOptions options;
    options.model.path = folder_ + "/lexi-nano-q8_0.gguf";
    options.server.enable_admin = true;
    options.server.model_root = folder_;
    return options;
  }
  void start_with_admin(GrpcTestOptions options) {
    start(std::move(options));
    admin_ = v1::ModelAdminService::NewStub(channel_);
  }
  grpc::Status verify(const v1::VerifyDeterminismRequest& request,
                      v1::VerifyDeterminismResponse& response) {
    grpc::ClientContext call;
    return stub_->VerifyDeterminism(&call, request, &response);
  }
  grpc::Status load(const std::string& name, const std::string& path, bool replace = false,
                    const std::string& digest = "") {
    v1::LoadModelRequest request;
    request.set_name(name);
    request.set_path(path);
    request.set_replace(replace);
    request.set_expected_digest(digest);
    grpc::ClientContext call;
    v1::LoadModelResponse response;
    const grpc::Status status = admin_->LoadModel(&call, request, &response);
    if (status.ok()) {
      EXPECT_EQ(response.info().name(), name);
    }
    return status;
  }
  std::string artifact_of(const std::string& model) {
    v1::GetModelInfoRequest request;
    request.set_model(model);
    grpc::ClientContext call;
    v1::GetModelInfoResponse response;
    return stub_->GetModelInfo(&call, request, &response).ok() ? response.info().artifact_digest()
                                                               : "";
  }

  std::string folder_;
  std::unique_ptr<v1::ModelAdminService::Stub> admin_;
};

TEST_F(GrpcServicesTest, TellsWhatAModelIs) {
  start();
  grpc::ClientContext call;
  v1::GetModelInfoResponse response;
  ASSERT_TRUE(stub_->GetModelInfo(&call, {}, &response).ok());
  const v1::ModelInfo& info = response.info();
  EXPECT_EQ(info.name(), "lexi");
  EXPECT_EQ(info.version(), "v1.0.0");
  EXPECT_EQ(info.artifact_digest(), digest_bytes(served()->info().artifact));
  EXPECT_EQ(info.canonical_digest(), digest_bytes(served()->info().canonical));
  EXPECT_EQ(info.tokenizer_digest(), digest_bytes(served()->model().tokenizer->digest()));
  EXPECT_EQ(info.profile(), "f32-fma16-v1");
  EXPECT_EQ(info.format(), "GGUF v3");
  EXPECT_EQ(info.parameters(), served()->model().parameters);
  EXPECT_EQ(info.vocabulary(), served()->model().arch.vocab);
  EXPECT_EQ(info.context_tokens(), served()->info().context_tokens);
  EXPECT_EQ(info.instruction_set(), isa_name(compute_.kernels->isa));
  EXPECT_GT(info.memory_bytes(), 0U);
  EXPECT_FALSE(info.offloaded());
}

TEST_F(GrpcServicesTest, TellsHowItStands) {
  GrpcTestOptions options;
  options.server.memory_bytes_max = 12345;
  start(options);
  const auto status = [this] {
    grpc::ClientContext call;
    v1::GetStatusResponse response;
    EXPECT_TRUE(stub_->GetStatus(&call, {}, &response).ok());
    return response;
  };
  const v1::GetStatusResponse serving = status();
  EXPECT_EQ(serving.state(), v1::SERVING_STATE_SERVING);
  EXPECT_EQ(serving.version(), "1.2.3");
  EXPECT_EQ(serving.memory_bytes_max(), 12345U);
  EXPECT_EQ(serving.queued_requests_max(), BatcherOptions{}.queued_max);
  EXPECT_GT(serving.resident_memory_bytes(), 1U << 20);
  ASSERT_EQ(serving.models_size(), 1);
  EXPECT_EQ(serving.models(0), "lexi");
  health_.set_broken("model lexi", "golden g is not met");
  EXPECT_EQ(status().state(), v1::SERVING_STATE_UNHEALTHY);
  EXPECT_THAT(status().reason(), HasSubstr("golden g is not met"));
  health_.set_draining();
  EXPECT_EQ(status().state(), v1::SERVING_STATE_DRAINING);
}

// ---- VerifyDeterminism ------------------------------------------------------------------------

TEST_F(GrpcServicesTest, NothingPinnedIsNoPass) {
  start();
  v1::VerifyDeterminismResponse response;
  const grpc::Status status = verify({}, response);
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("nothing is pinned"));
}

TEST_F(GrpcServicesTest, EveryConfigurationGivesWhatWasPinned) {
  start(options());
  pin_goldens("high_quality_verification");
  v1::VerifyDeterminismRequest request;
  request.set_test_vector_id("high_quality_verification");
  v1::VerifyDeterminismResponse response;
  const grpc::Status status = verify(request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.deterministic());
  // One thread is all that this server has: instruction sets x batches x chunks.
  EXPECT_EQ(static_cast<size_t>(response.results_size()), isas_present().size() * 3 * 3);
  for (const v1::DeterminismResult& result : response.results()) {
    EXPECT_EQ(result.test_vector_id(), "high_quality_verification");
    EXPECT_TRUE(result.matches());
    EXPECT_EQ(result.expected_sha256().size(), 32U);
    EXPECT_EQ(result.expected_sha256(), result.actual_sha256());
  }
  EXPECT_EQ(health_.state(), ServiceState::kServing);

  request.set_test_vector_id("other");
  EXPECT_EQ(verify(request, response).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(verify(request, response).error_message(), HasSubstr("high_quality_verification"));
}

TEST_F(GrpcServicesTest, ADamagedWeightIsFoundAndStaysKnown) {
  start_with_admin(options());
  pin_goldens("g");
  std::string matrix;
  for (const BoundTensor& tensor : served()->model().tensors) {
    if (tensor.role == TensorRole::kFfnDown) matrix = tensor.name;
  }
  ASSERT_TRUE(
      served()
          ->batcher()
          .exclusive(0, [&](Engine& engine) { engine.flip_weight_bit_for_test(matrix, 31); })
          .ok());
  v1::VerifyDeterminismResponse response;
  ASSERT_TRUE(verify({}, response).ok());
  EXPECT_FALSE(response.deterministic());
  EXPECT_EQ(health_.state(), ServiceState::kUnhealthy);
  EXPECT_THAT(health_.reason(), HasSubstr("golden g"));
  EXPECT_EQ(generate(*stub_, generate_request("the cat", 1)).status.error_code(),
            StatusCode::UNAVAILABLE);
  // Only what replaces it makes it whole.
  ASSERT_TRUE(load("lexi", "lexi-nano-q8_0.gguf", true).ok());
  EXPECT_EQ(health_.state(), ServiceState::kServing);
  EXPECT_TRUE(generate(*stub_, generate_request("the cat", 1)).status.ok());
}

TEST_F(GrpcServicesTest, OneSelfTestAtATimeWhichMayBeCancelled) {
  start(options());
  pin_goldens("g");
  struct Call {
    grpc::ClientContext context;
    v1::VerifyDeterminismResponse response;
    grpc::Status status;
    std::atomic<bool> ended{false};
    std::thread thread;
  };
  std::array<Call, 2> calls;
  turn_.lock();  // whichever of them begins cannot go on
  for (Call& call : calls) {
    call.thread = std::thread([&] {
      call.status = stub_->VerifyDeterminism(&call.context, {}, &call.response);
      call.ended = true;
    });
  }
  EXPECT_TRUE(eventually([&] { return calls[0].ended || calls[1].ended; }));
  Call& refused = calls[0].ended ? calls[0] : calls[1];
  Call& running = calls[0].ended ? calls[1] : calls[0];
  running.context.TryCancel();
  EXPECT_TRUE(eventually([&] { return running.ended.load(); }));
  turn_.unlock();
  for (Call& call : calls) call.thread.join();
  EXPECT_EQ(refused.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("runs already"));
  EXPECT_EQ(running.status.error_code(), StatusCode::CANCELLED);
  EXPECT_TRUE(becomes_idle());
  v1::VerifyDeterminismResponse response;
  EXPECT_TRUE(verify({}, response).ok()) << "the next one runs";
  EXPECT_TRUE(response.deterministic());
}

TEST_F(GrpcServicesTest, RefusesConfigurationsByNameAndValue) {
  start(options());
  pin_goldens("g");
  using Request = v1::VerifyDeterminismRequest;
  const std::vector<std::pair<const char*, std::function<void(Request&)>>> refusals = {
      {"instruction_sets is \"avx1024\"", [](Request& r) { r.add_instruction_sets("avx1024"); }},
      {"threads is 0", [](Request& r) { r.add_threads(0); }},
      {"threads is 17", [](Request& r) { r.add_threads(17); }},
      {"batches is 65", [](Request& r) { r.add_batches(65); }},
      {"chunks is 513", [](Request& r) { r.add_chunks(513); }},
      {"chunks names a value twice",
       [](Request& r) {
         r.add_chunks(5);
         r.add_chunks(5);
       }},
  };
  for (const auto& [message, spoil] : refusals) {
    Request request;
    spoil(request);
    v1::VerifyDeterminismResponse response;
    const grpc::Status status = verify(request, response);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << message;
    EXPECT_THAT(status.error_message(), HasSubstr(message));
  }
}

// ---- Admin ------------------------------------------------------------------------------------

TEST_F(GrpcServicesTest, AdminIsOffUnlessAskedFor) {
  start();
  admin_ = v1::ModelAdminService::NewStub(channel_);
  grpc::ClientContext call;
  v1::ListModelsResponse response;
  EXPECT_EQ(admin_->ListModels(&call, {}, &response).error_code(), StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServicesTest, LoadsReplacesAndUnloads) {
  start_with_admin(options());
  ASSERT_TRUE(load("second", "lexi-nano-f16.gguf").ok());
  const std::string first = artifact_of("");
  const std::string second = artifact_of("second");
  EXPECT_EQ(second.size(), 32U);
  EXPECT_NE(second, first);
  EXPECT_EQ(load("second", "lexi-nano-f16.gguf").error_code(), StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(load("third", "lexi-nano-f16.gguf", false, first).error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(load("third", "lexi-nano-f16.gguf", false, "short").error_code(),
            StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(load("second", folder_ + "/lexi-nano-q8_0.gguf", true, first).ok());
  EXPECT_EQ(artifact_of("second"), first);
  grpc::ClientContext list_call;
  v1::ListModelsResponse listed;
  ASSERT_TRUE(admin_->ListModels(&list_call, {}, &listed).ok());
  ASSERT_EQ(listed.models_size(), 2);
  EXPECT_EQ(listed.models(1).name(), "second");
  const auto unload = [this](const std::string& name) {
    v1::UnloadModelRequest request;
    request.set_name(name);
    grpc::ClientContext call;
    v1::UnloadModelResponse response;
    return admin_->UnloadModel(&call, request, &response).error_code();
  };
  EXPECT_EQ(unload("second"), StatusCode::OK);
  EXPECT_EQ(unload("second"), StatusCode::NOT_FOUND);
  EXPECT_EQ(unload(""), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(artifact_of("second"), "");
}

TEST_F(GrpcServicesTest, LoadsOnlyFromBelowItsFolder) {
  start_with_admin(options());
  fs::create_symlink(ASSAY_TESTDATA, folder_ + "/out");
  for (const std::string& path :
       {std::string("../x"), lexi_nano("lexi-nano-f16.gguf"), std::string("/etc/passwd"),
        std::string("out/models/lexi-nano/lexi-nano-f16.gguf"), std::string(".")}) {
    EXPECT_EQ(load("x", path).error_code(), StatusCode::PERMISSION_DENIED) << path;
  }
  EXPECT_EQ(load("x", "missing.gguf").error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(load("x", "").error_code(), StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace assay
