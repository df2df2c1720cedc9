#include "service/sidecar.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "net/http_access_log.h"
#include "net/http_metrics.h"
#include "net/otlp_exporter.h"
#include "service/health_routes.h"
#include "service/inference_grpc.h"
#include "service/openai_api.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

using std::chrono::duration;

constexpr size_t kHttpThreads = 2;
constexpr size_t kMetricsThreads = 1;
// What listeners get to close after the models have drained.
constexpr std::chrono::milliseconds kCloseGrace{2000};

uint64_t unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

}  // namespace

struct InferenceSidecar::State {
  explicit State(const SidecarOptions& options_in)
      : options(options_in), health(monotonic_clock()) {}

  const SidecarOptions options;
  ComputeContext compute;
  ComputeTurn turn;
  ServiceHealth health;
  std::unique_ptr<InferenceMetrics> metrics;
  std::unique_ptr<ModelRegistry> models;
  std::unique_ptr<Tracer> tracer;
  InferenceContext context;
  std::unique_ptr<HttpServer> metrics_server;
  std::unique_ptr<HttpServer> http_server;
  std::unique_ptr<InferenceGrpcServer> grpc_server;

  std::mutex mutex;
  std::condition_variable stopped_changed;
  bool stopped = false;
  std::thread checker;

  Status prepare();
  Status prepare_traces();
  void note(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    if (options.logger != nullptr) options.logger->write(level, message, fields);
  }
  Status listen();
  Status listen_metrics();
  Status listen_http();
  Status listen_grpc();
  Status load_models();
  void check_model(ServedModel& served);
  void check_until_stopped();
};

Status InferenceSidecar::State::prepare() {
  ASSAY_ASSIGN_OR_RETURN(compute, make_compute(options.threads));
  // A self-test may ask for more threads than requests are computed with.
  compute.threads_max = std::max(compute.pool->threads(), kSelfTestThreadsMax);
  metrics = std::make_unique<InferenceMetrics>(options.version,
                                               std::string(isa_name(compute.kernels->isa)));
  ModelRegistryOptions registry = options.registry;
  registry.unix_seconds = unix_seconds;
  ASSAY_ASSIGN_OR_RETURN(
      models, ModelRegistry::create(
                  registry, {.context = &compute, .turn = &turn, .clock = &monotonic_clock()}));
  ASSAY_RETURN_IF_ERROR(prepare_traces());
  context = {.models = models.get(),
             .health = &health,
             .metrics = metrics.get(),
             .clock = &monotonic_clock(),
             .tracer = tracer.get(),
             .limits = options.limits,
             .default_seed = options.default_seed,
             .version = options.version};
  return ok_status();
}

Status InferenceSidecar::State::prepare_traces() {
  if (options.otlp_endpoint.empty()) return ok_status();
  OtlpOptions otlp;
  otlp.endpoint = options.otlp_endpoint;
  otlp.service_name = "inference-sidecar";
  otlp.service_version = options.version;
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<OtlpExporter> exporter,
                         OtlpExporter::create(std::move(otlp)));
  tracer = std::make_unique<Tracer>(TracerOptions{.sink = std::move(exporter)});
  return ok_status();
}

Status InferenceSidecar::State::listen_metrics() {
  HttpServerOptions server = {.address = options.metrics_address, .threads = kMetricsThreads};
  ASSAY_ASSIGN_OR_RETURN(metrics_server, HttpServer::create(std::move(server)));
  add_health_routes(*metrics_server, health);
  add_metrics_route(*metrics_server, [this] { return metrics->text(*models, health); });
  return metrics_server->start();
}

Status InferenceSidecar::State::listen_http() {
  HttpServerOptions server = {.address = options.http_address, .threads = kHttpThreads};
  server.tls = options.tls;
  server.limits.body_bytes_max = options.limits.message_bytes_max;
  server.limits.answer_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      duration<double>(options.limits.timeout_seconds + 10));
  server.shape_error = openai_shape_error;
  std::shared_ptr<HttpObserver> access_log;
  if (options.logger != nullptr) access_log = std::make_shared<HttpAccessLog>(options.logger);
  server.observer = std::make_shared<HttpMetrics>(metrics->registry(), std::move(access_log));
  server.log = [this](std::string_view fault) { note(LogLevel::kWarn, fault, {}); };
  ASSAY_ASSIGN_OR_RETURN(http_server, HttpServer::create(std::move(server)));
  add_health_routes(*http_server, health);
  add_openai_routes(*http_server, context);
  return http_server->start();
}

Status InferenceSidecar::State::listen_grpc() {
  InferenceGrpcOptions server = {.address = options.grpc_address,
                                 .tls = options.tls,
                                 .enable_reflection = options.enable_reflection,
                                 .enable_admin = options.enable_admin,
                                 .model_root = options.model_root,
                                 .model_defaults = options.model_defaults,
                                 .memory_bytes_max = options.registry.memory_bytes};
  ASSAY_ASSIGN_OR_RETURN(grpc_server, InferenceGrpcServer::create(server, context));
  return ok_status();
}

Status InferenceSidecar::State::listen() {
  if (!options.metrics_address.empty()) ASSAY_RETURN_IF_ERROR(listen_metrics());
  if (!options.http_address.empty()) ASSAY_RETURN_IF_ERROR(listen_http());
  if (!options.grpc_address.empty()) ASSAY_RETURN_IF_ERROR(listen_grpc());
  return ok_status();
}

Status InferenceSidecar::State::load_models() {
  for (const ServedModelOptions& model : options.models) {
    const double begin = monotonic_clock().seconds();
    ASSAY_RETURN_IF_ERROR(models->load(model, /*replace=*/false));
    ASSAY_ASSIGN_OR_RETURN(const auto served, models->find(model.name));
    const ServedModelInfo& info = served->info();
    note(LogLevel::kInfo, "model is served",
         {{"model", info.name},
          {"path", info.path},
          {"artifact_sha256", to_hex(info.artifact)},
          {"context_tokens", uint64_t{info.context_tokens}},
          {"memory_bytes", info.memory_bytes},
          {"offloaded", info.offloaded},
          {"goldens",
           uint64_t{served->goldens() == nullptr ? 0 : served->goldens()->vectors.size()}},
          {"seconds", monotonic_clock().seconds() - begin}});
  }
  return ok_status();
}

// What it finds broken stays so until the model is replaced.
void InferenceSidecar::State::check_model(ServedModel& served) {
  const std::string part = "model " + served.info().name;
  const double begin = monotonic_clock().seconds();
  Status status = served.check_weights();
  if (status.ok() && served.goldens() != nullptr) status = served.check_goldens();
  // A model that is just being taken out of service has not failed.
  if (status.code() == Code::kUnavailable) return;
  metrics->self_test(served.info().name, status.ok(), monotonic_clock().seconds() - begin);
  if (status.ok()) {
    // What was found broken was replaced.
    health.set_whole(part);
    return;
  }
  health.set_broken(part, status.message());
  note(LogLevel::kError, "model failed its self-test",
       {{"model", served.info().name}, {"reason", status.message()}});
}

void InferenceSidecar::State::check_until_stopped() {
  std::unique_lock lock(mutex);
  while (!stopped) {
    if (stopped_changed.wait_for(lock, duration<double>(options.check_seconds),
                                 [this] { return stopped; })) {
      return;
    }
    lock.unlock();
    for (const auto& served : models->list()) check_model(*served);
    lock.lock();
  }
}

InferenceSidecar::InferenceSidecar(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<InferenceSidecar>> InferenceSidecar::start(const SidecarOptions& options) {
  std::unique_ptr<InferenceSidecar> sidecar(new InferenceSidecar(std::make_unique<State>(options)));
  State& s = *sidecar->state_;
  ASSAY_RETURN_IF_ERROR(s.prepare());
  ASSAY_RETURN_IF_ERROR(s.listen());
  ASSAY_RETURN_IF_ERROR(s.load_models());
  s.health.set_serving();
  const Ports ports = sidecar->ports();
  s.note(LogLevel::kInfo, "serving",
         {{"http_port", int{ports.http}},
          {"grpc_port", int{ports.grpc}},
          {"metrics_port", int{ports.metrics}},
          {"threads", uint64_t{s.compute.pool->threads()}},
          {"isa", isa_name(s.compute.kernels->isa)}});
  if (options.check_seconds > 0) {
    s.checker = std::thread([&s] { s.check_until_stopped(); });
  }
  return sidecar;
}

InferenceSidecar::~InferenceSidecar() { stop(); }

void InferenceSidecar::stop() {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    if (s.stopped) return;
    s.stopped = true;
  }
  s.stopped_changed.notify_all();
  s.health.set_draining();
  s.note(LogLevel::kInfo, "draining", {});
  if (s.models != nullptr) {
    s.models->drain(monotonic_clock().seconds() + s.options.drain_seconds);
  }
  if (s.checker.joinable()) s.checker.join();
  if (s.http_server != nullptr) s.http_server->stop(kCloseGrace);
  if (s.grpc_server != nullptr) s.grpc_server->stop(kCloseGrace);
  if (s.metrics_server != nullptr) s.metrics_server->stop(kCloseGrace);
}

InferenceSidecar::Ports InferenceSidecar::ports() const {
  Ports ports;
  if (state_->http_server != nullptr) ports.http = state_->http_server->port();
  if (state_->grpc_server != nullptr) ports.grpc = state_->grpc_server->port();
  if (state_->metrics_server != nullptr) ports.metrics = state_->metrics_server->port();
  return ports;
}

ServiceHealth& InferenceSidecar::health() { return state_->health; }
ModelRegistry& InferenceSidecar::models() { return *state_->models; }

void InferenceSidecar::check_models() {
  for (const auto& served : state_->models->list()) state_->check_model(*served);
}

}  // namespace assay
