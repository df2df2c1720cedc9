#include "service/grpc_services.h"

#include <inference/v1/inference.grpc.pb.h>

#include "base/memory.h"
#include "service/grpc_messages.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

namespace v1 = inference::v1;

}  // namespace

// ---- VerifyDeterminism ------------------------------------------------------------------------

bool RunningSelfTests::begin(const std::string& model) {
  const std::lock_guard lock(mutex_);
  return models_.insert(model).second;
}

void RunningSelfTests::end(const std::string& model) {
  const std::lock_guard lock(mutex_);
  models_.erase(model);
}

std::string health_part(const std::string& model) { return "model " + model; }

namespace {

Result<Goldens> choose_goldens(const ServedModel& served, const std::string& id) {
  const std::string& name = served.info().name;
  if (served.goldens() == nullptr || served.goldens()->vectors.empty()) {
    return failed_precondition("nothing is pinned for model " + name +
                               ": there is nothing to compare with; pin goldens first");
  }
  if (id.empty()) return *served.goldens();
  Goldens chosen = {.artifact = served.goldens()->artifact};
  std::string names;
  for (const Golden& golden : served.goldens()->vectors) {
    if (golden.id == id) chosen.vectors.push_back(golden);
    if (names.size() < 500) names += (names.empty() ? "" : ", ") + golden.id;
  }
  if (!chosen.vectors.empty()) return chosen;
  return failed_precondition("test_vector_id is \"" + id.substr(0, 128) +
                             "\", which is not pinned for model " + name + "; there are: " + names);
}

// A mismatch stays known to everybody who asks for the server's health.
void report_mismatch(const InferenceContext& context, const std::string& model,
                     const SelfTestResult& result) {
  context.health->set_broken(
      health_part(model),
      "golden " + result.golden + " is not met with " + std::string(isa_name(result.isa)) +
          ", threads " + std::to_string(result.threads) + ", batch " +
          std::to_string(result.batch) + ", chunk " + std::to_string(result.chunk) + ": expected " +
          to_hex(result.expected) + ", actual " + to_hex(result.actual));
}

Result<std::string> verify_determinism(const InferenceContext& context, RunningSelfTests& running,
                                       const grpc::ByteBuffer& bytes,
                                       const std::function<bool()>& stop) {
  v1::VerifyDeterminismRequest request;
  ASSAY_RETURN_IF_ERROR(read_message(bytes, request));
  ASSAY_RETURN_IF_ERROR(check_model_name(request.model()));
  // Not find_model(): what is broken may be asked how.
  ASSAY_ASSIGN_OR_RETURN(const std::shared_ptr<ServedModel> served,
                         context.models->find(request.model()));
  const SelfTestSubject subject = served->self_test_subject();
  ASSAY_ASSIGN_OR_RETURN(const SelfTestMatrix matrix,
                         read_matrix(request, *subject.compute, served->batch_tokens()));
  ASSAY_ASSIGN_OR_RETURN(const Goldens goldens, choose_goldens(*served, request.test_vector_id()));
  const std::string name = served->info().name;
  if (!running.begin(name)) {
    return resource_exhausted("a self-test of model " + name + " runs already; come again later");
  }
  const double begin = context.clock->seconds();
  const auto results = run_self_test(subject, goldens, matrix, stop);
  running.end(name);
  const double seconds = context.clock->seconds() - begin;
  if (!results.ok()) return results.status();
  v1::VerifyDeterminismResponse response;
  const SelfTestResult* mismatch = nullptr;
  for (const SelfTestResult& result : *results) {
    write_result(result, *response.add_results());
    if (!result.matches() && mismatch == nullptr) mismatch = &result;
  }
  if (mismatch != nullptr) report_mismatch(context, name, *mismatch);
  response.set_deterministic(mismatch == nullptr && !results->empty());
  response.set_elapsed_ms(static_cast<uint64_t>(seconds * 1000));
  context.metrics->self_test(name, response.deterministic(), seconds);
  return response.SerializeAsString();
}

// ---- InferenceService -------------------------------------------------------------------------

v1::ServingState state_of(ServiceState state) {
  switch (state) {
    case ServiceState::kStarting:
      return v1::SERVING_STATE_STARTING;
    case ServiceState::kServing:
      return v1::SERVING_STATE_SERVING;
    case ServiceState::kDraining:
      return v1::SERVING_STATE_DRAINING;
    case ServiceState::kUnhealthy:
      return v1::SERVING_STATE_UNHEALTHY;
  }
  return v1::SERVING_STATE_UNSPECIFIED;
}

// Requests come as bytes: gRPC answers UNIMPLEMENTED to those that it cannot parse, which would
// say something else.
using RawInferenceService = v1::InferenceService::WithRawCallbackMethod_GetModelInfo<
    v1::InferenceService::WithRawCallbackMethod_Generate<
        v1::InferenceService::WithRawCallbackMethod_Score<
            v1::InferenceService::WithRawCallbackMethod_VerifyDeterminism<
                v1::InferenceService::WithRawCallbackMethod_GetStatus<
                    v1::InferenceService::WithRawCallbackMethod_GetMetrics<
                        v1::InferenceService::Service>>>>>>;

class InferenceService final : public RawInferenceService {
 public:
  explicit InferenceService(const GrpcServiceParts& parts) : parts_(parts) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Generate(grpc::CallbackServerContext* call,
                                                       const grpc::ByteBuffer* request) override {
    return begin_generate(parts_.serving, call, *request);
  }
  grpc::ServerUnaryReactor* Score(grpc::CallbackServerContext* call,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override {
    return begin_score(parts_.serving, call, *request, response);
  }
  grpc::ServerUnaryReactor* VerifyDeterminism(grpc::CallbackServerContext* call,
                                              const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override {
    return begin_task({parts_.serving.calls, parts_.tests, parts_.shuts_down}, call, *request,
                      response,
                      [this](const grpc::ByteBuffer& bytes, const std::function<bool()>& stop) {
                        return verify_determinism(context(), running_, bytes, stop);
                      });
  }
  grpc::ServerUnaryReactor* GetModelInfo(grpc::CallbackServerContext* call,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return answer_at_once(call, model_info(*request), response);
  }
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* call,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return answer_at_once(call, status(*request), response);
  }
  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* call,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return answer_at_once(call, metrics(*request), response);
  }

 private:
  const InferenceContext& context() const { return parts_.serving.context; }

  Result<std::string> model_info(const grpc::ByteBuffer& bytes) const {
    v1::GetModelInfoRequest request;
    ASSAY_RETURN_IF_ERROR(read_message(bytes, request));
    ASSAY_RETURN_IF_ERROR(check_model_name(request.model()));
    ASSAY_ASSIGN_OR_RETURN(const auto served, context().models->find(request.model()));
    v1::GetModelInfoResponse response;
    write_model_info(*served, *response.mutable_info());
    return response.SerializeAsString();
  }

  Result<std::string> status(const grpc::ByteBuffer& bytes) const {
    v1::GetStatusRequest request;
    ASSAY_RETURN_IF_ERROR(read_message(bytes, request));
    v1::GetStatusResponse response;
    response.set_state(state_of(context().health->state()));
    response.set_reason(context().health->reason());
    response.set_uptime_seconds(context().health->uptime_seconds());
    response.set_resident_memory_bytes(rss_bytes());
    response.set_memory_bytes_max(parts_.options.memory_bytes_max);
    response.set_version(context().version);
    size_t queued = 0;
    size_t queued_max = 0;
    size_t running = 0;
    for (const auto& served : context().models->list()) {
      const BatcherStats stats = served->batcher().stats();
      queued += stats.queued;
      queued_max += stats.queued_max;
      running += stats.running;
      response.add_models(served->info().name);
    }
    response.set_queued_requests(static_cast<uint32_t>(queued));
    response.set_queued_requests_max(static_cast<uint32_t>(queued_max));
    response.set_running_requests(static_cast<uint32_t>(running));
    return response.SerializeAsString();
  }

  Result<std::string> metrics(const grpc::ByteBuffer& bytes) const {
    v1::GetMetricsRequest request;
    ASSAY_RETURN_IF_ERROR(read_message(bytes, request));
    v1::GetMetricsResponse response;
    response.set_text(context().metrics->text(*context().models, *context().health));
    return response.SerializeAsString();
  }

  const GrpcServiceParts parts_;
  RunningSelfTests running_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_inference_service(const GrpcServiceParts& parts) {
  return std::make_unique<InferenceService>(parts);
}

}  // namespace assay
