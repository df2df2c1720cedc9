// Leaving and entering views, and proposing. The table of transitions: core.cc.
//
// Why it is safe: a value committed in view v was prepared by a quorum there, and F + 1 correct
// ones of it at least are in every quorum of NewLeaders of a later view; each names what it has
// prepared in v or later. A proposal has to take the value of the highest view among them, which by
// induction is the committed one.
#include <algorithm>

#include "bft/core_machine.h"
#include "bft/mutation.h"

namespace assay::bft {

ValidatorIndex Core::Machine::leader(View view) { return leaders_->at(view); }

NewLeaderMessage Core::Machine::own_new_leader(const Vote& vote) const {
  if (vote.statement.prepared == 0) return {vote, {}, {}};
  return {vote, sign_.prepared(), sign_.prepared_header()};
}

void Core::Machine::leave_for(View view) {
  ASSAY_CHECK(view > view_);
  view_ = view;
  entered_ = false;
  waits_ = false;
  new_leaders_changed_ = true;
  forget_old_views();
  Statement statement = {Phase::kNewLeader, now(), view, 0, {}};
  if (sign_.height() == now() && sign_.prepared()) {
    statement.prepared = sign_.prepared_view();
    statement.digest = sign_.prepared()->statement.digest;
  }
  const std::optional<Vote> vote = sign(statement);
  if (!vote) return;
  const NewLeaderMessage message = own_new_leader(*vote);
  new_leaders_[*own_] = message;
  send_all(message);
}

void Core::Machine::enter(View view) {
  ASSAY_CHECK(view >= view_);
  view_ = view;
  entered_ = true;
  waits_ = false;
  forget_old_views();
  set_timer(Timer::kView, view_timeout_ms());
}

uint64_t Core::Machine::view_timeout_ms() const {
  const View doublings = std::min<View>(view_, 20);
  return std::min(settings_.view_timeout_ms << doublings,
                  std::max(settings_.view_timeout_ms, settings_.view_timeout_max_ms));
}

// Some of a quorum may have entered this view and left it again, so that it never meets here. Once
// a quorum has come as far, nobody waits longer than for an entered view.
void Core::Machine::wait_for_quorum() {
  if (entered_ || waits_) return;
  uint64_t reached = 0;
  for (const auto& [voter, m] : new_leaders_) {
    if (m.vote.statement.view >= view_) reached += chain_.validators().at(voter).weight;
  }
  if (reached < chain_.validators().quorum()) return;
  waits_ = true;
  set_timer(Timer::kWait, view_timeout_ms());
}

Status Core::Machine::check_new_leader(const NewLeaderMessage& m) const {
  const Statement& s = m.vote.statement;
  if (s.phase != Phase::kNewLeader || s.view == 0 || s.prepared > s.view) {
    return invalid_argument("a NewLeader is of view 0, or names a later view as prepared");
  }
  ASSAY_RETURN_IF_ERROR(verify_vote(context(), m.vote));
  if (m.prepared.has_value() != (s.prepared > 0) || m.header.has_value() != (s.prepared > 0)) {
    return invalid_argument(
        "a NewLeader names a prepared value without showing it, or the reverse");
  }
  if (s.prepared == 0) return s.digest == Digest{} ? ok_status() : invalid_argument("a digest");
  const Statement prepared = {Phase::kPrepare, s.height, s.prepared - 1, 0, s.digest};
  if (!(m.prepared->statement == prepared) || header_digest(*m.header) != s.digest) {
    return invalid_argument("a NewLeader shows another prepared value than it names");
  }
  if (m.prepared->holder && *m.prepared->holder != m.vote.voter) {
    return invalid_argument("a NewLeader shows a certificate that others hold");
  }
  ASSAY_RETURN_IF_ERROR(chain_.check_header(keys_, *m.header));
  return verify_certificate(context(), *m.prepared);
}

void Core::Machine::on_new_leader(const Peer& from, const NewLeaderMessage& m, const Bytes& bytes) {
  const Statement& s = m.vote.statement;
  if (!is_of_now(from, s.height, bytes)) return;
  const auto known = new_leaders_.find(m.vote.voter);
  if (known != new_leaders_.end()) {
    if (known->second.vote == m.vote) return;
    if (s.view < known->second.vote.statement.view) return;
  }
  if (s.view < view_ || !check_new_leader(m).ok()) return drop();
  note(m.vote);
  if (known != new_leaders_.end() && known->second.vote.statement.view == s.view) return;
  new_leaders_[m.vote.voter] = m;
  new_leaders_changed_ = true;
}

bool Core::Machine::join_or_enter() {
  if (!new_leaders_changed_) return false;
  new_leaders_changed_ = false;
  wait_for_quorum();
  const ValidatorSet& set = chain_.validators();
  std::map<View, uint64_t> weights;
  for (const auto& [voter, m] : new_leaders_) {
    weights[m.vote.statement.view] += set.at(voter).weight;
  }
  // From the highest view down: who has reached it, and who stands in it.
  uint64_t reached = 0;
  for (auto at = weights.rbegin(); at != weights.rend(); ++at) {
    const auto& [view, weight] = *at;
    reached += weight;
    const uint64_t quorum = mutated(Mutation::kViewJump) ? 1 : set.quorum();
    if (weight >= quorum && (view > view_ || (view == view_ && !entered_))) {
      enter(view);
      return true;
    }
    if (reached >= set.some_correct()) {
      if (view <= view_) return false;
      leave_for(view);
      return true;
    }
  }
  return false;
}

Justification Core::Machine::make_justification(View view) const {
  Justification justification;
  View highest = 0;
  for (const auto& [voter, m] : new_leaders_) {
    if (m.vote.statement.view != view) continue;
    justification.new_leaders.push_back(m.vote);
    if (m.vote.statement.prepared <= highest) continue;
    highest = m.vote.statement.prepared;
    justification.prepared = m.prepared;
  }
  return justification;
}

Status Core::Machine::check_justification(const ProposalMessage& m) const {
  const Justification& j = *m.justification;
  const Statement& proposed = m.vote.statement;
  const ValidatorSet& set = chain_.validators();
  uint64_t weight = 0;
  View highest = 0;
  for (size_t i = 0; i < j.new_leaders.size(); ++i) {
    const Vote& vote = j.new_leaders[i];
    const Statement& s = vote.statement;
    if (s.phase != Phase::kNewLeader || s.height != proposed.height || s.view != proposed.view ||
        s.prepared > s.view || (i > 0 && vote.voter <= j.new_leaders[i - 1].voter)) {
      return invalid_argument("a justification holds a vote that is no NewLeader of its view");
    }
    ASSAY_RETURN_IF_ERROR(verify_vote(context(), vote));
    weight += set.at(vote.voter).weight;
    highest = std::max(highest, s.prepared);
  }
  if (weight < set.quorum() && !mutated(Mutation::kViewJump)) {
    return invalid_argument("a justification is below the quorum");
  }
  if (mutated(Mutation::kNewLeaderUnchecked)) return ok_status();
  if (highest == 0) {
    if (j.prepared || m.header.view != proposed.view) {
      return invalid_argument("nothing was prepared: the leader has to propose a block of its own");
    }
    return ok_status();
  }
  const Statement prepared = {Phase::kPrepare, proposed.height, highest - 1, 0, proposed.digest};
  if (!j.prepared || !(j.prepared->statement == prepared)) {
    return invalid_argument("the leader has to propose what was prepared in the highest view");
  }
  if (j.prepared->holder) {
    const bool is_named =
        std::any_of(j.new_leaders.begin(), j.new_leaders.end(), [&](const Vote& vote) {
          return vote.voter == *j.prepared->holder && vote.statement.prepared == highest &&
                 vote.statement.digest == proposed.digest;
        });
    if (!is_named) return invalid_argument("the holder of what was prepared does not name it");
  }
  return verify_certificate(context(), *j.prepared);
}

Bytes Core::Machine::make_payload() {
  // What has a meaning here is checked alone: one that is no longer true must not spoil the block.
  std::vector<Transaction> kept;
  std::vector<Transaction> special;
  std::vector<Transaction> refused;
  for (Transaction& transaction : mempool_.take(chain_.payload_bytes_max())) {
    if (transaction.kind != TransactionKind::kData) {
      special.push_back(transaction);
      if (!chain_.check_payload(keys_, encode_payload(special)).ok()) {
        special.pop_back();
        refused.push_back(std::move(transaction));
        continue;
      }
    }
    kept.push_back(std::move(transaction));
  }
  mempool_.committed(refused);
  return encode_payload(kept);
}

bool Core::Machine::propose() {
  if (!entered_ || !may_sign() || leader(view_) != *own_) return false;
  if (view_ == 0 && !propose_now_) return false;
  if (const auto at = views_.find(view_); at != views_.end() && at->second.proposal) return false;
  Statement statement = {Phase::kPropose, now(), view_, 0, {}};
  if (!sign_.allows(statement)) return false;

  ProposalMessage m;
  m.parent = tip_certificate_;
  const Header* prepared = nullptr;
  if (view_ > 0) {
    m.justification = make_justification(view_);
    uint64_t weight = 0;
    for (const Vote& vote : m.justification->new_leaders) {
      weight += chain_.validators().at(vote.voter).weight;
    }
    if (weight < chain_.validators().quorum() && !mutated(Mutation::kViewJump)) return false;
    if (m.justification->prepared) {
      prepared = find_header(m.justification->prepared->statement.digest);
      ASSAY_CHECK(prepared != nullptr);
    }
  }
  if (prepared != nullptr) {
    m.header = *prepared;
    want_payload(m.header.payload, own_key_);
  } else {
    Bytes payload = make_payload();
    m.header = chain_.draft_header({view_, *own_, payload_digest(payload)});
    if (view_ == 0) m.header.vrf = keys_.vrf_prove(chain_.vrf_input());
    keep_payload(std::move(payload));
  }
  statement.digest = header_digest(m.header);
  const std::optional<Vote> vote = sign(statement);
  ASSAY_CHECK(vote.has_value());
  m.vote = *vote;
  views_[view_].leader_vote = *vote;
  views_[view_].proposal = m;
  send_all(m);
  return true;
}

}  // namespace assay::bft
