// assay verify: the main job. What it decides is in verify/session.h; here it is asked for, shown
// and written down.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "app/commands.h"
#include "app/interrupt.h"
#include "app/progress.h"
#include "app/prompts.h"
#include "app/report_text.h"
#include "app/signing_key.h"
#include "base/file.h"
#include "verify/certificate.h"

namespace assay {
namespace {

// Found out now, not after an hour of work: the folder of an output file exists and can be written.
Status check_output(const std::string& path, const char* option) {
  if (path.empty() || path == "-") return ok_status();
  if (is_directory(path)) {
    return invalid_argument(std::string(option) + " " + path + ": is a folder; name a file");
  }
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  if (!is_directory(folder)) {
    return not_found(std::string(option) + " " + path + ": there is no folder " + folder +
                     "; create it first");
  }
  if (access(folder.c_str(), W_OK) != 0) {
    return permission_denied(std::string(option) + " " + path + ": the folder " + folder +
                             " cannot be written to");
  }
  return ok_status();
}

Status check_outputs(const VerifyCommand& command) {
  ASSAY_RETURN_IF_ERROR(check_output(command.json_path, "--json"));
  ASSAY_RETURN_IF_ERROR(check_output(command.certificate_path, "--certificate"));
  return check_output(command.options.transcript_path, "--transcript");
}

std::string interrupt_message(const VerifyOptions& options) {
  if (options.resume_dir.empty()) {
    return "assay verify: interrupted; with --resume DIR the next run could have gone on from "
           "here\n";
  }
  return "assay verify: interrupted; the same command goes on from " + options.resume_dir + "\n";
}

// The command again, without what the report itself holds (challenges, delta) and without outputs.
std::vector<std::string> command_words(const VerifyCommand& command) {
  const VerifyOptions& options = command.options;
  const VerifyOptions defaults;
  std::vector<std::string> words = {command.program, "verify", options.reference, options.target};
  const auto add = [&](const char* option, const std::string& value) {
    words.insert(words.end(), {option, value});
  };
  if (options.alpha != defaults.alpha) add("--alpha", format_real(options.alpha));
  if (options.key_file) add("--key-file", *options.key_file);
  if (options.run_id != defaults.run_id) add("--run-id", options.run_id);
  if (!command.prompts_path.empty()) add("--prompts", command.prompts_path);
  if (options.execute_always) words.emplace_back("--execute");
  return words;
}

Status write_json(const VerifyCommand& command, const VerifyReport& report) {
  if (command.json_path.empty()) return ok_status();
  const std::string text = report_json(report);
  if (command.json_path == "-") {
    write_out(text);
    return ok_status();
  }
  return write_file_atomically(command.json_path, as_bytes(text));
}

std::vector<std::string> input_paths(const VerifyCommand& command) {
  std::vector<std::string> paths = {command.options.reference, command.options.target};
  if (command.options.key_file) paths.push_back(*command.options.key_file);
  return paths;
}

class VerifyRun {
 public:
  VerifyRun(const VerifyCommand& command, const Console& console)
      : command_(command), console_(console), progress_(console) {}

  int run() {
    VerifyOptions options = command_.options;
    if (Status status = prepare(options); !status.ok()) {
      return fail(status, status_exit_code(status));
    }
    install_interrupt(interrupt_message(options));
    ProgressFn progress;
    if (!command_.quiet) progress = [this](const Progress& p) { progress_.update(p); };
    const auto report =
        verify(options, progress, [this](const Forecast& forecast) { show(forecast); });
    progress_.clear();
    if (!report.ok()) {
      return fail(report.status(), file_exit_code(report.status(), input_paths(command_)));
    }
    return deliver(*report);
  }

 private:
  int fail(const Status& status, ExitCode exit_code) {
    progress_.clear();
    print_error(console_, "verify", status.message());
    return exit_code;
  }

  // What can go wrong without any work goes wrong first.
  Status prepare(VerifyOptions& options) {
    ASSAY_RETURN_IF_ERROR(check_outputs(command_));
    if (!command_.prompts_path.empty()) {
      ASSAY_ASSIGN_OR_RETURN(options.prompts, read_prompts(command_.prompts_path));
    }
    if (command_.certificate_path.empty()) return ok_status();
    ASSAY_ASSIGN_OR_RETURN(OpenedKey key,
                           open_signing_key(command_.signing_key_path,
                                            [](const char* name) { return std::getenv(name); }));
    if (key.made) {
      write_err("assay verify: made a signing key for you: " + printable(console_.err, key.path) +
                "\n  public key " + to_hex(ByteSpan(key.key.public_key())) + "\n");
    }
    key_.emplace(std::move(key.key));
    return ok_status();
  }

  bool report_on_out() const { return command_.json_path != "-"; }

  void show(const Forecast& forecast) {
    if (command_.quiet) return;
    if (!console_.err_terminal) {
      forecast_ = forecast.lines;
      return;
    }
    progress_.clear();
    for (const std::string& text : forecast.lines) {
      for (const std::string& part : wrap(printable(console_.err, text), console_.err.width - 4)) {
        write_err("  " + paint(console_.err, Paint::kDim, part) + "\n");
      }
    }
  }

  int deliver(const VerifyReport& report) {
    Status status = write_json(command_, report);
    bool certified = false;
    if (status.ok() && key_) {
      const std::string text = make_certificate(report, *key_);
      status = write_file_atomically(command_.certificate_path, as_bytes(text));
      certified = status.ok();
    }
    if (!command_.quiet) {
      const TextStyle& style = report_on_out() ? console_.out : console_.err;
      const std::string text = report_text(
          report,
          {style, command_words(command_), certified ? command_.certificate_path : "", forecast_});
      if (report_on_out()) {
        write_out(text);
      } else {
        write_err(text);
      }
    }
    if (status.ok()) status = flush_out();
    if (!status.ok()) return fail(status, status_exit_code(status));
    return verdict_exit_code(report.verdict, command_.fail_on);
  }

  const VerifyCommand& command_;
  const Console& console_;
  ProgressLine progress_;
  std::optional<SigningKey> key_;
  std::vector<std::string> forecast_;
};

}  // namespace

int run_verify(const VerifyCommand& command, const Console& console) {
  return VerifyRun(command, console).run();
}

}  // namespace assay
