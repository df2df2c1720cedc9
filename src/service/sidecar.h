// InferenceSidecar: the inference sidecar as one object: models, both faces, health and metrics.
// Tested through sidecar_test.cc and by real clients in openai_client_test.mjs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/log.h"
#include "service/inference_context.h"

namespace assay {

struct SidecarOptions {
  std::vector<ServedModelOptions> models;  // the first is the default
  ServedModelOptions model_defaults;       // of models that admin calls load
  ModelRegistryOptions registry;
  size_t threads = 0;  // that compute; 0: all processors
  // Empty: this face is off.
  std::string http_address = "127.0.0.1:8080";
  std::string grpc_address = "127.0.0.1:50051";
  std::string metrics_address = "127.0.0.1:9090";
  std::optional<TlsOptions> tls;  // of http and grpc
  InferenceLimits limits;
  uint64_t default_seed = 42;
  bool enable_reflection = false;
  bool enable_admin = false;
  std::string model_root;      // admin calls load from below it
  double check_seconds = 300;  // between two checks of weights and goldens; 0: none
  double drain_seconds = 30;
  std::string version;
  std::shared_ptr<Logger> logger;  // null: nothing is logged
  std::string otlp_endpoint;       // of a collector of traces; empty: none
};

class InferenceSidecar {
 public:
  // Listens, so that health can be asked, then loads and tests the models, then serves. Errors:
  // those of the listeners and of ModelRegistry.
  static Result<std::unique_ptr<InferenceSidecar>> start(const SidecarOptions& options);
  ~InferenceSidecar();

  // No more requests; those that have begun are answered for at most drain_seconds; then the
  // listeners close. Once.
  void stop();

  // 0: off.
  struct Ports {
    uint16_t http = 0;
    uint16_t grpc = 0;
    uint16_t metrics = 0;
  };
  Ports ports() const;
  ServiceHealth& health();
  ModelRegistry& models();
  // Weights and goldens of all models, now. Also runs every check_seconds.
  void check_models();

 private:
  struct State;
  explicit InferenceSidecar(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace assay
