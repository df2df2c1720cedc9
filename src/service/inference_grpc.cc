#include "service/inference_grpc.h"

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <inference/v1/inference.grpc.pb.h>

#include <atomic>
#include <chrono>
#include <limits>

#include "base/file.h"
#include "net/tls.h"
#include "service/grpc_health.h"
#include "service/grpc_services.h"
#include "service/socket_listener.h"

namespace assay {
namespace {

constexpr size_t kReaderThreads = 2;
constexpr size_t kReadersWaitingMax = 256;
constexpr size_t kTestThreads = 2;
constexpr size_t kTasksWaitingMax = 16;
constexpr size_t kPemBytesMax = size_t{1} << 20;
constexpr int kSyncThreadsMax = 16;  // reflection answers in threads of its own

int as_ms(double seconds) {
  return static_cast<int>(std::clamp(seconds * 1000, 0.0, double{std::numeric_limits<int>::max()}));
}

// Linked in, gRPC's reflection plugs itself into every server.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool is_enabled) : is_enabled_(is_enabled) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
    if (!is_enabled_) return;
    plugins->push_back(std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>());
  }

 private:
  const bool is_enabled_;
};

Result<std::string> read_pem(const std::string& path) { return read_text_file(path, kPemBytesMax); }

Result<std::shared_ptr<grpc::ServerCredentials>> make_credentials(
    const std::optional<TlsOptions>& tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  // OpenSSL says what is wrong with the files; gRPC would not.
  ASSAY_RETURN_IF_ERROR(make_tls_context(*tls).status());
  grpc::SslServerCredentialsOptions options(
      tls->client_ca_file.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                  : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  ASSAY_ASSIGN_OR_RETURN(pair.private_key, read_pem(tls->key_file));
  ASSAY_ASSIGN_OR_RETURN(pair.cert_chain, read_pem(tls->certificate_file));
  options.pem_key_cert_pairs.push_back(std::move(pair));
  if (!tls->client_ca_file.empty()) {
    ASSAY_ASSIGN_OR_RETURN(options.pem_root_certs, read_pem(tls->client_ca_file));
  }
  return grpc::SslServerCredentials(options);
}

void set_limits(grpc::ServerBuilder& builder, const GrpcLimits& limits, size_t message_bytes_max) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(message_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(limits.streams_per_connection_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(limits.metadata_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, as_ms(limits.idle_seconds));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, as_ms(limits.age_seconds));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, as_ms(limits.age_grace_seconds));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, as_ms(limits.ping_seconds));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, as_ms(limits.ping_timeout_seconds));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  grpc::ResourceQuota quota("inference");
  quota.SetMaxThreads(kSyncThreadsMax);
  builder.SetResourceQuota(quota);
}

}  // namespace

struct InferenceGrpcServer::State {
  State(const InferenceGrpcOptions& options_in, const InferenceContext& context_in)
      : options(options_in), context(context_in) {}

  const InferenceGrpcOptions options;
  const InferenceContext& context;
  std::atomic<bool> shuts_down{false};
  OpenCalls calls;
  // They run what calls that are still open have left to them, so they go last.
  TaskThreads writers{1, std::numeric_limits<size_t>::max()};
  TaskThreads readers{kReaderThreads, kReadersWaitingMax};
  TaskThreads tests{kTestThreads, kTasksWaitingMax};
  TaskThreads admin{1, kTasksWaitingMax};
  const GrpcServing serving{context, options.limits, calls, readers, writers};
  const GrpcServiceParts parts{serving, options, tests, admin, shuts_down};
  std::unique_ptr<GrpcHealth> health;
  std::unique_ptr<grpc::Service> inference;
  std::unique_ptr<grpc::Service> admin_service;
  // gRPC's own listener stops for good when accept() once fails for want of a descriptor.
  std::unique_ptr<SocketListener> listener;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;
  std::mutex shutdown_mutex;
  bool is_down = false;

  Status start();
  void stop(std::chrono::milliseconds grace);
};

Status InferenceGrpcServer::State::start() {
  namespace v1 = inference::v1;
  std::vector<std::string> names = {v1::InferenceService::service_full_name()};
  if (options.enable_admin) names.emplace_back(v1::ModelAdminService::service_full_name());
  health = std::make_unique<GrpcHealth>(*context.health, names, options.limits.health_watchers_max,
                                        calls);
  this->inference = make_inference_service(parts);
  ASSAY_ASSIGN_OR_RETURN(listener, SocketListener::open(options.address));
  ASSAY_ASSIGN_OR_RETURN(const auto credentials, make_credentials(options.tls));
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<ReflectionOption>(options.enable_reflection));
  set_limits(builder, options.limits, context.limits.message_bytes_max);
  acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  builder.RegisterService(this->inference.get());
  builder.RegisterService(&health->service());
  if (options.enable_admin) {
    admin_service = make_admin_service(parts);
    builder.RegisterService(admin_service.get());
  }
  server = builder.BuildAndStart();
  if (server == nullptr) return internal_error("gRPC does not start on " + options.address);
  listener->start(options.limits.connections_max, [this](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    acceptor->HandleNewConnection(&connection);
  });
  return ok_status();
}

void InferenceGrpcServer::State::stop(std::chrono::milliseconds grace) {
  const std::lock_guard lock(shutdown_mutex);
  if (is_down || server == nullptr) return;
  is_down = true;
  shuts_down = true;
  listener->stop();
  health->close();
  server->Shutdown(std::chrono::system_clock::now() + grace);
  calls.wait_until_none();
  server->Wait();
}

Result<std::unique_ptr<InferenceGrpcServer>> InferenceGrpcServer::create(
    const InferenceGrpcOptions& options, const InferenceContext& context) {
  if (options.enable_admin && options.model_root.empty()) {
    return invalid_argument("the admin service needs a folder that models may be loaded from");
  }
  // Protobuf would write each malformed message of a client to the log.
  google::protobuf::SetLogHandler(nullptr);
  auto state = std::make_unique<State>(options, context);
  ASSAY_RETURN_IF_ERROR(state->start());
  return std::unique_ptr<InferenceGrpcServer>(new InferenceGrpcServer(std::move(state)));
}

InferenceGrpcServer::InferenceGrpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
InferenceGrpcServer::~InferenceGrpcServer() { stop(std::chrono::milliseconds(0)); }

uint16_t InferenceGrpcServer::port() const { return state_->listener->port(); }
size_t InferenceGrpcServer::calls() const { return state_->calls.count(); }
void InferenceGrpcServer::stop(std::chrono::milliseconds grace) { state_->stop(grace); }

}  // namespace assay
