// What becomes of the messages of a Byzantine validator's own core, and what it hears. What it says
// on its own is in adversary_acts.cc.
#include "sim/adversary.h"

#include <algorithm>

#include "base/check.h"
#include "bft/certificate.h"
#include "bft/codec.h"

namespace assay::sim {
namespace {

using bft::Phase;

constexpr size_t kHeardMax = 64;
constexpr size_t kLiesMax = 8;

constexpr uint8_t kProposalKind = 0;
constexpr uint8_t kVoteKind = 1;
constexpr uint8_t kNewLeaderKind = 2;
constexpr uint8_t kPayloadRequestKind = 3;

uint8_t kind_of(const Bytes& bytes) { return bytes.size() < 2 ? uint8_t{255} : bytes[1]; }

}  // namespace

Adversary::Adversary(const KeyRegistry& registry, size_t identity, size_t fellows, uint64_t seed)
    : registry_(&registry), identity_(identity), prng_(seed) {
  ASSAY_CHECK(identity < fellows);
  for (size_t i = 0; i < fellows; ++i) fellow_keys_.emplace_back(registry, i);
}

SharedBytes Adversary::share(const bft::Message& message) const {
  return std::make_shared<const Bytes>(bft::encode_message(message));
}

void Adversary::tell(Outbox& out, size_t to, const bft::Message& message, uint64_t delay_ms) const {
  out.push_back({to, share(message), delay_ms});
}

void Adversary::tell_all(Outbox& out, const bft::Message& message, uint64_t delay_ms) const {
  const SharedBytes bytes = share(message);
  for (size_t to = 0; to < registry_->size(); ++to) {
    if (to != identity_) out.push_back({to, bytes, delay_ms});
  }
}

size_t Adversary::somebody() {
  const size_t other = prng_.below(registry_->size() - 1);
  return other < identity_ ? other : other + 1;
}

Digest Adversary::draw_digest() {
  Digest digest;
  for (size_t at = 0; at < digest.size(); at += 8) store_le(digest.data() + at, prng_.next());
  return digest;
}

Signature Adversary::draw_signature() {
  Signature signature;
  for (size_t at = 0; at < signature.size(); at += 8) {
    store_le(signature.data() + at, prng_.next());
  }
  return signature;
}

std::optional<bft::Vote> Adversary::make_vote(const bft::Core& core,
                                              const bft::Statement& statement,
                                              size_t fellow) const {
  const bft::Chain& chain = core.chain();
  const auto own = chain.validators().find(registry_->validator(fellow).key);
  if (!own) return std::nullopt;
  const SimKeys& keys = fellow_keys_[fellow];
  bft::Vote vote;
  vote.statement = statement;
  vote.voter = *own;
  vote.signature = keys.sign(bft::signing_bytes(chain.id(), chain.epoch(), statement));
  if (bft::is_sampled(chain.validators(), statement.phase)) {
    vote.draw = keys.vrf_prove(bft::draw_input(chain.id(), chain.epoch(), statement));
  }
  return vote;
}

// One that the core does not know; sometimes with evidence in it that does not hold.
Bytes Adversary::make_payload(const bft::Core& core) {
  std::vector<bft::Transaction> transactions(1);
  transactions[0].body.resize(8);
  store_le(transactions[0].body.data(), prng_.next());
  if (does(Fault::kForgedEvidence) && !votes_heard_.empty()) {
    bft::Vote first = votes_heard_[prng_.below(votes_heard_.size())];
    bft::Vote second = first;
    second.statement.digest = draw_digest();
    if (bft::encode_vote(second) < bft::encode_vote(first)) std::swap(first, second);
    const bft::Evidence evidence = {core.chain().epoch(), first, second};
    transactions[0] = {bft::TransactionKind::kEvidence, {}, bft::encode_evidence(evidence)};
    count(Fault::kForgedEvidence);
  }
  return bft::encode_payload(transactions);
}

void Adversary::send(const bft::Core& core, const std::optional<bft::Peer>& to,
                     const SharedBytes& bytes, Outbox& out) {
  if (does(Fault::kSilence)) return count(Fault::kSilence);
  const uint8_t kind = kind_of(*bytes);
  if (kind == kProposalKind && does(Fault::kWithhold)) return count(Fault::kWithhold);
  std::optional<bft::Message> message;
  if (kind <= kNewLeaderKind) message = bft::decode_message(*bytes).value();
  if (message && kind == kProposalKind) {
    (void)lie_about(core, std::get<bft::ProposalMessage>(*message), out);
  }
  const size_t begin = out.size();
  const size_t only = to ? registry_->find(*to).value_or(identity_) : identity_;
  std::optional<bft::Message> changed;
  if (message && kind == kNewLeaderKind) {
    changed = change(core, std::get<bft::NewLeaderMessage>(*message));
  }
  for (size_t i = 0; i < registry_->size(); ++i) {
    if (i == identity_) continue;
    const bool is_vote = message && kind == kVoteKind;
    const bool reaches_all = is_vote && does(Fault::kOutOfSample);
    if (to && only != i && !reaches_all) continue;
    if (to && only != i) count(Fault::kOutOfSample);
    if (message && kind == kProposalKind) {
      send_proposal(core, std::get<bft::ProposalMessage>(*message), i, out);
    } else if (is_vote) {
      send_vote(core, std::get<bft::VoteMessage>(*message), i, out);
    } else if (changed) {
      tell(out, i, *changed);
    } else {
      out.push_back({i, bytes, 0});
    }
  }
  if (!does(Fault::kDelay)) return;
  for (size_t i = begin; i < out.size(); ++i) {
    out[i].delay_ms += prng_.below(prng_.below(4) == 0 ? 1500 : 60);
    count(Fault::kDelay);
  }
}

// Prepares a second proposal for this view, if one of the attacks asks for it, and votes for it.
bool Adversary::lie_about(const bft::Core& core, const bft::ProposalMessage& m, Outbox& out) {
  const bft::Statement& s = m.vote.statement;
  if (s.height != core.chain().height() + 1 || lies_.contains({s.height, s.view})) return false;
  const bool is_bound = m.justification && m.justification->prepared;
  const bool lies = is_bound ? does(Fault::kLyingLeader) : does(Fault::kEquivocate);
  if (!lies) return false;
  count(is_bound ? Fault::kLyingLeader : Fault::kEquivocate);
  const Bytes payload = make_payload(core);
  const Digest digest = bft::payload_digest(payload);
  payloads_[digest] = payload;
  if (payloads_.size() > kLiesMax) payloads_.erase(payloads_.begin());
  Lie lie;
  lie.proposal = m;
  lie.truth = m.vote;
  bft::Header& header = lie.proposal.header;
  const auto own = core.chain().validators().find(registry_->validator(identity_).key);
  if (!own) return false;
  header = core.chain().draft_header({s.view, *own, digest});
  if (s.view == 0) header.vrf = keys().vrf_prove(core.chain().vrf_input());
  if (is_bound && prng_.below(4) > 0) {
    // Says that nothing was prepared, with those NewLeaders that do not know better.
    bft::Justification& justification = *lie.proposal.justification;
    justification.prepared.reset();
    if (prng_.below(2) == 0) {
      std::erase_if(justification.new_leaders,
                    [](const bft::Vote& vote) { return vote.statement.prepared > 0; });
    }
  }
  bft::Statement statement = s;
  statement.digest = bft::header_digest(header);
  lie.proposal.vote = *make_vote(core, statement);
  // Everybody, or about a half.
  const bool to_all = is_bound && prng_.below(4) > 0;
  for (size_t i = 0; i < registry_->size(); ++i) lie.told.push_back(to_all || prng_.below(2) == 0);
  if (!to_all) {
    // At least one of each.
    const size_t told = somebody();
    size_t other = somebody();
    while (other == told) other = somebody();
    lie.told[told] = true;
    lie.told[other] = false;
  }
  vote_for_both(core, lie, out);
  while (lies_.size() >= kLiesMax) lies_.erase(lies_.begin());
  lies_.emplace(std::pair(s.height, s.view), std::move(lie));
  return true;
}

// With all fellows, and whatever its core will do.
void Adversary::vote_for_both(const bft::Core& core, const Lie& lie, Outbox& out) {
  for (const Phase phase : {Phase::kPrepare, Phase::kCommit}) {
    const uint64_t delay = phase == Phase::kPrepare ? prng_.below(10) : 5 + prng_.below(40);
    for (const bool is_lie : {false, true}) {
      const bft::Vote& proposed = is_lie ? lie.proposal.vote : lie.truth;
      bft::Statement voted = proposed.statement;
      voted.phase = phase;
      for (size_t fellow = 0; fellow < fellow_keys_.size(); ++fellow) {
        const auto vote = make_vote(core, voted, fellow);
        if (!vote) continue;
        bft::VoteMessage message{*vote, {}};
        if (vote->draw) message.proposal = proposed;
        for (size_t i = 0; i < registry_->size(); ++i) {
          if (i != identity_ && lie.told[i] == is_lie) tell(out, i, message, delay);
        }
      }
    }
  }
}

void Adversary::send_proposal(const bft::Core&, const bft::ProposalMessage& m, size_t to,
                              Outbox& out) {
  const auto lie = lies_.find({m.vote.statement.height, m.vote.statement.view});
  const bool lies = lie != lies_.end() && lie->second.told[to];
  tell(out, to, lies ? lie->second.proposal : m);
}

void Adversary::send_vote(const bft::Core& core, const bft::VoteMessage& m, size_t to,
                          Outbox& out) {
  const bft::Statement& s = m.vote.statement;
  const auto lie = lies_.find({s.height, s.view});
  if (lie != lies_.end() && lie->second.told[to]) return;  // it was told already
  if (does(Fault::kDoubleVote) && prng_.below(2) == 0) {
    bft::Statement other = s;
    other.digest = draw_digest();
    if (!votes_heard_.empty() && prng_.below(2) == 0) {
      other.digest = votes_heard_[prng_.below(votes_heard_.size())].statement.digest;
    }
    const auto vote = make_vote(core, other);
    if (vote) {
      tell(out, to, bft::VoteMessage{*vote, m.proposal}, prng_.below(20));
      count(Fault::kDoubleVote);
    }
    if (prng_.below(2) == 0) return;
  }
  tell(out, to, m);
}

std::optional<bft::Message> Adversary::change(const bft::Core& core,
                                              const bft::NewLeaderMessage& m) {
  bft::Statement statement = m.vote.statement;
  if (does(Fault::kAmnesia) && statement.prepared > 0) {
    statement.prepared = 0;
    statement.digest = Digest{};
    const auto vote = make_vote(core, statement);
    if (!vote) return std::nullopt;
    count(Fault::kAmnesia);
    return bft::NewLeaderMessage{*vote, {}, {}};
  }
  if (!does(Fault::kForgedPrepared) || statement.view == 0) return std::nullopt;
  bft::NewLeaderMessage forged = m;
  const Bytes payload = make_payload(core);
  const auto own = core.chain().validators().find(registry_->validator(identity_).key);
  if (!own) return std::nullopt;
  forged.header =
      core.chain().draft_header({statement.view - 1, *own, bft::payload_digest(payload)});
  statement.prepared = statement.view;
  statement.digest = bft::header_digest(*forged.header);
  forged.vote = *make_vote(core, statement);
  forged.prepared = bft::Certificate{
      {Phase::kPrepare, statement.height, statement.prepared - 1, 0, statement.digest}, {}, {}};
  for (bft::ValidatorIndex i = 0; i < core.chain().validators().size(); ++i) {
    const auto vote = make_vote(core, forged.prepared->statement);
    forged.prepared->votes.push_back({i, i == *own ? vote->signature : draw_signature(), {}});
    forged.prepared->votes.back().draw = vote->draw;
  }
  if (bft::is_sampled(core.chain().validators(), Phase::kPrepare)) forged.prepared->holder = *own;
  count(Fault::kForgedPrepared);
  return forged;
}

bool Adversary::hear(const bft::Core&, size_t from, const SharedBytes& bytes, Outbox& out) {
  if (heard_.size() < kHeardMax) heard_.emplace_back(from, bytes);
  heard_[heard_at_++ % kHeardMax % heard_.size()] = {from, bytes};
  const uint8_t kind = kind_of(*bytes);
  if (kind == kVoteKind &&
      (does(Fault::kForgedEvidence) || does(Fault::kDoubleVote) || does(Fault::kForgedVotes))) {
    const auto message = bft::decode_message(*bytes);
    if (message.ok()) {
      const bft::Vote& vote = std::get<bft::VoteMessage>(*message).vote;
      if (votes_heard_.size() < kHeardMax) votes_heard_.push_back(vote);
      votes_heard_[votes_at_++ % kHeardMax % votes_heard_.size()] = vote;
    }
  }
  if (kind != kPayloadRequestKind || payloads_.empty()) return false;
  const auto message = bft::decode_message(*bytes);
  if (!message.ok()) return false;
  const auto payload = payloads_.find(std::get<bft::PayloadRequest>(*message).digest);
  if (payload == payloads_.end()) return false;
  tell(out, from, bft::PayloadMessage{payload->second});
  return true;
}

}  // namespace assay::sim
