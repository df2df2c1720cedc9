// assay bench: how fast a model runs here, and what memory that takes.
#include <cmath>

#include "app/commands.h"
#include "app/interrupt.h"
#include "app/speed.h"
#include "base/json.h"
#include "base/memory.h"

namespace assay {
namespace {

void print_json(const BenchCommand& command, const Model& model, const ComputeContext& compute,
                const Speed& speed) {
  Json json;
  json["schema"] = "assay.bench.v1";
  json["model"] = command.model;
  json["profile"] = kProfileId;
  json["isa"] = isa_name(compute.kernels->isa);
  json["threads"] = compute.pool->threads();
  json["family"] = model.arch.family;
  json["types"] = type_names(model);
  json["parameters"] = model.parameters;
  json["prompt_tokens"] = command.options.prompt_tokens;
  json["generate_tokens"] = command.options.generate_tokens;
  json["repeat"] = command.options.repeat;
  json["prefill_tokens_per_s"] = speed.prefill_tokens_per_s;
  if (command.options.generate_tokens > 0) {
    json["decode_tokens_per_s"] = speed.decode_tokens_per_s;
  } else {
    json["decode_tokens_per_s"] = nullptr;
  }
  json["peak_rss_bytes"] = peak_rss_bytes();
  json["load_seconds"] = speed.load_seconds;
  json["prefill_seconds"] = speed.prefill_seconds;
  json["decode_seconds"] = speed.decode_seconds;
  json["logits_sha256"] = to_hex(speed.logits_digest);
  write_out(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

// "36,428", "471.3".
std::string format_speed(double per_second) {
  if (per_second >= 1000) return format_count(static_cast<uint64_t>(std::llround(per_second)));
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", per_second);
  return text;
}

void print_row(const char* name, const std::string& value, const std::string& of) {
  write_out("  " + pad_right(name, 12) + pad_left(value, 10) + "  " + of + "\n");
}

void print_table(const BenchCommand& command, const TextStyle& style, const Model& model,
                 const ComputeContext& compute, const Speed& speed) {
  const SpeedOptions& options = command.options;
  const std::string runs = ", median of " + format_count(options.repeat);
  write_out(paint(style, Paint::kBold, printable(style, command.model)) + "\n");
  write_out("  " + model.arch.family + ", " + format_parameters(model.parameters) +
            " parameters, " + type_names(model) + "; " +
            std::string(isa_name(compute.kernels->isa)) + ", " +
            format_count(compute.pool->threads()) + " threads\n\n");
  print_row("prefill", format_speed(speed.prefill_tokens_per_s),
            "tokens/s  (" + format_count(options.prompt_tokens) + " tokens" + runs + ")");
  if (options.generate_tokens > 0) {
    print_row("decode", format_speed(speed.decode_tokens_per_s),
              "tokens/s  (" + format_count(options.generate_tokens) + " tokens" + runs + ")");
  }
  print_row("memory", format_size(peak_rss_bytes()), "at its highest");
  print_row("load", format_seconds(speed.load_seconds), "for reading and checking the weights");
  write_out("\nSHA-256 of the last logits, profile " + std::string(kProfileId) + "\n  " +
            to_hex(speed.logits_digest) + "\n");
}

Status bench(const BenchCommand& command, const Console& console) {
  ASSAY_ASSIGN_OR_RETURN(const Model model, open_model(command.model));
  ASSAY_ASSIGN_OR_RETURN(ComputeContext compute, make_compute(command.threads));
  install_interrupt("\nassay bench: interrupted\n");
  ASSAY_ASSIGN_OR_RETURN(const Speed speed,
                         measure_speed(model, compute, command.options, monotonic_clock()));
  if (command.json) {
    print_json(command, model, compute, speed);
  } else {
    print_table(command, console.out, model, compute, speed);
  }
  return flush_out();
}

}  // namespace

int run_bench(const BenchCommand& command, const Console& console) {
  const Status status = bench(command, console);
  if (!status.ok()) print_error(console, "bench", status.message());
  return file_exit_code(status, command.model);
}

}  // namespace assay
