// A gRPC server of the inference sidecar with lexi-nano, and clients of it, for tests.
#pragma once

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <inference/v1/inference.grpc.pb.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "service/grpc_call.h"
#include "service/inference_grpc.h"
#include "tensor/kernels.h"

namespace assay {

namespace v1 = inference::v1;

inline constexpr double kGrpcTestSeconds = 120;  // what no test reaches unless something hangs

struct GrpcTestOptions {
  InferenceGrpcOptions server;
  InferenceLimits limits;
  ServedModelOptions model;  // name and path are filled in
  ModelRegistryOptions registry;
  bool is_serving = true;
};

inline std::string lexi_nano(const std::string& file) {
  return std::string(ASSAY_TESTDATA) + "/models/lexi-nano/" + file;
}
inline std::string digest_bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

class GrpcTest : public testing::Test {
 protected:
  void start(GrpcTestOptions options = {}) {
    compute_ = make_compute(1).value();
    options.registry.unix_seconds = [] { return uint64_t{1'000'000}; };
    if (options.registry.drain_seconds > 20) options.registry.drain_seconds = 20;
    auto models = ModelRegistry::create(
        options.registry, {.context = &compute_, .turn = &turn_, .clock = &monotonic_clock()});
    ASSERT_TRUE(models.ok()) << models.status().message();
    models_ = std::move(models).value();
    if (options.model.name.empty()) options.model.name = "lexi";
    if (options.model.path.empty()) options.model.path = lexi_nano("lexi-nano-q8_0.gguf");
    options.model.version = "v1.0.0";
    const Status loaded = models_->load(options.model, false);
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    context_ = {.models = models_.get(),
                .health = &health_,
                .metrics = &metrics_,
                .clock = &monotonic_clock(),
                .limits = options.limits,
                .version = "1.2.3"};
    auto server = InferenceGrpcServer::create(options.server, context_);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(server).value();
    if (options.is_serving) health_.set_serving();
    channel_ = connect();
    stub_ = v1::InferenceService::NewStub(channel_);
  }
  void TearDown() override {
    stub_ = nullptr;
    channel_ = nullptr;
    server_ = nullptr;
    models_ = nullptr;  // batchers use everything else
  }

  std::string target() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  // A connection of its own: channels to one address share theirs otherwise.
  std::shared_ptr<grpc::Channel> connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(target(), grpc::InsecureChannelCredentials(), arguments);
  }
  std::shared_ptr<ServedModel> served() const { return models_->find("").value(); }

  // Until condition holds; each look asks the server, which takes time.
  bool eventually(const std::function<bool()>& condition) const {
    const double until = monotonic_clock().seconds() + kGrpcTestSeconds;
    while (!condition()) {
      if (monotonic_clock().seconds() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }
  // Pins what the model answers now beside its file, and serves it with that. Pre: the file lies in
  // a folder of the test.
  void pin_goldens(const std::string& id) {
    Goldens goldens;
    {
      const auto model = served();
      goldens.artifact = model->info().artifact;
      goldens.vectors = draw_goldens(model->model(), {.context_tokens = 64, .count = 1, .seed = 1});
      goldens.vectors.at(0).id = id;
      const Status filled = fill_goldens(model->self_test_subject(), goldens);
      ASSERT_TRUE(filled.ok()) << filled.message();
    }
    const ServedModelInfo info = served()->info();
    ASSERT_TRUE(write_goldens(goldens_path(info.path), goldens).ok());
    const Status loaded = models_->load({.name = info.name, .path = info.path}, true);
    ASSERT_TRUE(loaded.ok()) << loaded.message();
  }
  // Nothing is computed or waits any more.
  bool becomes_idle() const {
    return eventually([this] {
      const BatcherStats stats = served()->batcher().stats();
      return stats.queued == 0 && stats.running == 0 && server_->calls() == 0;
    });
  }

  ComputeContext compute_;
  ComputeTurn turn_;
  std::unique_ptr<ModelRegistry> models_;
  ServiceHealth health_{monotonic_clock()};
  InferenceMetrics metrics_{"1.2.3", std::string(isa_name(isas_present().back()))};
  InferenceContext context_;
  std::unique_ptr<InferenceGrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::InferenceService::Stub> stub_;
};

// What a stream gave.
struct Generated {
  std::vector<v1::Token> tokens;
  std::optional<v1::Finish> finish;
  grpc::Status status;
  std::multimap<std::string, std::string> initial;
  std::multimap<std::string, std::string> trailing;

  std::string one(const std::multimap<std::string, std::string>& metadata,
                  const std::string& key) const {
    return metadata.count(key) == 1 ? metadata.find(key)->second : "";
  }
};

inline std::multimap<std::string, std::string> copy_metadata(
    const std::multimap<grpc::string_ref, grpc::string_ref>& from) {
  std::multimap<std::string, std::string> to;
  for (const auto& [key, value] : from) {
    to.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }
  return to;
}

inline Generated generate(v1::InferenceService::Stub& stub, const v1::GenerateRequest& request,
                          const std::function<void(grpc::ClientContext&)>& prepare = {}) {
  Generated out;
  grpc::ClientContext call;
  if (prepare) prepare(call);
  const auto stream = stub.Generate(&call, request);
  v1::GenerateResponse response;
  while (stream->Read(&response)) {
    EXPECT_FALSE(out.finish.has_value()) << "a message after the last";
    if (response.has_token()) {
      out.tokens.push_back(response.token());
    } else {
      out.finish = response.finish();
    }
  }
  out.status = stream->Finish();
  out.initial = copy_metadata(call.GetServerInitialMetadata());
  out.trailing = copy_metadata(call.GetServerTrailingMetadata());
  return out;
}

inline v1::GenerateRequest generate_request(const std::string& text, uint32_t max_tokens) {
  v1::GenerateRequest request;
  request.mutable_prompt()->set_text(text);
  request.set_max_tokens(max_tokens);
  request.set_ignore_end_token(true);
  return request;
}

// A call with any bytes as its request.
inline grpc::Status call_with_bytes(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& method, const std::string& bytes) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext call;
  const grpc::ByteBuffer request = byte_buffer(bytes);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> ended;
  stub.UnaryCall(&call, method, {}, &request, &response,
                 [&](grpc::Status status) { ended.set_value(std::move(status)); });
  return ended.get_future().get();
}

}  // namespace assay
