// InferenceGrpcServer: the gRPC face of the inference sidecar: inference.v1 (proto/), the standard
// health service, and reflection where it is asked for. docs/inference.md shows how to call it.
// Tested in inference_grpc_test.cc and inference_grpc_limits_test.cc with the generated client, and
// in grpc_buf_test.cc with one that is not ours.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/http_server.h"
#include "service/inference_context.h"

namespace assay {

struct GrpcLimits {
  size_t connections_max = 1024;  // more are closed as they come
  size_t streams_per_connection_max = 256;
  size_t metadata_bytes_max = 16 << 10;
  // Of one stream, what its client has not taken yet; one that falls behind further is ended.
  size_t stream_queue_bytes_max = size_t{1} << 20;
  // That a client has to take the rest of an answer that is complete.
  double take_seconds = 30;
  size_t health_watchers_max = 1024;
  // Of connections: without a call; altogether; then, that calls have to end. Pings find out
  // whether a silent client still lives.
  double idle_seconds = 900;
  double age_seconds = 7200;
  double age_grace_seconds = 600;
  double ping_seconds = 60;
  double ping_timeout_seconds = 20;
};

struct InferenceGrpcOptions {
  std::string address = "127.0.0.1:0";  // as parse_listen_address takes it, or unix:PATH
  std::optional<TlsOptions> tls;
  bool enable_reflection = false;
  bool enable_admin = false;
  // What ModelAdminService may load from: a folder; and everything about a model that its requests
  // do not say.
  std::string model_root;
  ServedModelOptions model_defaults;
  uint64_t memory_bytes_max = 0;  // as GetStatus tells it; 0: none
  GrpcLimits limits;
};

// Threads: any.
class InferenceGrpcServer {
 public:
  // Listens when it returns. context has to outlive the server. Errors: INVALID_ARGUMENT (address,
  // option), UNAVAILABLE (the address cannot be bound), and those of TLS: NOT_FOUND,
  // PERMISSION_DENIED, DATA_LOSS (what is in the files).
  static Result<std::unique_ptr<InferenceGrpcServer>> create(const InferenceGrpcOptions& options,
                                                             const InferenceContext& context);
  // Stops at once.
  ~InferenceGrpcServer();

  uint16_t port() const;  // 0 for a unix socket
  // Calls that have not ended.
  size_t calls() const;
  // Takes no more calls; those that have begun may end until grace has passed, then they are
  // cancelled. Health watchers are told and let go at once. Returns when nothing runs any more: a
  // model that is being loaded is waited for.
  void stop(std::chrono::milliseconds grace);

 private:
  struct State;
  explicit InferenceGrpcServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace assay
