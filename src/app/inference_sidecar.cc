#include "app/inference_sidecar.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>

#include "app/cli_help.h"
#include "app/exit_code.h"
#include "app/inference_sidecar_options.h"
#include "base/file.h"
#include "base/json.h"
#include "inference/governance.h"

namespace assay {
namespace {

constexpr const char* kName = "inference-sidecar";

// A signal's number goes through the pipe to whoever waits; a second signal, or one before there is
// anything to end well, ends the program at once.
int signal_pipe[2] = {-1, -1};
std::atomic<bool> ends_well{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int signal) {
  if (!ends_well.exchange(false)) _exit(128 + signal);
  const char byte = static_cast<char>(signal);
  if (write(signal_pipe[1], &byte, 1) != 1) _exit(128 + signal);
}

Status install_signals() {
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) return unavailable("pipe2 failed: no descriptors left");
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ok_status();
}

void wait_for_signal() {
  char byte = 0;
  while (read(signal_pipe[0], &byte, 1) != 1) {
  }
}

Status write_ports(const std::string& path, const InferenceSidecar::Ports& ports) {
  if (path.empty()) return ok_status();
  const Json json = {{"http", ports.http}, {"grpc", ports.grpc}, {"metrics", ports.metrics}};
  return write_file_atomically(path, as_bytes(json.dump() + "\n"));
}

Status pin_goldens(const SidecarCommand& command) {
  if (command.sidecar.models.empty()) return invalid_argument("--pin-goldens needs --model-path");
  ServedModelOptions options = command.sidecar.models.front();
  options.reads_goldens = false;
  ASSAY_ASSIGN_OR_RETURN(ComputeContext compute, make_compute(command.sidecar.threads));
  ComputeTurn turn;
  ASSAY_ASSIGN_OR_RETURN(
      const auto served,
      ServedModel::load(
          options, {.context = &compute, .turn = &turn, .clock = &monotonic_clock()}, nullptr, {}));
  ASSAY_RETURN_IF_ERROR(served->pin_goldens(command.pin_goldens));
  write_out(std::to_string(command.pin_goldens) + " goldens written to " +
            goldens_path(options.path) + "\n");
  return flush_out();
}

Status serve(const SidecarCommand& command) {
  ASSAY_RETURN_IF_ERROR(install_signals());
  ASSAY_ASSIGN_OR_RETURN(const auto sidecar, InferenceSidecar::start(command.sidecar));
  ends_well = true;
  ASSAY_RETURN_IF_ERROR(write_ports(command.ports_file, sidecar->ports()));
  wait_for_signal();
  sidecar->stop();
  return ok_status();
}

}  // namespace

int run_inference_sidecar(int argc, const char* const* argv, const Console& console) {
  CLI::App app("serves language models; an answer's bits depend on the request alone", kName);
  app.formatter(make_help_formatter());
  app.set_help_flag("-h,--help", "Show this help");
  app.footer(
      "Examples:\n"
      "  inference-sidecar --model-path model.gguf\n"
      "  inference-sidecar --model-path model.gguf --expected-hash $(sha256sum model.gguf | "
      "cut -c1-64)\n"
      "  curl -s 127.0.0.1:8080/v1/completions -d '{\"prompt\": \"Once\"}'\n\n"
      "Exit codes: 0 ended by a signal, 64 usage, 65 the model is not what it should be, 66 no "
      "such file,\n69 an address or memory cannot be had.\n");
  SidecarOptionReader reader(app);
  if (const auto code = parse_command_line(app, argc, argv, console)) return *code;
  auto command = reader.finish();
  if (!command.ok()) {
    print_program_error(console, kName, command.status().message());
    return kExitUsage;
  }
  command->sidecar.version = ASSAY_VERSION;
  command->sidecar.logger = std::make_shared<Logger>(LogOptions{.level = command->log_level});
  const Status status = command->pin_goldens > 0 ? pin_goldens(*command) : serve(*command);
  if (status.ok()) return kExitOk;
  print_program_error(console, kName, status.message());
  return status.code() == Code::kFailedPrecondition ? kExitData : status_exit_code(status);
}

}  // namespace assay
