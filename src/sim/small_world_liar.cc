#include "sim/small_world_liar.h"

#include <algorithm>
#include <map>
#include <variant>

namespace assay::sim {

using bft::Phase;

Liar::Liar(const bft::Keys& keys, const PublicKey& own) : keys_(&keys), own_(own) {
  for (const uint8_t salt : {uint8_t{0}, uint8_t{1}}) {
    bft::Transaction transaction;
    transaction.body = {salt};
    payloads_.push_back(bft::encode_payload({transaction}));
  }
}

bft::Vote Liar::make_vote(const bft::Chain& chain, const bft::Statement& statement) const {
  bft::Vote vote;
  vote.statement = statement;
  vote.voter = *chain.validators().find(own_);
  vote.signature = keys_->sign(bft::signing_bytes(chain.id(), chain.epoch(), statement));
  return vote;
}

std::optional<bft::ProposalMessage> Liar::propose(const Listener& listener,
                                                  const Knowledge& known) const {
  const bft::Chain& chain = listener.chain;
  const bft::Height height = chain.height() + 1;
  const bft::ValidatorIndex own = *chain.validators().find(own_);
  bft::ProposalMessage out;
  const Bytes& payload = payloads_[listener.is_second ? 1 : 0];
  out.header = chain.draft_header({listener.view, own, bft::payload_digest(payload)});
  if (listener.view == 0) {
    out.header.vrf = keys_->vrf_prove(chain.vrf_input());
  } else {
    // Each correct one's NewLeader of this view, and its own, which has nothing prepared. The
    // second time those that have something prepared are left out.
    std::map<bft::ValidatorIndex, bft::Vote> votes;
    votes[own] = make_vote(chain, {Phase::kNewLeader, height, listener.view, 0, {}});
    bft::View highest = 0;
    out.justification.emplace();
    for (const bft::Message* message : known) {
      const auto* m = std::get_if<bft::NewLeaderMessage>(message);
      if (m == nullptr || m->vote.statement.height != height ||
          m->vote.statement.view != listener.view) {
        continue;
      }
      const bft::View prepared = m->vote.statement.prepared;
      if (listener.is_second && prepared > 0) continue;
      votes[m->vote.voter] = m->vote;
      if (prepared <= highest) continue;
      highest = prepared;
      out.justification->prepared = m->prepared;
      out.header = *m->header;
    }
    for (const auto& [voter, vote] : votes) out.justification->new_leaders.push_back(vote);
    if (votes.size() < chain.validators().quorum()) return std::nullopt;
  }
  out.vote =
      make_vote(chain, {Phase::kPropose, height, listener.view, 0, bft::header_digest(out.header)});
  return out;
}

std::vector<Bytes> Liar::tell(const Listener& listener, const Knowledge& known) const {
  const bft::Chain& chain = listener.chain;
  const bft::Height height = chain.height() + 1;
  std::vector<Bytes> out;
  std::optional<Digest> value;
  bft::LeaderOrder leaders(chain.validators(), chain.seed(), height);
  if (leaders.at(listener.view) == *chain.validators().find(own_)) {
    const auto proposal = propose(listener, known);
    if (proposal) {
      value = proposal->vote.statement.digest;
      out.push_back(bft::encode_message(*proposal));
    }
  } else if (!listener.is_second) {
    for (const bft::Message* message : known) {
      const auto* m = std::get_if<bft::ProposalMessage>(message);
      if (m != nullptr && m->vote.statement.height == height &&
          m->vote.statement.view == listener.view) {
        value = m->vote.statement.digest;
      }
    }
  }
  if (value) {
    for (const Phase phase : {Phase::kPrepare, Phase::kCommit}) {
      const bft::Vote vote = make_vote(chain, {phase, height, listener.view, 0, *value});
      out.push_back(bft::encode_message(bft::VoteMessage{vote, {}}));
    }
  }
  for (const bft::View view : {listener.view, listener.view + 1}) {
    if (view == 0) continue;
    const bft::Vote vote = make_vote(chain, {Phase::kNewLeader, height, view, 0, {}});
    out.push_back(bft::encode_message(bft::NewLeaderMessage{vote, {}, {}}));
  }
  return out;
}

}  // namespace assay::sim
