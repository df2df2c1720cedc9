#include "app/inference_sidecar_options.h"

#include <algorithm>
#include <filesystem>

#include "app/cli_readers.h"

namespace assay {
namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;
// Of --max-memory-mb, what the program itself takes beside its models: buffers of connections,
// answers on their way.
constexpr uint64_t kOwnMemoryBytes = 64 * kMegabyte;

// "30", "30s", "500ms", "2m", "1h", in seconds.
Result<double> parse_seconds(const std::string& text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  constexpr Unit kUnits[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"", 1}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    const std::string_view digits =
        std::string_view(text).substr(0, text.size() - unit.name.size());
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) continue;
    value *= unit.seconds;
    if (value >= 0 && value <= 86400) return value;
  }
  return invalid_argument("'" + text + "' is no time like 2s, 500ms or 10m, of at most a day");
}

Result<Digest> parse_digest(const std::string& text) {
  auto digest = array_from_hex<32>(text);
  if (digest.ok()) return *digest;
  return invalid_argument("'" + text + "' is no SHA-256: expected 64 of 0-9 a-f");
}

// "models/llama.gguf" is served as "llama".
std::string name_of(const std::string& path) {
  std::filesystem::path file = std::filesystem::path(path).lexically_normal();
  if (!file.has_filename()) file = file.parent_path();
  return file.extension() == ".gguf" ? file.stem().string() : file.filename().string();
}

}  // namespace

SidecarOptionReader::SidecarOptionReader(CLI::App& app) {
  add_model_options(app);
  add_listen_options(app);
  add_limit_options(app);
}

void SidecarOptionReader::add_model_options(CLI::App& app) {
  const std::string group = "The models";
  const auto text = [&](const char* name, std::string& value, const char* shown,
                        const char* description) {
    return app.add_option(name, value, description)->option_text(shown)->group(group);
  };
  text("--model-path", model_path_, "PATH", "File or folder of the default model")
      ->envname("VEID_INFERENCE_MODEL_PATH");
  text("--model-name", model_name_, "NAME", "What it is served as (default: the file's name)");
  text("--model-version", model_.version, "TEXT", "The version to report")
      ->envname("VEID_INFERENCE_MODEL_VERSION");
  text("--expected-hash", expected_hash_, "HEX",
       "Its SHA-256 (sha256sum of the file), or its canonical digest; another one is not served")
      ->envname("VEID_INFERENCE_MODEL_HASH");
  app.add_option("--model", more_models_, "A further model (repeatable)")
      ->option_text("NAME=PATH")
      ->group(group);
  text("--governance", command_.sidecar.registry.governance_path, "FILE",
       "Serve only models that this file approves (docs/formats/governance.md)");
  app.add_flag("--require-goldens", model_.requires_goldens,
               "Serve only models that have goldens beside them")
      ->group(group);
  add_read(app, "--pin-goldens", "N",
           "Compute N goldens of the default model, write them beside it, and end",
           read_number<size_t>(command_.pin_goldens, 1, kGoldensMax))
      ->group(group);
  add_read(app, "--max-models", "N", "Models at a time (default 4)",
           read_number<size_t>(command_.sidecar.registry.models_max, 1, 1024))
      ->group(group)
      ->envname("MAX_CONCURRENT_MODELS");
  add_read(app, "--check-interval", "TIME",
           "Between two checks of weights and goldens (default 5m; 0: none)",
           read_parsed(command_.sidecar.check_seconds, parse_seconds))
      ->group(group);
}

void SidecarOptionReader::add_listen_options(CLI::App& app) {
  SidecarOptions& sidecar = command_.sidecar;
  const std::string group = "Where it listens";
  const auto text = [&](const char* name, std::string& value, const char* shown,
                        const char* description) {
    return app.add_option(name, value, description)->option_text(shown)->group(group);
  };
  text("--grpc-addr", sidecar.grpc_address, "ADDRESS",
       "gRPC (default 127.0.0.1:50051; ':50051' on all interfaces; '': off)")
      ->envname("VEID_INFERENCE_SIDECAR_ADDR");
  text("--http-addr", sidecar.http_address, "ADDRESS",
       "OpenAI-compatible HTTP (default 127.0.0.1:8080; '': off)");
  text("--metrics-addr", sidecar.metrics_address, "ADDRESS",
       "Health and metrics (default 127.0.0.1:9090; '': off)");
  text("--ports-file", command_.ports_file, "FILE",
       "Write the ports in use as JSON, once it serves; for ports that are 0");
  text("--tls-cert", tls_.certificate_file, "FILE", "Certificate chain (PEM): TLS for both");
  text("--tls-key", tls_.key_file, "FILE", "Its key (PEM), readable by its owner only");
  text("--tls-client-ca", tls_.client_ca_file, "FILE",
       "Clients must show a certificate signed by this one (PEM)");
  app.add_flag("--enable-reflection", sidecar.enable_reflection,
               "Let gRPC clients ask for the interface")
      ->group(group);
  app.add_flag("--enable-admin", sidecar.enable_admin, "Let clients load and unload models")
      ->group(group);
  text("--model-root", sidecar.model_root, "FOLDER", "Admin calls load models from below it");
}

void SidecarOptionReader::add_limit_options(CLI::App& app) {
  SidecarOptions& sidecar = command_.sidecar;
  BatcherOptions& batching = model_.batching;
  const std::string group = "Limits and computation";
  const auto number = [&]<typename T>(const char* name, const char* shown, const char* description,
                                      T& value, T min, T max) {
    return add_read(app, name, shown, description, read_number<T>(value, min, max))->group(group);
  };
  number("--threads", "N", "Threads that compute (default: all processors)", sidecar.threads,
         size_t{1}, size_t{256});
  number("--max-memory-mb", "MB", "All that it takes (default: what the machine leaves)",
         memory_mb_, uint64_t{64}, uint64_t{1} << 24);
  number("--context", "TOKENS", "Of a sequence (default: the model's, at most 4096)",
         model_.context_tokens, size_t{2}, size_t{1} << 20);
  number("--max-running", "N", "Sequences computed together (default 64)", batching.running_max,
         size_t{1}, size_t{1024});
  number("--max-queued", "N", "Requests that wait; more are told to come again (default 256)",
         batching.queued_max, size_t{1}, size_t{1} << 20);
  number("--batch-tokens", "N", "Tokens of a step (default 64)", batching.batch_tokens, size_t{1},
         size_t{4096});
  app.add_option("--prefix-sharing", sharing_,
                 "Whose prompts share what was computed of a common beginning: all (default), "
                 "client, off. Sharing changes no bit of an answer, only its time, which tells "
                 "that somebody asked alike")
      ->option_text("WHOSE")
      ->group(group);
  add_read(app, "--timeout", "TIME", "Of a request, whatever it asks for (default 10m)",
           read_parsed(sidecar.limits.timeout_seconds, parse_seconds))
      ->group(group);
  add_read(app, "--drain-timeout", "TIME", "For requests that have begun, at the end (default 30s)",
           read_parsed(sidecar.drain_seconds, parse_seconds))
      ->group(group);
  number("--random-seed", "N", "Of requests that name none (default 42)", sidecar.default_seed,
         uint64_t{0}, ~uint64_t{0})
      ->envname("VEID_INFERENCE_RANDOM_SEED");
  app.add_flag("--force-cpu", force_cpu_, "Accepted; there is nothing else")
      ->group(group)
      ->envname("VEID_INFERENCE_FORCE_CPU");
  app.add_flag("--deterministic", deterministic_, "Accepted; it cannot be turned off")
      ->group(group)
      ->envname("VEID_INFERENCE_DETERMINISTIC");
  add_read(app, "--log-level", "LEVEL",
           "debug, info (default), warn or error: JSON lines on standard error",
           read_parsed(command_.log_level, parse_log_level))
      ->group(group);
  app.add_option("--otlp-endpoint", sidecar.otlp_endpoint,
                 "Send traces to this collector (http://127.0.0.1:4318/v1/traces)")
      ->option_text("URL")
      ->group(group);
}

Result<SidecarCommand> SidecarOptionReader::finish() const {
  SidecarCommand command = command_;
  SidecarOptions& sidecar = command.sidecar;
  if (!force_cpu_)
    return invalid_argument("--force-cpu=false: models are computed on the CPU only");
  if (!deterministic_) {
    return invalid_argument("--deterministic=false: every answer is deterministic");
  }
  ServedModelOptions model = model_;
  if (sharing_ == "off") {
    model.batching.sharing = PrefixSharing::kOff;
  } else if (sharing_ == "client") {
    model.batching.sharing = PrefixSharing::kWithinClient;
  } else if (sharing_ != "all") {
    return invalid_argument("--prefix-sharing: '" + sharing_ + "' is not all, client or off");
  }
  if (!model_path_.empty()) {
    ServedModelOptions first = model;
    first.path = model_path_;
    first.name = model_name_.empty() ? name_of(model_path_) : model_name_;
    if (!expected_hash_.empty()) {
      ASSAY_ASSIGN_OR_RETURN(first.expected_digest, parse_digest(expected_hash_));
    }
    sidecar.models.push_back(std::move(first));
  }
  for (const std::string& one : more_models_) {
    const size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == one.size()) {
      return invalid_argument("--model: '" + one + "' is not NAME=PATH");
    }
    ServedModelOptions further = model;
    further.version.clear();
    further.name = one.substr(0, equals);
    further.path = one.substr(equals + 1);
    sidecar.models.push_back(std::move(further));
  }
  if (sidecar.models.empty() && !sidecar.enable_admin) {
    return invalid_argument(
        "name a model with --model-path, or let models be loaded with "
        "--enable-admin");
  }
  if (tls_.certificate_file.empty() != tls_.key_file.empty()) {
    return invalid_argument("--tls-cert and --tls-key go together");
  }
  if (!tls_.client_ca_file.empty() && tls_.certificate_file.empty()) {
    return invalid_argument("--tls-client-ca needs --tls-cert and --tls-key");
  }
  if (!tls_.certificate_file.empty()) sidecar.tls = tls_;
  if (memory_mb_ != 0) {
    const uint64_t bytes = memory_mb_ * kMegabyte;
    sidecar.registry.memory_bytes = bytes - std::min(kOwnMemoryBytes, bytes / 4);
  }
  sidecar.registry.drain_seconds = sidecar.drain_seconds;
  sidecar.model_defaults = model;
  return command;
}

}  // namespace assay
