// assay synth: a valid model of any size with seeded weights, for tests of scale and speed.
#include "app/commands.h"
#include "app/interrupt.h"
#include "app/progress.h"
#include "model/compute.h"
#include "model/synth.h"

namespace assay {
namespace {

Status synth(const SynthCommand& command, const Console& console) {
  ASSAY_ASSIGN_OR_RETURN(const ComputeContext compute, make_compute(command.threads));
  install_interrupt("assay synth: interrupted; no file was written\n");
  ProgressLine line(console);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  SynthOptions options;
  options.path = command.path;
  options.params = command.parameters;
  options.type = command.type;
  options.seed = command.seed;
  options.change_tensor = command.change_tensor;
  options.threads = compute.pool->threads();
  const auto report = synthesize(options, [&](uint64_t done, uint64_t total) {
    Progress progress;
    progress.stage = "writing " + command.path;
    progress.fraction = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
    progress.bytes_read = done;
    progress.seconds = seconds();
    line.update(progress);
  });
  line.clear();
  if (!report.ok()) return report.status();
  const SynthShape& shape = report->shape;
  write_out(printable(console.out, command.path) + "\n  " + format_count(report->params) +
            " parameters, " + std::string(dtype_info(command.type).name) + ", " +
            format_count(shape.layers) + " layers of width " + format_count(shape.width) +
            ", vocabulary " + format_count(shape.vocab) + "\n  " + format_size(report->file_bytes) +
            " in " + format_seconds(seconds()) + "\n");
  return flush_out();
}

}  // namespace

int run_synth(const SynthCommand& command, const Console& console) {
  const Status status = synth(command, console);
  if (!status.ok()) print_error(console, "synth", status.message());
  return status_exit_code(status);
}

}  // namespace assay
