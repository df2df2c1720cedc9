// What a Byzantine validator says on its own. What becomes of its core's messages: adversary.cc.
#include <algorithm>

#include "bft/certificate.h"
#include "bft/codec.h"
#include "bft/evidence.h"
#include "sim/adversary.h"

namespace assay::sim {
namespace {

using bft::Phase;

}  // namespace

void Adversary::act(const bft::Core& core, Outbox& out) {
  if (does(Fault::kSilence)) return;
  // Messages get lost: what it has lied about in this view it says again, as its core does.
  const auto status = core.status();
  const auto lie = lies_.find({status.height, status.view});
  if (lie != lies_.end()) vote_for_both(core, lie->second, out);
  if (does(Fault::kReplay)) replay(out);
  if (does(Fault::kGarbage)) garbage(out);
  if (does(Fault::kForgedVotes)) forge_votes(core, out);
  if (does(Fault::kForgedEvidence)) forge_evidence(core, out);
  if (does(Fault::kEvidenceStorm)) storm_evidence(core, out);
  if (does(Fault::kVoteFlood)) flood_votes(core, out);
  if (does(Fault::kForgedBlocks)) forge_blocks(core, out);
  if (does(Fault::kViewJump)) jump_views(core, out);
}

void Adversary::replay(Outbox& out) {
  for (int i = 0; i < 3 && !heard_.empty(); ++i) {
    const size_t to = somebody();
    out.push_back({to, heard_[prng_.below(heard_.size())].second, 0});
    count(Fault::kReplay);
  }
}

// Noise, and real messages that were damaged.
void Adversary::garbage(Outbox& out) {
  Bytes bytes;
  if (heard_.empty() || prng_.below(4) == 0) {
    bytes.resize(prng_.below(300));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(prng_.next());
    if (bytes.size() > 2) bytes[0] = bft::kCodecVersion;
    if (bytes.size() > 2) bytes[1] = static_cast<uint8_t>(prng_.below(12));
  } else {
    bytes = *heard_[prng_.below(heard_.size())].second;
    if (prng_.below(4) == 0) bytes.resize(prng_.below(bytes.size() + 1));
    for (size_t i = 1 + prng_.below(3); i > 0 && !bytes.empty(); --i) {
      bytes[prng_.below(bytes.size())] ^= static_cast<uint8_t>(1 + prng_.below(255));
    }
  }
  const auto shared = std::make_shared<const Bytes>(std::move(bytes));
  for (int i = 0; i < 2; ++i) out.push_back({somebody(), shared, 0});
  count(Fault::kGarbage);
}

// In the names of all others, for what they have voted for and for what they have not.
void Adversary::forge_votes(const bft::Core& core, Outbox& out) {
  const bft::ValidatorSet& set = core.chain().validators();
  const auto status = core.status();
  Digest digest = draw_digest();
  if (!votes_heard_.empty() && prng_.below(2) == 0) {
    digest = votes_heard_[prng_.below(votes_heard_.size())].statement.digest;
  }
  const Phase phase = prng_.below(2) == 0 ? Phase::kPrepare : Phase::kCommit;
  const bft::Statement statement = {phase, status.height, status.view, 0, digest};
  const auto own = make_vote(core, statement);
  if (!own) return;
  for (bft::ValidatorIndex i = 0; i < set.size(); ++i) {
    bft::Vote vote = *own;
    vote.voter = i;
    if (prng_.below(2) == 0) vote.signature = draw_signature();
    tell_all(out, bft::VoteMessage{vote, {}});
    bft::Vote leave = vote;
    leave.statement = {Phase::kNewLeader, status.height, status.view + 1, 0, {}};
    leave.draw.reset();
    tell_all(out, bft::NewLeaderMessage{leave, {}, {}});
  }
  count(Fault::kForgedVotes);
}

// Evidence against correct validators: none of it holds.
void Adversary::forge_evidence(const bft::Core& core, Outbox& out) {
  if (votes_heard_.empty()) return;
  bft::Vote first = votes_heard_[prng_.below(votes_heard_.size())];
  bft::Vote second = first;
  switch (prng_.below(3)) {
    case 0:
      second.statement.digest = draw_digest();
      break;
    case 1:
      second.statement.digest = draw_digest();
      second.signature = draw_signature();
      break;
    default:  // two true ones that do not conflict, or not of one voter
      second = votes_heard_[prng_.below(votes_heard_.size())];
      break;
  }
  if (bft::encode_vote(second) < bft::encode_vote(first)) std::swap(first, second);
  const bft::Evidence evidence = {core.chain().epoch(), first, second};
  tell_all(out, bft::EvidenceMessage{evidence});
  bft::Transaction transaction = {bft::TransactionKind::kEvidence, {}, {}};
  transaction.body = bft::encode_evidence(evidence);
  tell(out, somebody(), bft::TransactionsMessage{{transaction}});
  count(Fault::kForgedEvidence);
}

// True evidence, of itself, and more of it than anybody needs.
void Adversary::storm_evidence(const bft::Core& core, Outbox& out) {
  const bft::Height height = core.chain().height() + 1;
  for (int i = 0; i < 10; ++i) {
    const auto view = static_cast<bft::View>(prng_.below(20));
    const auto first = make_vote(core, {Phase::kNewLeader, height, view, 0, draw_digest()});
    const auto second = make_vote(core, {Phase::kNewLeader, height, view, 0, draw_digest()});
    if (!first || !second) return;
    const bft::EvidenceMessage message{bft::make_evidence(core.chain().epoch(), *first, *second)};
    tell_all(out, message);
    bft::Transaction transaction = {bft::TransactionKind::kEvidence, {}, {}};
    transaction.body = bft::encode_evidence(message.evidence);
    tell(out, somebody(), bft::TransactionsMessage{{transaction}});
  }
  count(Fault::kEvidenceStorm);
}

// The same vote many times, and votes for heights and views to come.
void Adversary::flood_votes(const bft::Core& core, Outbox& out) {
  const auto status = core.status();
  const auto same =
      make_vote(core, {Phase::kPrepare, status.height, status.view, 0, draw_digest()});
  if (!same) return;
  const SharedBytes bytes = share(bft::VoteMessage{*same, {}});
  const size_t victim = somebody();
  for (int i = 0; i < 50; ++i) out.push_back({victim, bytes, 0});
  for (int i = 0; i < 30; ++i) {
    const bft::Height height = status.height + prng_.below(4);
    const auto view = static_cast<bft::View>(status.view + prng_.below(30));
    const Phase phase = prng_.below(2) == 0 ? Phase::kPrepare : Phase::kCommit;
    const auto vote = make_vote(core, {phase, height, view, 0, draw_digest()});
    tell(out, victim, bft::VoteMessage{*vote, {}});
  }
  count(Fault::kVoteFlood);
}

// A decision that nobody made: its certificate has others' names and no signatures of theirs, or
// only its own vote.
void Adversary::forge_blocks(const bft::Core& core, Outbox& out) {
  const bft::Chain& chain = core.chain();
  const auto own = chain.validators().find(registry_->validator(identity_).key);
  if (!own) return;
  const Bytes payload = make_payload(core);
  bft::DecidedBlock forged;
  forged.block.payload = payload;
  // A view that it leads, so that the header holds.
  bft::LeaderOrder leaders(chain.validators(), chain.seed(), chain.height() + 1);
  bft::View view = 0;
  while (leaders.at(view) != *own) ++view;
  forged.block.header = chain.draft_header({view, *own, bft::payload_digest(payload)});
  if (view == 0) forged.block.header.vrf = keys().vrf_prove(chain.vrf_input());
  bft::Certificate& certificate = forged.certificate;
  certificate.statement = {Phase::kCommit, chain.height() + 1, view, 0,
                           bft::header_digest(forged.block.header)};
  const auto vote = make_vote(core, certificate.statement);
  if (vote->draw)
    certificate.holder = static_cast<bft::ValidatorIndex>(prng_.below(chain.validators().size()));
  const bool is_alone = prng_.below(3) == 0;
  const bool is_copied = prng_.below(2) == 0;
  for (bft::ValidatorIndex i = 0; i < chain.validators().size(); ++i) {
    if (is_alone && i != *own) continue;
    const bool is_own = i == *own || is_copied;
    certificate.votes.push_back({i, is_own ? vote->signature : draw_signature(), vote->draw});
  }
  tell_all(out, bft::BlocksMessage{{forged}});
  count(Fault::kForgedBlocks);
}

void Adversary::jump_views(const bft::Core& core, Outbox& out) {
  const auto status = core.status();
  const bft::View ahead =
      prng_.below(8) == 0 ? 1000000 : static_cast<bft::View>(1 + prng_.below(8));
  const auto vote = make_vote(core, {Phase::kNewLeader, status.height, status.view + ahead, 0, {}});
  if (!vote) return;
  if (prng_.below(2) == 0) {
    tell_all(out, bft::NewLeaderMessage{*vote, {}, {}});
  } else {
    tell(out, somebody(), bft::NewLeaderMessage{*vote, {}, {}});
  }
  count(Fault::kViewJump);
}

bft::CheckpointFetched Adversary::forge_checkpoint(const bft::Core& core) {
  bft::CheckpointFetched forged;
  const bft::Chain& chain = core.chain();
  forged.chain = chain.encode();
  forged.root = draw_digest();
  // Often it does not even decode; then again it does, and only the certificate is worth nothing.
  if (prng_.below(2) == 0) forged.chain[prng_.below(forged.chain.size())] ^= 1;
  forged.certificate.statement = {Phase::kCheckpoint, chain.height(), 0, 0,
                                  bft::checkpoint_digest(forged.chain, forged.root)};
  const auto vote = make_vote(core, forged.certificate.statement);
  for (bft::ValidatorIndex i = 0; vote && i < chain.validators().size(); ++i) {
    forged.certificate.votes.push_back(
        {i, i == vote->voter ? vote->signature : draw_signature(), {}});
  }
  count(Fault::kForgedBlocks);
  return forged;
}

}  // namespace assay::sim
