// How many votes decide, and who gets to see them: turns what a deployment can bear (nodes, faults,
// error probabilities) into the integers that the consensus core runs with, or says with numbers
// why not. All floating point of consensus is here. Tested in quorum_plan_test.cc; `probft-plan`
// prints its answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay {

class BinomialTail;

enum class QuorumStrategy : uint8_t {
  kDeterministic,  // everyone votes to everyone; no error probability
  kSampled,        // votes go to samples drawn by VRF; errors below stated probabilities
  kPaper,          // ProBFT's own parameters; decisions are tentative
};
std::string_view quorum_strategy_name(QuorumStrategy strategy);  // "deterministic" ...

// The inverse. Errors: INVALID_ARGUMENT for no such name; FAILED_PRECONDITION for "probabilistic",
// a quorum of ceil(sqrt(nodes)) votes of all nodes: the message is its arithmetic for these nodes.
Result<QuorumStrategy> parse_quorum_strategy(std::string_view name, uint32_t nodes,
                                             uint32_t faults);

// What the core takes.
struct QuorumPlan {
  uint32_t nodes = 0;   // n
  uint32_t faults = 0;  // f: how many may do anything
  QuorumStrategy strategy = QuorumStrategy::kDeterministic;
  uint32_t quorum = 0;  // q: votes that prepare or commit
  uint32_t sample = 0;  // s: nodes that one vote is sent to; n when deterministic
  bool operator==(const QuorumPlan&) const = default;
};

struct QuorumOptions {
  uint32_t nodes = 0;
  uint32_t faults = 0;
  QuorumStrategy strategy = QuorumStrategy::kDeterministic;
  // sampled
  double safety = 0x1p-40;     // eps: the probability of any conflict over the whole life
  double liveness = 1e-3;      // eps_live: that in one phase some correct node lacks its quorum
  uint64_t life = 1000000000;  // views: one a second for 31 years; a decision takes at least one
  // paper: q = ceil(paper_l sqrt(n)), s = ceil(paper_o q)
  double paper_l = 2;
  double paper_o = 1.7;
  bool assume_non_adversarial_scheduler = false;
};

inline constexpr uint32_t kQuorumNodesMax = 100000;

// Deterministic: q = ceil((n + f + 1) / 2) =: Q, whatever n: two quorums share more than f nodes.
//
// Sampled: the smallest s (see smallest_sample) for which some q, the smallest that is safe, meets
//   safety    life n (2 P[Bin(floor((n+f)/2), s/n) >= q] + P[Bin(n-Q+f, s/n) >= q]) <= eps
//   liveness  (n-f) P[Bin(n-f, s/n) < q] <= eps_live.
// A vote reaches a given node with probability s/n, independently of the other votes: what a node
// counts of m votes is Bin(m, s/n), and a union over n nodes bounds what any of them sees.
//   - In one view, two values share at most n + f votes (correct nodes vote once), so one of them
//     has at most floor((n+f)/2). No node may see a quorum of that one; which one it is the
//     scheduler may choose as it goes, hence twice.
//   - Over views, the view change hears Q nodes. When more than n-Q+f sent commit, at least n-Q+1
//     correct ones are locked and one of them is among any Q. No node may see a quorum of fewer.
// 06-consensus writes 2n P[Bin(n-Q+f, s/n) >= q]. The two counts are equal when n + f is odd; when
// it is even a tied split has one vote more on both sides, which that formula leaves out. The
// reference points there (without the factor 2) are what smallest_sample gives for the one term
// n P[Bin(n-Q+f, s/n) >= q].
// Guarantee: conflicting decisions over `life` views with probability at most eps.
// Assumes:   at most f faulty nodes, chosen before the keys; VRF outputs as good as random; views
//            that change count as views.
//
// Errors: FAILED_PRECONDITION, with the arithmetic: n < 3f + 1; s/n above 0.6, where sampling saves
// little and deterministic is exact; s/q outside (n/(n-f), 2n/(n+f)), where the votes to expect are
// fewer than q, or those of half of the nodes enough; paper without its assumption.
// INVALID_ARGUMENT: nodes outside [1, kQuorumNodesMax], probabilities outside (0, 1), life 0,
// paper_l or paper_o not finite and positive.
// Cost: sampled, n logarithms and some hundred tails. Threads: safe.
Result<QuorumPlan> plan_quorum(const QuorumOptions& options);

// Errors: FAILED_PRECONDITION unless any two sets of `quorum` of the nodes have more than `faults`
// nodes in common and the correct nodes alone are a quorum; the message shows both sums.
Status check_quorum(const QuorumPlan& plan);

// Logarithms of what the sampled bounds say about a plan: -inf for deterministic.
struct QuorumRisk {
  double log_conflict = 0;  // in one view; above 0 where the bound says nothing
  double log_missed = 0;    // in one phase
};
QuorumRisk quorum_risk(const QuorumPlan& plan);

// Messages between nodes in one view without faults, at most (a sample may hold its own node).
// Forwarded certificates and payloads are not counted.
struct MessageCount {
  uint64_t propose = 0;
  uint64_t prepare = 0;
  uint64_t commit = 0;
  uint64_t total() const { return propose + prepare + commit; }
};
MessageCount plan_messages(const QuorumPlan& plan);
// Castro & Liskov 1999: n-1 pre-prepare, (n-1)^2 prepare, n(n-1) commit.
MessageCount pbft_messages(uint32_t nodes);

// The search beneath, for any sum of terms weight P[Bin(voters, s/n) >= q].
struct SafetyTerm {
  double weight = 0;
  uint32_t voters = 0;
};
struct SampleSearch {
  uint32_t nodes = 0;
  uint32_t faults = 0;
  std::vector<SafetyTerm> safety;
  double log_safety = 0;
  double log_liveness = 0;
};
struct SampleSize {
  uint32_t sample = 0;
  uint32_t quorum = 0;
};
// By bisection: this s meets both bounds with the smallest safe q, s - 1 meets them with none.
// Whole numbers q make that jump back and forth near the border, so that a slightly smaller s may
// meet them too: for 10^4 nodes and 2000 faults 2348 is found and 2346 would do. The reference
// points of 06-consensus are what bisection finds. Nothing when s = n does not meet them. Pre:
// nodes >= faults + 1, voters <= nodes (CHECK).
std::optional<SampleSize> smallest_sample(const SampleSearch& search, const BinomialTail& tail);

}  // namespace assay
