// ModelAdminService: which models are served. Tested in inference_grpc_test.cc.
#include <inference/v1/inference.grpc.pb.h>

#include <algorithm>
#include <filesystem>

#include "service/grpc_messages.h"
#include "service/grpc_services.h"

namespace assay {
namespace {

namespace v1 = inference::v1;
namespace fs = std::filesystem;

Result<std::string> list_models(const InferenceContext& context, const grpc::ByteBuffer& bytes) {
  v1::ListModelsRequest request;
  ASSAY_RETURN_IF_ERROR(read_message(bytes, request));
  v1::ListModelsResponse response;
  for (const auto& served : context.models->list())
    write_model_info(*served, *response.add_models());
  return response.SerializeAsString();
}

Result<std::string> load_model(const GrpcServiceParts& parts, const grpc::ByteBuffer& bytes) {
  const InferenceContext& context = parts.serving.context;
  v1::LoadModelRequest request;
  ASSAY_RETURN_IF_ERROR(read_message(bytes, request));
  ASSAY_ASSIGN_OR_RETURN(ServedModelOptions options,
                         read_load(request, parts.options.model_defaults));
  ASSAY_ASSIGN_OR_RETURN(options.path, confine_path(parts.options.model_root, options.path));
  ASSAY_RETURN_IF_ERROR(context.models->load(options, request.replace()));
  context.health->set_whole(health_part(options.name));
  for (const auto& served : context.models->list()) {
    if (served->info().name != options.name) continue;
    v1::LoadModelResponse response;
    write_model_info(*served, *response.mutable_info());
    return response.SerializeAsString();
  }
  return Status(Code::kAborted, "model " + options.name + " was unloaded at once by another call");
}

Result<std::string> unload_model(const InferenceContext& context, const grpc::ByteBuffer& bytes) {
  v1::UnloadModelRequest request;
  ASSAY_RETURN_IF_ERROR(read_message(bytes, request));
  if (request.name().empty()) return invalid_argument("name is empty; expected that of a model");
  ASSAY_RETURN_IF_ERROR(check_model_name(request.name()));
  ASSAY_RETURN_IF_ERROR(context.models->unload(request.name()));
  context.health->set_whole(health_part(request.name()));
  return v1::UnloadModelResponse().SerializeAsString();
}

using RawAdminService = v1::ModelAdminService::WithRawCallbackMethod_ListModels<
    v1::ModelAdminService::WithRawCallbackMethod_LoadModel<
        v1::ModelAdminService::WithRawCallbackMethod_UnloadModel<v1::ModelAdminService::Service>>>;

class AdminService final : public RawAdminService {
 public:
  explicit AdminService(const GrpcServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* call,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return answer_at_once(call, list_models(parts_.serving.context, *request), response);
  }
  grpc::ServerUnaryReactor* LoadModel(grpc::CallbackServerContext* call,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return begin_task(place(), call, *request, response,
                      [this](const grpc::ByteBuffer& bytes, const std::function<bool()>&) {
                        return load_model(parts_, bytes);
                      });
  }
  grpc::ServerUnaryReactor* UnloadModel(grpc::CallbackServerContext* call,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return begin_task(place(), call, *request, response,
                      [this](const grpc::ByteBuffer& bytes, const std::function<bool()>&) {
                        return unload_model(parts_.serving.context, bytes);
                      });
  }

 private:
  GrpcTaskPlace place() const { return {parts_.serving.calls, parts_.admin, parts_.shuts_down}; }

  const GrpcServiceParts parts_;
};

}  // namespace

Result<std::string> confine_path(const std::string& root, const std::string& path) {
  const std::string shown = "path \"" + path.substr(0, 256) + "\"";
  if (path.empty() || path.find('\0') != path.npos) {
    return invalid_argument(shown + " is no name of a file or folder");
  }
  std::error_code error;
  const fs::path top = fs::canonical(root, error);
  if (error) return failed_precondition("the server has no folder of models to load from");
  const fs::path found = fs::weakly_canonical(top / path, error);
  const auto [end, unused] = std::mismatch(top.begin(), top.end(), found.begin(), found.end());
  if (error || end != top.end() || found == top) {
    return permission_denied(shown + " does not lie below the server's folder of models");
  }
  if (!fs::exists(found, error)) return not_found(shown + " does not exist");
  return found.string();
}

std::unique_ptr<grpc::Service> make_admin_service(const GrpcServiceParts& parts) {
  return std::make_unique<AdminService>(parts);
}

}  // namespace assay
