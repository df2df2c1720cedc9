// The command line of inference-sidecar. Include from .cc files that parse arguments only (CLI11 is
// heavy). Tested in inference_sidecar_options_test.cc.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "service/sidecar.h"

namespace assay {

struct SidecarCommand {
  SidecarOptions sidecar;
  std::string ports_file;  // written once it listens
  LogLevel log_level = LogLevel::kInfo;
  size_t pin_goldens = 0;  // write so many beside the model and end; 0: serve
};

// Values are put into their place as they are parsed; finish_sidecar_options() checks what belongs
// together.
class SidecarOptionReader {
 public:
  explicit SidecarOptionReader(CLI::App& app);
  // Errors: INVALID_ARGUMENT (names the option).
  Result<SidecarCommand> finish() const;

 private:
  void add_model_options(CLI::App& app);
  void add_listen_options(CLI::App& app);
  void add_limit_options(CLI::App& app);

  SidecarCommand command_;
  ServedModelOptions model_;  // what holds for every model
  std::string model_path_;
  std::string model_name_;
  std::string expected_hash_;
  std::vector<std::string> more_models_;  // NAME=PATH
  std::string sharing_ = "all";
  TlsOptions tls_;
  uint64_t memory_mb_ = 0;
  bool force_cpu_ = true;
  bool deterministic_ = true;
};

}  // namespace assay
