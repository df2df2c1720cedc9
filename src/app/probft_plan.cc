#include "app/probft_plan.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

#include "app/cli_help.h"
#include "app/cli_readers.h"
#include "app/exit_code.h"
#include "base/detmath.h"
#include "stats/quorum_plan.h"

namespace assay {
namespace {

constexpr const char* kName = "probft-plan";
constexpr double kLn2 = 0.69314718055994530942;

struct Request {
  QuorumOptions quorum;
  std::string strategy = "deterministic";
};

// "0.001" or "2^-40".
Result<double> parse_probability(const std::string& text) {
  constexpr std::string_view kPower = "2^-";
  const bool is_power = text.starts_with(kPower);
  const char* const begin = text.data() + (is_power ? kPower.size() : 0);
  const char* const end = text.data() + text.size();
  double value = 0;
  std::from_chars_result read{};
  if (is_power) {
    int exponent = 0;
    read = std::from_chars(begin, end, exponent);
    if (exponent >= 1 && exponent <= 1000) value = std::ldexp(1.0, -exponent);
  } else {
    read = std::from_chars(begin, end, value);
  }
  if (read.ec != std::errc() || read.ptr != end || !(value > 0 && value < 1)) {
    return invalid_argument("'" + text +
                            "' is no probability above 0 and below 1, like 1e-3 or "
                            "2^-40");
  }
  return value;
}

// exp(log_value) for people: "0.00095", "2^-70.3", never better than it is.
std::string format_log(double log_value) {
  if (log_value == -HUGE_VAL) return "0";
  if (log_value > -9) return format_real(det_exp(log_value));
  const auto tenths = static_cast<int64_t>(std::ceil(log_value / kLn2 * 10 - 1e-9));
  return "2^-" + std::to_string(-tenths / 10) + '.' + std::to_string(-tenths % 10);
}

void add_options(CLI::App& app, Request& request) {
  QuorumOptions& quorum = request.quorum;
  const std::string validators = "The validators";
  add_read(app, "--nodes", "N", "Validators",
           read_number<uint32_t>(quorum.nodes, 1, kQuorumNodesMax))
      ->required()
      ->group(validators);
  add_read(app, "--faults", "F", "How many of them may do anything, lie included",
           read_number<uint32_t>(quorum.faults, 0, kQuorumNodesMax))
      ->required()
      ->group(validators);
  app.add_option("--strategy", request.strategy,
                 "deterministic (default): all vote to all, no error probability; sampled: votes "
                 "go to random samples; paper: the parameters of the ProBFT paper")
      ->option_text("S")
      ->group(validators);
  const std::string sampled = "Sampled";
  add_read(app, "--eps", "P",
           "The accepted probability of conflicting decisions over the whole life (default 2^-40)",
           read_parsed(quorum.safety, parse_probability))
      ->group(sampled);
  add_read(app, "--eps-live", "P",
           "The accepted probability that in one phase some correct node lacks its quorum, which "
           "costs time and not safety (default 1e-3)",
           read_parsed(quorum.liveness, parse_probability))
      ->group(sampled);
  add_read(app, "--life", "DECISIONS",
           "How many decisions, failed attempts counted (default 1000000000, one a second for 31 "
           "years)",
           read_number<uint64_t>(quorum.life, 1, uint64_t{1} << 60))
      ->group(sampled);
  const std::string paper = "Paper";
  app.add_flag("--assume-non-adversarial-scheduler", quorum.assume_non_adversarial_scheduler,
               "Accept that the guarantee of the paper's parameters ends where somebody chooses "
               "the order of messages")
      ->group(paper);
  add_read(app, "--l", "L", "Quorum ceil(l sqrt(n)) (default 2)",
           read_number<double>(quorum.paper_l, 0.01, 1000))
      ->group(paper);
  add_read(app, "--o", "O", "Sample ceil(o quorum) (default 1.7)",
           read_number<double>(quorum.paper_o, 0.01, 1000))
      ->group(paper);
}

std::string row(std::string_view name, const std::string& value) {
  return "  " + pad_right(std::string(name), 10) + value + '\n';
}

std::string sampled_rows(const QuorumPlan& plan, const QuorumOptions& options) {
  const QuorumRisk risk = quorum_risk(plan);
  const double life = det_log(static_cast<double>(options.life));
  const std::string missed = "at most " + format_log(risk.log_missed) + " a phase";
  if (plan.strategy == QuorumStrategy::kPaper) {
    return row("conflict", risk.log_conflict < 0
                               ? "at most " + format_log(risk.log_conflict) + " a decision"
                               : "no bound: who chooses the order of messages can cause it") +
           row("missed", risk.log_missed < 0 ? missed : "no bound") +
           row("label", "tentative: final only through deterministic decisions");
  }
  return row("conflict", "at most " + format_log(risk.log_conflict) + " each, " +
                             format_log(risk.log_conflict + life) + " over " +
                             format_count(options.life) + " decisions (accepted " +
                             format_log(det_log(options.safety)) + ")") +
         row("missed", missed + " (accepted " + format_log(det_log(options.liveness)) + ")");
}

std::string plan_text(const QuorumPlan& plan, const QuorumOptions& options) {
  const bool all = plan.strategy == QuorumStrategy::kDeterministic;
  const MessageCount messages = plan_messages(plan);
  const uint64_t pbft = pbft_messages(plan.nodes).total();
  std::string out = row("strategy", std::string(quorum_strategy_name(plan.strategy))) +
                    row("nodes", format_count(plan.nodes) + ", of which " +
                                     format_count(plan.faults) + " may be faulty") +
                    row("quorum", format_count(plan.quorum)) +
                    row("sample", format_count(plan.sample) + (all ? " (all)" : ""));
  out += row("messages", format_count(messages.total()) +
                             " a decision at most: " + format_count(messages.propose) +
                             " propose, " + format_count(messages.prepare) + " prepare, " +
                             format_count(messages.commit) + " commit");
  out += row("PBFT", format_count(pbft) +
                         (pbft == 0 ? ""
                                    : "; this is " +
                                          format_percent(static_cast<double>(messages.total()) /
                                                         static_cast<double>(pbft)) +
                                          " of it"));
  if (all)
    return out +
           row("conflict", "never, with at most " + format_count(plan.faults) + " faulty nodes");
  return out + sampled_rows(plan, options);
}

int refuse(const Console& console, const Status& status) {
  print_program_error(console, kName, status.message());
  return status.code() == Code::kFailedPrecondition ? kExitData : status_exit_code(status);
}

}  // namespace

int run_probft_plan(int argc, const char* const* argv, const Console& console) {
  CLI::App app("how many votes decide among validators, who gets them, and what that costs", kName);
  app.formatter(make_help_formatter());
  app.set_help_flag("-h,--help", "Show this help");
  app.footer(
      "Examples:\n"
      "  probft-plan --nodes 7 --faults 2\n"
      "  probft-plan --nodes 1000 --faults 50 --strategy sampled --eps 2^-40 --life 100000000\n"
      "  probft-plan --nodes 100 --faults 10 --strategy paper "
      "--assume-non-adversarial-scheduler\n\n"
      "Exit codes: 0 planned, 64 usage, 65 refused, with the arithmetic on standard error.\n");
  Request request;
  add_options(app, request);
  if (const auto code = parse_command_line(app, argc, argv, console)) return *code;
  QuorumOptions& options = request.quorum;
  const auto strategy = parse_quorum_strategy(request.strategy, options.nodes, options.faults);
  if (!strategy.ok()) return refuse(console, strategy.status());
  options.strategy = *strategy;
  const auto plan = plan_quorum(options);
  if (!plan.ok()) return refuse(console, plan.status());
  write_out(plan_text(*plan, options));
  return flush_out().ok() ? kExitOk : kExitUnavailable;
}

}  // namespace assay
