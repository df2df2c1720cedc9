// Proposals, votes and decisions of the core. The table of transitions: core.cc.
#include <algorithm>

#include "bft/core_machine.h"
#include "bft/mutation.h"

namespace assay::bft {
namespace {

// Views below one's own whose commits still count.
constexpr View kViewsBehind = 4;

}  // namespace

bool Core::Machine::in_window(View view) const {
  return view + kViewsBehind >= view_ && view <= view_ + settings_.views_ahead_max;
}

Status Core::Machine::check_proposal(const ProposalMessage& m) {
  const Statement& s = m.vote.statement;
  if (s.phase != Phase::kPropose || s.prepared != 0 || s.digest != header_digest(m.header) ||
      m.vote.voter != leader(s.view) || m.header.view > s.view) {
    return invalid_argument("a proposal is not its view's leader's, or not of its header");
  }
  ASSAY_RETURN_IF_ERROR(verify_vote(context(), m.vote));
  ASSAY_RETURN_IF_ERROR(chain_.check_header(keys_, m.header));
  if (m.justification.has_value() != (s.view > 0)) {
    return invalid_argument("a proposal of a view above 0 needs its justification");
  }
  return s.view > 0 ? check_justification(m) : ok_status();
}

void Core::Machine::on_proposal(const Peer& from, const ProposalMessage& m, const Bytes& bytes) {
  const Statement& s = m.vote.statement;
  // Its parent's certificate may be the decision that was missed here.
  if (s.height == now() + 1 && m.parent && m.parent->statement.height == now() && !committed_ &&
      m.parent->statement.phase == Phase::kCommit &&
      m.parent->statement.digest == m.header.parent &&
      verify_certificate(context(), *m.parent).ok()) {
    committed_ = m.parent;
    if (find_header(m.parent->statement.digest) == nullptr) ask_for_blocks(from);
  }
  if (!is_of_now(from, s.height, bytes)) return;
  if (s.view < view_) return drop();
  ViewState* known = nullptr;
  if (const auto at = views_.find(s.view); at != views_.end()) known = &at->second;
  if (known != nullptr && known->proposal && known->proposal->vote == m.vote) return;
  if (!check_proposal(m).ok()) return drop();
  count_leader_vote(m.vote);
  if (s.view < view_) return;  // its leader was found to equivocate, and the view was left
  if (s.view > view_ || !entered_) enter(s.view);
  ViewState& view = views_[s.view];
  if (view.proposal) return;  // the first one counts; evidence was made of a second
  view.proposal = m;
  want_payload(m.header.payload, from);
}

// A leader's signature on a value. Two different ones are evidence; where votes are sampled, they
// also end the view here, because no sample sees both halves of a split.
void Core::Machine::count_leader_vote(const Vote& vote) {
  note(vote);
  if (!in_window(vote.statement.view)) return;
  std::optional<Vote>& first = views_[vote.statement.view].leader_vote;
  if (!first) {
    first = vote;
  } else if (chain_.validators().sampling() && !(first->statement == vote.statement) &&
             vote.statement.view == view_ && entered_) {
    leave_for(view_ + 1);
  }
}

void Core::Machine::on_vote(const Peer& from, const VoteMessage& m, const Bytes& bytes) {
  const Vote& vote = m.vote;
  const Statement& s = vote.statement;
  if (s.phase == Phase::kCheckpoint) return on_checkpoint_vote(vote);
  if ((s.phase != Phase::kPrepare && s.phase != Phase::kCommit) || s.prepared != 0) return drop();
  if (!is_of_now(from, s.height, bytes)) return;
  if (!in_window(s.view)) return drop();
  const bool sampled = is_sampled(chain_.validators(), s.phase);
  const auto seen = seen_.find({vote.voter, s.phase, s.view});
  if (seen != seen_.end() && *seen->second == vote) return;
  if (!verify_vote(context(), vote).ok()) return drop();
  if (sampled && (!own_ || !draw_addresses(context(), vote, *own_))) return drop();
  if (m.proposal) {
    const Statement& p = m.proposal->statement;
    if (p.phase != Phase::kPropose || p.height != s.height || p.view != s.view || p.prepared != 0 ||
        m.proposal->voter != leader(s.view) || !verify_vote(context(), *m.proposal).ok()) {
      return drop();
    }
    count_leader_vote(*m.proposal);
  }
  if (sampled && !m.proposal) return drop();
  add_vote(note(vote));
}

void Core::Machine::add_vote(SharedVote shared) {
  const Vote& vote = *shared;
  const Statement& s = vote.statement;
  if (is_sampled(chain_.validators(), s.phase) && own_ && vote.voter == *own_ &&
      !draw_addresses(context(), vote, *own_)) {
    return;  // one's own vote counts only where one has drawn oneself
  }
  ViewState& view = views_[s.view];
  Votes& votes = s.phase == Phase::kPrepare ? view.prepares : view.commits;
  if (!votes.by_voter.try_emplace(vote.voter, std::move(shared)).second) return;
  votes.weights[s.digest] += chain_.validators().at(vote.voter).weight;
  if (s.phase == Phase::kCommit && !committed_ &&
      vote_weight(s.phase, s.view, s.digest) >= vote_quorum(s.phase)) {
    committed_ = make_certificate(s.phase, s.view, s.digest);
    if (find_header(s.digest) == nullptr) {
      for (const CertificateVote& voter : committed_->votes) {
        ask_for_blocks(chain_.validators().at(voter.voter).key);
      }
    }
  }
}

uint64_t Core::Machine::vote_quorum(Phase phase) const {
  const ValidatorSet& set = chain_.validators();
  return is_sampled(set, phase) ? set.sampling()->quorum : set.quorum();
}

uint64_t Core::Machine::vote_weight(Phase phase, View view, const Digest& digest) const {
  uint64_t weight = 0;
  for (const auto& [at, state] : views_) {
    if (at != view && !mutated(Mutation::kReplayAcrossViews)) continue;
    const Votes& votes = phase == Phase::kPrepare ? state.prepares : state.commits;
    for (const auto& [value, value_weight] : votes.weights) {
      if (value == digest || mutated(Mutation::kQuorumOverAllValues)) weight += value_weight;
    }
  }
  return weight;
}

Certificate Core::Machine::make_certificate(Phase phase, View view, const Digest& digest) const {
  Certificate certificate;
  certificate.statement = {phase, now(), view, 0, digest};
  if (is_sampled(chain_.validators(), phase)) certificate.holder = own_;
  const auto at = views_.find(view);
  const Votes& votes = phase == Phase::kPrepare ? at->second.prepares : at->second.commits;
  for (const auto& [voter, vote] : votes.by_voter) {
    if (vote->statement.digest != digest) continue;
    certificate.votes.push_back({voter, vote->signature, vote->draw});
  }
  return certificate;
}

std::optional<Vote> Core::Machine::sign(const Statement& statement,
                                        const std::optional<Certificate>& prepared,
                                        const std::optional<Header>& prepared_header) {
  if (!may_sign() || !sign_.allows(statement)) return std::nullopt;
  Vote vote;
  vote.statement = statement;
  vote.voter = *own_;
  vote.signature = keys_.sign(signing_bytes(chain_.id(), chain_.epoch(), statement));
  if (is_sampled(chain_.validators(), statement.phase)) {
    vote.draw = keys_.vrf_prove(draw_input(chain_.id(), chain_.epoch(), statement));
  }
  sign_.record(vote);
  if (prepared) sign_.lock(*prepared, *prepared_header);
  persist(RecordKind::kSignState, sign_.encode());
  note(vote);
  return vote;
}

void Core::Machine::send_vote(const Vote& vote) {
  VoteMessage message{vote, {}};
  if (!is_sampled(chain_.validators(), vote.statement.phase)) return send_all(message);
  const auto view = views_.find(vote.statement.view);
  if (view == views_.end() || !view->second.leader_vote) return;
  message.proposal = view->second.leader_vote;
  const auto output =
      keys_.vrf_verify(chain_.validators().at(vote.voter).vrf_key,
                       draw_input(chain_.id(), chain_.epoch(), vote.statement), *vote.draw);
  if (!output) return;
  for (const ValidatorIndex to : chain_.validators().sample(*output)) {
    send_to(chain_.validators().at(to).key, message);
  }
}

bool Core::Machine::prepare() {
  if (!entered_ || !may_sign()) return false;
  const auto at = views_.find(view_);
  if (at == views_.end() || !at->second.proposal) return false;
  const ProposalMessage& proposal = *at->second.proposal;
  const Statement statement = {Phase::kPrepare, now(), view_, 0, proposal.vote.statement.digest};
  if (!sign_.allows(statement)) return false;
  const PayloadState* payload = find_payload(proposal.header.payload);
  if (payload == nullptr || !payload->fits) return false;
  // The block first: were all validators to restart, somebody has to have it.
  persist(RecordKind::kProposal,
          encode_decided({{proposal.header, payload->bytes}, Certificate{}}));
  const std::optional<Vote> vote = sign(statement);
  ASSAY_CHECK(vote.has_value());
  add_vote(note(*vote));
  send_vote(*vote);
  return true;
}

bool Core::Machine::commit() {
  if (!entered_ || !may_sign()) return false;
  const auto at = views_.find(view_);
  if (at == views_.end() || !at->second.proposal) return false;
  const ProposalMessage& proposal = *at->second.proposal;
  const Digest& digest = proposal.vote.statement.digest;
  const Statement statement = {Phase::kCommit, now(), view_, 0, digest};
  if (!sign_.allows(statement)) return false;
  const PayloadState* payload = find_payload(proposal.header.payload);
  if (payload == nullptr || !payload->fits) return false;
  if (vote_weight(Phase::kPrepare, view_, digest) < vote_quorum(Phase::kPrepare)) return false;
  const std::optional<Vote> vote =
      sign(statement, make_certificate(Phase::kPrepare, view_, digest), proposal.header);
  ASSAY_CHECK(vote.has_value());
  add_vote(note(*vote));
  send_vote(*vote);
  return true;
}

bool Core::Machine::decide() {
  if (!committed_) return false;
  const Header* header = find_header(committed_->statement.digest);
  if (header == nullptr) return false;
  const PayloadState* payload = find_payload(header->payload);
  if (payload == nullptr) {
    want_payload(header->payload, chain_.validators().at(committed_->votes.front().voter).key);
    return false;
  }
  // A quorum has seen to both. If it has not, more than F are faulty, and this one stays behind.
  if (!payload->fits || !chain_.check_header(keys_, *header).ok()) return false;
  finish({{*header, payload->bytes}, *committed_});
  return true;
}

void Core::Machine::finish(const DecidedBlock& decided) {
  persist(RecordKind::kBlock, encode_decided(decided));
  chain_.apply(keys_, decided.block);
  mempool_.committed(decode_payload(decided.block.payload).value());
  const bool wants_root = chain_.height() % settings_.checkpoint_blocks == 0;
  effects_.emplace_back(Deliver{decided, seq_, wants_root});
  tip_certificate_ = decided.certificate;
  recent_.push_back(decided);
  if (recent_.size() > settings_.recent_blocks) recent_.pop_front();
  if (wants_root) begin_checkpoint();
  payloads_.clear();
  begin_height();
}

}  // namespace assay::bft
