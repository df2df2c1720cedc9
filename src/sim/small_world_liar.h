// The Byzantine validator of the small world (small_world.h): what it can say that may matter to
// one receiver at one height and view, in two versions that contradict each other.
#pragma once

#include <optional>
#include <vector>

#include "bft/chain.h"
#include "bft/codec.h"
#include "bft/keys.h"

namespace assay::sim {

class Liar {
 public:
  // keys has to outlive this.
  Liar(const bft::Keys& keys, const PublicKey& own);

  // Of the two blocks that it proposes at each height.
  const std::vector<Bytes>& payloads() const { return payloads_; }

  // The proposals and NewLeaders that correct validators have sent so far.
  using Knowledge = std::vector<const bft::Message*>;
  struct Listener {
    const bft::Chain& chain;
    bft::View view;
    bool is_second;
  };
  // If it leads the view: a proposal, the second time one that ignores what was prepared. Votes
  // for the proposal. NewLeaders that have forgotten everything.
  std::vector<Bytes> tell(const Listener& listener, const Knowledge& known) const;

 private:
  std::optional<bft::ProposalMessage> propose(const Listener& listener,
                                              const Knowledge& known) const;
  bft::Vote make_vote(const bft::Chain& chain, const bft::Statement& statement) const;

  const bft::Keys* keys_;
  PublicKey own_;
  std::vector<Bytes> payloads_;
};

}  // namespace assay::sim
