#include "stats/quorum_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/check.h"
#include "base/detmath.h"
#include "stats/binomial_tail.h"

namespace assay {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

std::string text(uint64_t number) { return std::to_string(number); }

// A product or quotient of small numbers with three decimals, for messages.
std::string decimal(double value) {
  const auto thousandths = static_cast<uint64_t>(std::floor(value * 1000 + 0.5));
  std::string digits = text(thousandths % 1000);
  digits.insert(0, 3 - digits.size(), '0');
  return text(thousandths / 1000) + '.' + digits;
}

// ceil((n + f + 1) / 2).
uint32_t deterministic_quorum(uint32_t nodes, uint32_t faults) { return (nodes + faults) / 2 + 1; }

uint32_t ceil_sqrt(uint32_t number) {
  uint32_t root = 0;
  while (uint64_t{root} * root < number) ++root;
  return root;
}

std::string sum_of_deterministic(uint32_t nodes, uint32_t faults) {
  return "ceil((" + text(nodes) + " + " + text(faults) +
         " + 1) / 2) = " + text(deterministic_quorum(nodes, faults)) + " of " + text(nodes);
}

// The terms of plan_quorum, for one view.
std::vector<SafetyTerm> safety_terms(uint32_t nodes, uint32_t faults) {
  const double n = nodes;
  return {{.weight = 2 * n, .voters = (nodes + faults) / 2},
          {.weight = n, .voters = nodes - deterministic_quorum(nodes, faults) + faults}};
}

// log of the sum; for terms that are all "never", never.
double log_safety_of(const std::vector<SafetyTerm>& terms, double p, uint32_t quorum,
                     const BinomialTail& tail) {
  double sum = 0;
  double highest = kNever;
  std::vector<double> logs;
  logs.reserve(terms.size());
  for (const SafetyTerm& term : terms) {
    logs.push_back(det_log(term.weight) + tail.log_at_least(term.voters, p, quorum));
    highest = std::max(highest, logs.back());
  }
  if (highest == kNever) return kNever;
  for (const double log : logs) sum += det_exp(log - highest);
  return highest + det_log(sum);
}

double log_missed_of(uint32_t correct, double p, uint32_t quorum, const BinomialTail& tail) {
  return det_log(correct) + tail.log_below(correct, p, quorum);
}

double share(uint32_t sample, uint32_t nodes) {
  return static_cast<double>(sample) / static_cast<double>(nodes);
}

Status check_probability(double value, std::string_view name) {
  if (value > 0 && value < 1) return ok_status();
  return invalid_argument(std::string(name) + " must lie above 0 and below 1");
}

Status check_options(const QuorumOptions& options) {
  if (options.nodes < 1 || options.nodes > kQuorumNodesMax) {
    return invalid_argument("nodes must be from 1 to " + text(kQuorumNodesMax));
  }
  ASSAY_RETURN_IF_ERROR(check_probability(options.safety, "the probability of a conflict"));
  ASSAY_RETURN_IF_ERROR(check_probability(options.liveness, "the probability of a missed quorum"));
  if (options.life == 0) return invalid_argument("the life must be at least one view");
  for (const double factor : {options.paper_l, options.paper_o}) {
    if (!(factor > 0 && factor <= kQuorumNodesMax)) {
      return invalid_argument("the factors l and o must lie above 0 and be at most " +
                              text(kQuorumNodesMax));
    }
  }
  const uint64_t needed = 3 * uint64_t{options.faults} + 1;
  if (options.nodes < needed) {
    return failed_precondition(text(options.nodes) + " nodes cannot bear " + text(options.faults) +
                               " faults: n >= 3f + 1, and 3 * " + text(options.faults) +
                               " + 1 = " + text(needed) + " > " + text(options.nodes) + ". " +
                               text(options.nodes) + " nodes bear at most " +
                               text((options.nodes - 1) / 3) + ", " + text(options.faults) +
                               " faults need at least " + text(needed) + " nodes");
  }
  return ok_status();
}

// s/q must lie strictly between n/(n-f) and 2n/(n+f).
Status check_overlap(const QuorumPlan& plan) {
  const uint64_t n = plan.nodes;
  const uint64_t f = plan.faults;
  const uint64_t s = plan.sample;
  const uint64_t q = plan.quorum;
  const std::string ratio = "o = s/q = " + text(s) + "/" + text(q) + " = " +
                            decimal(static_cast<double>(s) / static_cast<double>(q));
  if (s * (n - f) <= n * q) {
    return failed_precondition(
        ratio + " is not above n/(n-f) = " + text(n) + "/" + text(n - f) + " = " +
        decimal(static_cast<double>(n) / static_cast<double>(n - f)) + ": of the " + text(n - f) +
        " correct votes a node expects " + text(n - f) + " * " + text(s) + "/" + text(n) + " = " +
        decimal(static_cast<double>((n - f) * s) / static_cast<double>(n)) +
        ", not more than the quorum of " + text(q));
  }
  if (s * (n + f) >= 2 * n * q) {
    return failed_precondition(
        ratio + " is not below 2n/(n+f) = " + text(2 * n) + "/" + text(n + f) + " = " +
        decimal(static_cast<double>(2 * n) / static_cast<double>(n + f)) +
        ": when a leader splits the nodes, a node expects (n+f)/2 * s/n = " +
        decimal(static_cast<double>((n + f) * s) / static_cast<double>(2 * n)) +
        " votes for each of two values, and a quorum is " + text(q));
  }
  return ok_status();
}

Result<QuorumPlan> plan_sampled(const QuorumOptions& options, QuorumPlan plan) {
  const BinomialTail tail(plan.nodes);
  const auto size = smallest_sample(
      {.nodes = plan.nodes,
       .faults = plan.faults,
       .safety = safety_terms(plan.nodes, plan.faults),
       .log_safety = det_log(options.safety) - det_log(static_cast<double>(options.life)),
       .log_liveness = det_log(options.liveness)},
      tail);
  ASSAY_CHECK(size.has_value());  // s = n with the deterministic quorum meets every bound
  plan.sample = size->sample;
  plan.quorum = size->quorum;
  if (10 * uint64_t{plan.sample} > 6 * uint64_t{plan.nodes}) {
    return failed_precondition(
        "the smallest sample that is safe and live is s = " + text(plan.sample) + " of " +
        text(plan.nodes) + " nodes with a quorum of " + text(plan.quorum) +
        ": s/n = " + decimal(share(plan.sample, plan.nodes)) +
        " > 0.6, where sampling saves little. Use deterministic: no error probability, quorum " +
        sum_of_deterministic(plan.nodes, plan.faults));
  }
  ASSAY_RETURN_IF_ERROR(check_overlap(plan));
  return plan;
}

Result<QuorumPlan> plan_paper(const QuorumOptions& options, QuorumPlan plan) {
  if (!options.assume_non_adversarial_scheduler) {
    return failed_precondition(
        "the paper's parameters hold only when nobody chooses the order of messages: say "
        "assume_non_adversarial_scheduler to accept that, and that its decisions are tentative");
  }
  const double quorum = std::ceil(options.paper_l * std::sqrt(static_cast<double>(plan.nodes)));
  const double sample = std::ceil(options.paper_o * quorum);
  if (sample > plan.nodes || quorum > plan.nodes) {
    return failed_precondition(
        "a quorum of ceil(" + decimal(options.paper_l) + " * sqrt(" + text(plan.nodes) +
        ")) = " + text(static_cast<uint64_t>(quorum)) + " needs samples of ceil(" +
        decimal(options.paper_o) + " * " + text(static_cast<uint64_t>(quorum)) +
        ") = " + text(static_cast<uint64_t>(sample)) + " nodes, and there are " + text(plan.nodes));
  }
  plan.quorum = static_cast<uint32_t>(quorum);
  plan.sample = static_cast<uint32_t>(sample);
  ASSAY_RETURN_IF_ERROR(check_overlap(plan));
  return plan;
}

}  // namespace

std::string_view quorum_strategy_name(QuorumStrategy strategy) {
  switch (strategy) {
    case QuorumStrategy::kDeterministic:
      return "deterministic";
    case QuorumStrategy::kSampled:
      return "sampled";
    case QuorumStrategy::kPaper:
      return "paper";
  }
  return "";
}

Result<QuorumStrategy> parse_quorum_strategy(std::string_view name, uint32_t nodes,
                                             uint32_t faults) {
  for (const QuorumStrategy strategy :
       {QuorumStrategy::kDeterministic, QuorumStrategy::kSampled, QuorumStrategy::kPaper}) {
    if (name == quorum_strategy_name(strategy)) return strategy;
  }
  if (name == "probabilistic") {
    const QuorumPlan root = {
        .nodes = nodes, .faults = faults, .quorum = ceil_sqrt(nodes), .sample = nodes};
    const std::string what =
        "strategy probabilistic: ceil(sqrt(" + text(nodes) + ")) = " + text(root.quorum);
    ASSAY_RETURN_IF_ERROR(check_quorum(root).with_context(what));
    return failed_precondition(what +
                               " is a quorum only while there are so few nodes: use "
                               "deterministic, " +
                               sum_of_deterministic(nodes, faults));
  }
  return invalid_argument("'" + std::string(name) +
                          "' is not one of deterministic, sampled, paper");
}

Result<QuorumPlan> plan_quorum(const QuorumOptions& options) {
  ASSAY_RETURN_IF_ERROR(check_options(options));
  QuorumPlan plan = {.nodes = options.nodes,
                     .faults = options.faults,
                     .strategy = options.strategy,
                     .quorum = deterministic_quorum(options.nodes, options.faults),
                     .sample = options.nodes};
  switch (options.strategy) {
    case QuorumStrategy::kDeterministic:
      return plan;
    case QuorumStrategy::kSampled:
      return plan_sampled(options, plan);
    case QuorumStrategy::kPaper:
      return plan_paper(options, plan);
  }
  return invalid_argument("no such strategy");
}

Status check_quorum(const QuorumPlan& plan) {
  const int64_t n = plan.nodes;
  const int64_t f = plan.faults;
  const int64_t q = plan.quorum;
  const int64_t shared = 2 * q - n;
  const std::string quorum = "a quorum of " + text(plan.quorum) + " of " + text(plan.nodes);
  const std::string safe =
      "The smallest safe quorum is " + sum_of_deterministic(plan.nodes, plan.faults);
  if (shared <= 0) {
    return failed_precondition(quorum + " is unsafe: " + text(plan.quorum) + " + " +
                               text(plan.quorum) + " <= " + text(plan.nodes) +
                               ", two quorums without a common node, so that a leader who tells "
                               "them different things forks the chain. " +
                               safe);
  }
  if (shared <= f) {
    return failed_precondition(quorum + " is unsafe: two quorums may share only " +
                               text(plan.quorum) + " + " + text(plan.quorum) + " - " +
                               text(plan.nodes) + " = " + std::to_string(shared) + " nodes, and " +
                               text(plan.faults) + " may vote for both of two values. " + safe);
  }
  if (q > n - f) {
    return failed_precondition(quorum + " cannot be reached: " + text(plan.faults) +
                               " faulty nodes leave " + std::to_string(n - f));
  }
  return ok_status();
}

QuorumRisk quorum_risk(const QuorumPlan& plan) {
  const BinomialTail tail(plan.nodes);
  const double p = share(plan.sample, plan.nodes);
  return {
      .log_conflict = log_safety_of(safety_terms(plan.nodes, plan.faults), p, plan.quorum, tail),
      .log_missed = log_missed_of(plan.nodes - plan.faults, p, plan.quorum, tail)};
}

MessageCount plan_messages(const QuorumPlan& plan) {
  const uint64_t n = plan.nodes;
  const uint64_t receivers = std::min<uint64_t>(plan.sample, n - 1);
  return {.propose = n - 1, .prepare = n * receivers, .commit = n * receivers};
}

MessageCount pbft_messages(uint32_t nodes) {
  const uint64_t n = nodes;
  return {.propose = n - 1, .prepare = (n - 1) * (n - 1), .commit = n * (n - 1)};
}

std::optional<SampleSize> smallest_sample(const SampleSearch& search, const BinomialTail& tail) {
  ASSAY_CHECK(search.nodes > search.faults);
  const uint32_t correct = search.nodes - search.faults;
  // The smallest safe quorum of a sample, when that is live: the tails fall with q.
  const auto quorum_for = [&](uint32_t sample) -> std::optional<uint32_t> {
    const double p = share(sample, search.nodes);
    uint32_t unsafe = 0;
    uint32_t quorum = correct + 1;  // which cannot be live
    while (quorum - unsafe > 1) {
      const uint32_t middle = unsafe + (quorum - unsafe) / 2;
      const bool safe = log_safety_of(search.safety, p, middle, tail) <= search.log_safety;
      (safe ? quorum : unsafe) = middle;
    }
    if (log_missed_of(correct, p, quorum, tail) > search.log_liveness) return std::nullopt;
    return quorum;
  };
  SampleSize best = {.sample = search.nodes};
  auto quorum = quorum_for(best.sample);
  if (!quorum) return std::nullopt;
  best.quorum = *quorum;
  uint32_t refused = 0;
  while (best.sample - refused > 1) {
    const uint32_t middle = refused + (best.sample - refused) / 2;
    quorum = quorum_for(middle);
    if (quorum) {
      best = {.sample = middle, .quorum = *quorum};
    } else {
      refused = middle;
    }
  }
  return best;
}

}  // namespace assay
