// What a Byzantine validator does. It runs a core as everybody does, so that it takes part, and
// changes what the core sends; beside that it speaks on its own. It has its own keys, those of its
// fellows, and no others.
// Tested in adversary_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "bft/core.h"
#include "sim/scenario.h"
#include "sim/sim_keys.h"

namespace assay::sim {

using SharedBytes = std::shared_ptr<const Bytes>;

class Adversary {
 public:
  struct Outgoing {
    size_t to;  // identity
    SharedBytes bytes;
    uint64_t delay_ms = 0;
  };
  using Outbox = std::vector<Outgoing>;

  // The registry is used for what everybody knows: who has which key.
  // Identities below `fellows` are Byzantine, too, and share their keys.
  Adversary(const KeyRegistry& registry, size_t identity, size_t fellows, uint64_t seed);

  void begin(Fault attack) { attacks_ |= bit(attack); }
  bool has_attacks() const { return attacks_ != 0; }
  bool does(Fault attack) const { return (attacks_ & bit(attack)) != 0; }
  // How often each attack was carried out.
  const std::array<uint64_t, kFaultKinds>& counts() const { return counts_; }

  // The core wants to send this; to: nothing for everybody else. What is sent instead goes to out.
  void send(const bft::Core& core, const std::optional<bft::Peer>& to, const SharedBytes& bytes,
            Outbox& out);
  // Hears a message before the core does. True when the core is not to hear it.
  bool hear(const bft::Core& core, size_t from, const SharedBytes& bytes, Outbox& out);
  // Now and then.
  void act(const bft::Core& core, Outbox& out);
  // In place of a checkpoint that somebody fetches here.
  bft::CheckpointFetched forge_checkpoint(const bft::Core& core);

 private:
  // A second proposal for one view: who is told of it, and what they are told.
  struct Lie {
    std::vector<bool> told;  // by identity
    bft::ProposalMessage proposal;
    bft::Vote truth;  // its core's own proposal
  };

  static uint64_t bit(Fault fault) { return uint64_t{1} << static_cast<unsigned>(fault); }
  const SimKeys& keys() const { return fellow_keys_[identity_]; }
  void count(Fault attack) { ++counts_[static_cast<size_t>(attack)]; }
  SharedBytes share(const bft::Message& message) const;
  void tell(Outbox& out, size_t to, const bft::Message& message, uint64_t delay_ms = 0) const;
  void tell_all(Outbox& out, const bft::Message& message, uint64_t delay_ms = 0) const;
  size_t somebody();
  Digest draw_digest();
  Signature draw_signature();

  // Signed with the own keys, or with those of a fellow.
  std::optional<bft::Vote> make_vote(const bft::Core& core, const bft::Statement& statement) const {
    return make_vote(core, statement, identity_);
  }
  std::optional<bft::Vote> make_vote(const bft::Core& core, const bft::Statement& statement,
                                     size_t fellow) const;
  void vote_for_both(const bft::Core& core, const Lie& lie, Outbox& out);
  Bytes make_payload(const bft::Core& core);

  // ---- adversary.cc: what becomes of the core's own messages.
  bool lie_about(const bft::Core& core, const bft::ProposalMessage& m, Outbox& out);
  void send_proposal(const bft::Core& core, const bft::ProposalMessage& m, size_t to, Outbox& out);
  void send_vote(const bft::Core& core, const bft::VoteMessage& m, size_t to, Outbox& out);
  std::optional<bft::Message> change(const bft::Core& core, const bft::NewLeaderMessage& m);

  // ---- adversary_acts.cc: what it says on its own.
  void replay(Outbox& out);
  void garbage(Outbox& out);
  void forge_votes(const bft::Core& core, Outbox& out);
  void forge_evidence(const bft::Core& core, Outbox& out);
  void storm_evidence(const bft::Core& core, Outbox& out);
  void flood_votes(const bft::Core& core, Outbox& out);
  void forge_blocks(const bft::Core& core, Outbox& out);
  void jump_views(const bft::Core& core, Outbox& out);

  const KeyRegistry* registry_;
  std::deque<SimKeys> fellow_keys_;  // by identity
  size_t identity_;
  Prng prng_;
  uint64_t attacks_ = 0;
  std::array<uint64_t, kFaultKinds> counts_{};
  std::vector<std::pair<size_t, SharedBytes>> heard_;  // a ring
  size_t heard_at_ = 0;
  std::vector<bft::Vote> votes_heard_;  // a ring, of others
  size_t votes_at_ = 0;
  std::map<std::pair<bft::Height, bft::View>, Lie> lies_;
  std::map<Digest, Bytes> payloads_;  // of the lies
};

}  // namespace assay::sim
