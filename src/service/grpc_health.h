// The standard health service (grpc.health.v1) as a face of ServiceHealth: SERVING as long as that
// says so, for the server ("") and each of its services. Tested in inference_grpc_test.cc.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>
#include <string>
#include <vector>

#include "service/grpc_call.h"
#include "service/service_health.h"

namespace assay {

class GrpcHealth {
 public:
  // services: that clients may ask for beside "". health outlives it.
  GrpcHealth(ServiceHealth& health, std::vector<std::string> services, size_t watchers_max,
             OpenCalls& calls);
  ~GrpcHealth();

  grpc::Service& service();
  // Tells all watchers NOT_SERVING and lets them go; takes no more.
  void close();

 private:
  struct Watchers;
  class Service;
  std::shared_ptr<Watchers> watchers_;
  std::unique_ptr<Service> service_;
};

}  // namespace assay
