// The statements that validators were seen to make, and who contradicts himself in them: written
// apart from the core, so that a mistake there does not hide itself here. Tested in
// checker_test.cc.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bft/certificate.h"
#include "bft/codec.h"
#include "sim/sim_keys.h"

namespace assay::sim {

// Every vote that a message holds, in certificates and justifications, too.
void for_each_vote(const bft::Message& message, const std::function<void(const bft::Vote&)>& visit);

// Whether a correct validator may make at most one of these.
bool contradict(const bft::Statement& a, const bft::Statement& b);

class Statements {
 public:
  // False when it contradicts one that was made before; it is kept all the same.
  bool add(size_t identity, const bft::Statement& statement);
  // Who contradicted himself about this height.
  std::set<size_t> culprits(bft::Height height) const;
  bool has(size_t identity, const bft::Statement& statement) const;
  // The highest view for which this one said NewLeader.
  bft::View view_of(size_t identity, bft::Height height) const;

 private:
  struct Said {
    std::vector<bft::Statement> statements;
    bft::View new_leader = 0;
  };
  std::map<std::pair<bft::Height, size_t>, Said> said_;
};

// A decision, checked anew from the numbers of the set: an OK status, or what is wrong.
struct Decision {
  const Digest& chain;
  const bft::Header& header;
  const bft::Certificate& certificate;
};
Status check_decision(const KeyRegistry& registry, const Decision& decision,
                      const bft::ValidatorSet& set);

}  // namespace assay::sim
