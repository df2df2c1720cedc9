// The services of inference.v1, on the registry of models. Tested in inference_grpc_test.cc.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "service/grpc_answer.h"
#include "service/grpc_task.h"

namespace assay {

// Threads: any; holds the names of models whose self-test runs.
class RunningSelfTests {
 public:
  // False: one runs already.
  bool begin(const std::string& model);
  void end(const std::string& model);

 private:
  std::mutex mutex_;
  std::set<std::string> models_;
};

// What the services need beside GrpcServing. All of it outlives them.
struct GrpcServiceParts {
  const GrpcServing& serving;
  const InferenceGrpcOptions& options;
  TaskThreads& tests;  // VerifyDeterminism
  TaskThreads& admin;  // one thread: one change of the models after the other
  const std::atomic<bool>& shuts_down;
};

std::unique_ptr<grpc::Service> make_inference_service(const GrpcServiceParts& parts);
std::unique_ptr<grpc::Service> make_admin_service(const GrpcServiceParts& parts);

// The part of ServiceHealth that a model is.
std::string health_part(const std::string& model);
// The file or folder below root that path names, relative to root or absolute, symbolic links
// followed. Errors: PERMISSION_DENIED (outside), NOT_FOUND.
Result<std::string> confine_path(const std::string& root, const std::string& path);

}  // namespace assay
