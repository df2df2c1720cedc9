// What must hold in every schedule, looked at after every step of every correct validator:
//   agreement       no two of them decide different blocks at one height
//   validity        what they decide follows the chain, was proposed by its leader, and its
//                   certificate holds when it is counted anew
//   signing         none of them ever makes two statements that contradict each other
//   views           none enters a view that a quorum has not left for
//   accountability  evidence never names one of them; if more than f are Byzantine and the chain
//                   forks, what was seen convicts f + 1
//   memory          what a core keeps stays within bounds that follow from its settings
//   durability      what was decided and on disk is there after a restart (world.cc)
//   liveness        once the network has healed, everybody decides three more heights in time
//                   (world.cc)
// Tested in checker_test.cc; that each can fail is shown by the mutation board.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bft/core.h"
#include "sim/scenario.h"
#include "sim/sim_keys.h"
#include "sim/statements.h"

namespace assay::sim {

struct Violation {
  std::string invariant;
  std::string detail;
  uint64_t step = 0;
  uint64_t at_ms = 0;
};

class Checker {
 public:
  // All of these have to outlive this.
  Checker(const Scenario& scenario, const KeyRegistry& registry, const bft::Keys& keys,
          const bft::Chain& genesis);

  // A message leaves this validator's machine.
  void sent(size_t identity, const Bytes& bytes);
  // A correct validator has decided, or has it back from its disk.
  void decided(size_t identity, const bft::DecidedBlock& block);
  // A correct validator's chain ends here.
  void stands(size_t identity, const bft::Chain& chain);
  // After a step of a correct validator.
  void stepped(size_t identity, const bft::CoreStatus& status);
  void evidence(size_t identity, const bft::EvidenceFound& found);

  // What the correct validators have decided: the longest chain.
  const bft::Chain& chain() const { return chain_; }
  // How often the set of validators was another one than before.
  uint64_t set_changes() const { return set_changes_; }
  // Two of them have decided differently, and culprits enough are known: the schedule is over.
  bool is_forked() const { return is_forked_; }

  void fail(std::string invariant, std::string detail);
  const std::optional<Violation>& violation() const { return violation_; }

 private:
  const bft::ValidatorSet* set_at(bft::Height height) const;
  std::optional<size_t> voter_of(const bft::Vote& vote) const;
  void check_sent_by_correct(size_t identity, const bft::Message& message);
  void forked(bft::Height height);

  const Scenario* scenario_;
  const KeyRegistry* registry_;
  const bft::Keys* keys_;
  bft::Chain chain_;
  std::vector<Digest> digests_;          // of the decided headers, by height - 1
  std::vector<bft::ValidatorSet> sets_;  // by epoch
  Statements statements_;                // of correct validators; beyond f faults of all
  Statements proposals_;                 // of everybody
  std::vector<std::pair<bft::Height, bft::View>> entered_;  // by identity
  size_t kept_bytes_max_;
  size_t buffered_max_;
  uint64_t set_changes_ = 0;
  bool is_forked_ = false;
  std::optional<Violation> violation_;
};

}  // namespace assay::sim
