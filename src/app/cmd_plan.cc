// assay plan: what a verification would do within a memory bound, and how long it would take, from
// headers and a measurement of a second.
#include <cmath>

#include "app/commands.h"
#include "app/machine_speed.h"
#include "base/json.h"
#include "model/panel_stream.h"
#include "model/shape_model.h"
#include "verify/run_plan.h"

namespace assay {
namespace {

struct Planned {
  Model model_a;
  std::optional<Model> model_b;  // none: like the first
  RunPlan plan;
  MachineSpeed speed;
  PredictedSeconds seconds;
  uint64_t memory_bytes = 0;
  size_t threads = 0;

  const Model& b() const { return model_b ? *model_b : model_a; }
};

Result<Model> model_to_plan(const PlanCommand& command) {
  if (command.parameters == 0) return open_model(command.model);
  ASSAY_ASSIGN_OR_RETURN(const SynthShape shape, synth_shape(command.parameters));
  return model_of_shape(shape, command.type);
}

Status plan(const PlanCommand& command, Planned& out) {
  if (command.model.empty() == (command.parameters == 0)) {
    return invalid_argument(
        "name a MODEL, or give the size of one with --params; see assay plan --help");
  }
  ASSAY_ASSIGN_OR_RETURN(out.model_a, model_to_plan(command));
  if (!command.target.empty()) {
    ASSAY_ASSIGN_OR_RETURN(out.model_b, open_model(command.target));
  }
  ASSAY_ASSIGN_OR_RETURN(ComputeContext compute, make_compute(command.threads));
  VerifyOptions options;
  options.challenges = command.challenges;
  options.memory_bytes = command.memory_bytes;
  out.memory_bytes = command.memory_bytes;
  out.threads = compute.pool->threads();
  ASSAY_ASSIGN_OR_RETURN(out.plan, plan_run(out.model_a, out.b(), options, out.threads));
  ASSAY_ASSIGN_OR_RETURN(
      out.speed,
      measure_machine(out.model_a, compute, out.plan.execution.tile_tokens, monotonic_clock()));
  out.seconds = predict_seconds(out.plan, out.speed, out.threads);
  return ok_status();
}

std::string name_of(const PlanCommand& command) {
  return command.parameters == 0 ? command.model : "--params " + std::to_string(command.parameters);
}

Json segments_json(const std::vector<SegmentGroup>& groups) {
  Json json = Json::array();
  for (const SegmentGroup& group : groups) {
    json.push_back({{"sites", group.sites},
                    {"bytes", group.bytes},
                    {"panels", group.panels},
                    {"read_once_per_wave", group.once}});
  }
  return json;
}

void print_json(const PlanCommand& command, const Planned& planned) {
  const RunPlan& plan = planned.plan;
  Json json;
  json["schema"] = "assay.plan.v1";
  json["model_a"] = name_of(command);
  json["model_b"] = command.target.empty() ? name_of(command) : command.target;
  json["parameters_a"] = planned.model_a.parameters;
  json["parameters_b"] = planned.b().parameters;
  json["threads"] = planned.threads;
  json["challenges"] = command.challenges;
  json["challenge_tokens_max"] = kChallengeTokensDefault;
  json["memory_bound_bytes"] = planned.memory_bytes;
  json["memory_bytes_min"] = plan.memory_bytes_min;
  json["predicted_peak_bytes"] = plan.execution.predicted_peak_bytes;
  json["buffers"] = PanelStream::kBuffers;
  json["buffer_bytes"] = plan.execution.buffer_bytes;
  json["tile_tokens"] = plan.execution.tile_tokens;
  json["head_tile_tokens"] = plan.execution.head_tile_tokens;
  json["residuals_spilled"] = plan.execution.residuals_spilled;
  json["residual_bytes"] = plan.residual_bytes;
  json["segments_a"] = segments_json(plan.segments_a);
  json["segments_b"] = segments_json(plan.segments_b);
  json["waves"] = Json::array();
  for (const WavePlan& wave : plan.waves) {
    json["waves"].push_back({{"challenges", wave.challenges},
                             {"tokens_max", wave.tokens},
                             {"tiles", wave.tiles},
                             {"head_tiles", wave.head_tiles},
                             {"bytes", wave.bytes}});
  }
  json["artifact_bytes"] = plan.artifact_bytes;
  json["execution_bytes"] = plan.execution_bytes;
  json["measured"] = {{"read_bytes", planned.speed.read_bytes},
                      {"read_bytes_per_s", nullptr},
                      {"sha256_bytes_per_s", planned.speed.sha256_bytes_per_s},
                      {"sha256_pair_bytes_per_s", planned.speed.sha256_pair_bytes_per_s},
                      {"matmul_flop_per_s", planned.speed.flop_per_s},
                      {"matmul_tokens", planned.speed.matmul_tokens},
                      {"matmul_columns", planned.speed.matmul_columns}};
  if (planned.speed.read_bytes > 0) {
    json["measured"]["read_bytes_per_s"] = planned.speed.read_bytes_per_s;
  }
  json["predicted_artifact_seconds"] = planned.seconds.artifact;
  json["predicted_first_wave_seconds"] = planned.seconds.first_wave;
  json["predicted_execution_seconds"] = planned.seconds.execution;
  write_out(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

// "L0-L31.post_attn" for the sites of layers 0 to 31; more than two runs of layers are counted.
std::string sites_text(const TextStyle& style, const std::vector<std::string>& sites) {
  if (sites.size() == 1) return sites.front();
  const std::string dash = style.utf8 ? "\u2013" : "-";
  const std::string& first = sites.front();
  const std::string& last = sites.back();
  const size_t dot = last.rfind('.');
  const std::string last_layer = last.substr(0, dot);
  const std::string kind = dot == std::string::npos ? "" : last.substr(dot);
  std::string text = first.substr(0, first.rfind('.')) + dash + last_layer + kind;
  const auto number = [](const std::string& site) {
    const size_t l = site.rfind('L');
    return std::strtoul(site.c_str() + (l == std::string::npos ? 0 : l + 1), nullptr, 10);
  };
  if (number(last) - number(first) + 1 != sites.size()) {
    text += ", " + format_count(sites.size()) + " of them";
  }
  return text;
}

class PlanText {
 public:
  PlanText(const TextStyle& style, const PlanCommand& command, const Planned& planned)
      : style_(style), command_(command), planned_(planned), plan_(planned.plan) {}

  void print() {
    const std::string name = command_.parameters == 0
                                 ? command_.model
                                 : "--params " + format_parameters(command_.parameters);
    write_out("\n  " + paint(style_, Paint::kBold, printable(style_, name)));
    if (!command_.target.empty()) {
      write_out(" and " + paint(style_, Paint::kBold, printable(style_, command_.target)));
    }
    write_out("\n\n");
    line("models", describe(planned_.model_a));
    line("", planned_.model_b ? describe(*planned_.model_b) : "and a second one like it");
    print_segments(plan_.segments_a, planned_.model_b ? "segments of the reference" : "segments");
    if (planned_.model_b) print_segments(plan_.segments_b, "segments of the target");
    write_out("\n");
    print_memory();
    write_out("\n");
    print_disk();
    write_out("\n");
    print_time();
    write_out("\n");
  }

 private:
  void line(const std::string& name, const std::string& value) {
    write_out("    " + paint(style_, Paint::kDim, pad_right(name, 12)) + value + "\n");
  }

  std::string describe(const Model& model) const {
    return model.arch.family + ", " + format_parameters(model.parameters) + " parameters, " +
           type_names(model);
  }

  void print_segments(const std::vector<SegmentGroup>& groups, const std::string& title) {
    size_t width = 0;
    for (const SegmentGroup& group : groups) {
      width = std::max(width, display_width(sites_text(style_, group.sites)));
    }
    write_out("\n    " + paint(style_, Paint::kDim, title) + "\n");
    for (const SegmentGroup& group : groups) {
      if (group.panels == 0) continue;  // the final norm reads nothing
      const bool head = group.sites.front() == "logits";
      write_out("    " + pad_right(sites_text(style_, group.sites), width) + "  " +
                pad_left(format_size(group.bytes), 10) + "  " +
                pad_left(format_count(group.panels), 3) +
                (group.panels == 1 ? " panel,  " : " panels, ") +
                (group.once ? "read once"
                 : head     ? "read for each head tile"
                            : "read for each tile") +
                "\n");
    }
  }

  void print_memory() {
    const ExecutionPlan& e = plan_.execution;
    line("buffers", format_count(PanelStream::kBuffers) + " of " + format_size(e.buffer_bytes));
    line("tiles", format_count(e.tile_tokens) + " tokens, " + format_count(e.head_tile_tokens) +
                      " for the head; " + format_count(plan_.waves.back().tiles) +
                      " in the last wave");
    line("residuals", format_size(plan_.residual_bytes) +
                          (e.residuals_spilled ? " in a scratch file" : " in memory"));
    line("peak", format_size(e.predicted_peak_bytes) + " predicted" +
                     (planned_.memory_bytes != 0 ? " of " + format_size(planned_.memory_bytes)
                                                 : std::string()) +
                     "; " + format_size(plan_.memory_bytes_min) + " would be enough");
  }

  void print_disk() {
    line("artifact", format_size(plan_.artifact_bytes) + ": both models, each byte once");
    std::string ends;
    for (const WavePlan& wave : plan_.waves) {
      ends += (ends.empty() ? "" : " + ") + format_count(wave.challenges);
    }
    line("execution", format_size(plan_.waves.front().bytes) + " in the first wave, " +
                          format_size(plan_.execution_bytes) + " in all " +
                          format_count(plan_.waves.size()));
    line("", format_count(command_.challenges) + " challenges (" + ends + ") of at most " +
                 format_count(kChallengeTokensDefault) + " tokens; a clear case stops early");
  }

  void print_time() {
    const PredictedSeconds& s = planned_.seconds;
    const MachineSpeed& m = planned_.speed;
    line("time", format_seconds(s.artifact) + " to read and hash, " + format_seconds(s.first_wave) +
                     " for the first wave, " + format_seconds(s.execution) + " for all waves");
    const std::string reads = m.read_bytes > 0
                                  ? format_rate(m.read_bytes_per_s) + " of sequential reads (" +
                                        format_size(m.read_bytes) + " of the file)"
                              : planned_.model_a.checkpoint.files.empty()
                                  ? std::string("no file: reads are left out")
                                  : std::string("a small file: reads are left out");
    line("rests on", reads + ",");
    line("", "SHA-256 of " + format_rate(m.sha256_bytes_per_s) + " a thread (" +
                 format_rate(m.sha256_pair_bytes_per_s) + " of two rows at once),");
    line("", format_count(static_cast<uint64_t>(std::llround(m.flop_per_s / 1e9))) +
                 " Gflop/s of a product of " + format_count(m.matmul_tokens) + " tokens and " +
                 format_count(m.matmul_columns) + " columns on " + format_count(planned_.threads) +
                 (planned_.threads == 1 ? " thread," : " threads,"));
    line("", "measured just now; attention and the comparison of activations are not in it");
  }

  const TextStyle& style_;
  const PlanCommand& command_;
  const Planned& planned_;
  const RunPlan& plan_;
};

}  // namespace

int run_plan(const PlanCommand& command, const Console& console) {
  Planned planned;
  Status status = plan(command, planned);
  if (status.ok()) {
    if (command.json) {
      print_json(command, planned);
    } else {
      PlanText(console.out, command, planned).print();
    }
    status = flush_out();
  }
  if (!status.ok()) print_error(console, "plan", status.message());
  if (command.model.empty()) return status_exit_code(status);
  const std::vector<std::string> paths = command.target.empty()
                                             ? std::vector<std::string>{command.model}
                                             : std::vector{command.model, command.target};
  return file_exit_code(status, paths);
}

}  // namespace assay
