// What validators ask each other for beside votes: payloads, blocks, transactions, evidence,
// checkpoints. The table of transitions: core.cc.
#include <algorithm>

#include "bft/core_machine.h"

namespace assay::bft {
namespace {

constexpr size_t kServedBytesMax = size_t{4} << 20;
constexpr size_t kSeenMax = 65536;     // votes kept to find conflicts, over all validators
constexpr size_t kPayloadsMax = 16;    // of one height
constexpr size_t kCheckpointsMax = 2;  // not yet certified

}  // namespace

// ---- Payloads ---------------------------------------------------------------------------------

const Header* Core::Machine::find_header(const Digest& digest) const {
  for (const auto& [view, state] : views_) {
    if (state.proposal && state.proposal->vote.statement.digest == digest) {
      return &state.proposal->header;
    }
  }
  for (const auto& [voter, m] : new_leaders_) {
    if (m.header && m.vote.statement.digest == digest) return &*m.header;
  }
  if (sign_.height() == now() && sign_.prepared() && sign_.prepared()->statement.digest == digest) {
    return &*sign_.prepared_header();
  }
  return nullptr;
}

const Core::Machine::PayloadState* Core::Machine::find_payload(const Digest& payload) const {
  const auto at = payloads_.find(payload);
  return at == payloads_.end() ? nullptr : &at->second;
}

void Core::Machine::keep_payload(Bytes bytes) {
  const Digest digest = payload_digest(bytes);
  payloads_wanted_.erase(digest);
  if (payloads_.contains(digest)) return;
  PayloadState state;
  state.fits = chain_.check_payload(keys_, bytes).ok();
  state.bytes = std::move(bytes);
  payloads_[digest] = std::move(state);
}

void Core::Machine::want_payload(const Digest& payload, const Peer& from) {
  if (payloads_.contains(payload) || payloads_wanted_.contains(payload)) return;
  static const Bytes empty = encode_payload({});
  if (payload == payload_digest(empty)) return keep_payload(empty);
  payloads_wanted_[payload] = from;
  send_to(from, PayloadRequest{payload});
}

void Core::Machine::on(const Peer& from, const PayloadRequest& m) {
  const PayloadState* payload = find_payload(m.digest);
  if (payload != nullptr) return send_to(from, PayloadMessage{payload->bytes});
  for (const DecidedBlock& block : recent_) {
    if (block.block.header.payload == m.digest) {
      return send_to(from, PayloadMessage{block.block.payload});
    }
  }
}

void Core::Machine::on(const Peer&, const PayloadMessage& m) {
  if (!payloads_wanted_.contains(payload_digest(m.payload))) return drop();
  keep_payload(m.payload);
}

// Bounds what a height of many views keeps: what is neither proposed in a view that counts nor
// prepared by anybody goes.
void Core::Machine::forget_old_views() {
  for (auto at = views_.begin(); at != views_.end();) {
    at = in_window(at->first) ? std::next(at) : views_.erase(at);
  }
  if (payloads_.size() <= kPayloadsMax) return;
  std::set<Digest> used;
  for (const auto& [view, state] : views_) {
    if (state.proposal) used.insert(state.proposal->header.payload);
  }
  for (const auto& [voter, m] : new_leaders_) {
    if (m.header) used.insert(m.header->payload);
  }
  if (sign_.prepared_header()) used.insert(sign_.prepared_header()->payload);
  std::erase_if(payloads_, [&](const auto& entry) { return !used.contains(entry.first); });
  std::erase_if(payloads_wanted_, [&](const auto& entry) { return !used.contains(entry.first); });
}

// ---- Blocks -----------------------------------------------------------------------------------

void Core::Machine::serve_blocks(const Peer& to, Height from) {
  if (from == 0 || from >= now() || to == own_key_) return;
  // The same blocks once between resends: asking is cheap and answering is not.
  Height& served = served_[to];
  if (from <= served) return;
  served = from;
  if (recent_.empty() || from < recent_.front().block.header.height) {
    effects_.emplace_back(ServeBlocks{to, from});
    return;
  }
  BlocksMessage message;
  size_t bytes = 0;
  for (const DecidedBlock& block : recent_) {
    if (block.block.header.height < from) continue;
    bytes += block.block.payload.size();
    if (!message.blocks.empty() && bytes > kServedBytesMax) break;
    message.blocks.push_back(block);
    if (message.blocks.size() == kBlocksMax) break;
  }
  send_to(to, message);
}

void Core::Machine::ask_for_blocks(const Peer& from) {
  if (from == own_key_ || !asked_.insert(from).second) return;
  send_to(from, BlockRequest{now()});
}

void Core::Machine::on(const Peer& from, const BlockRequest& m) { serve_blocks(from, m.from); }

void Core::Machine::on(const Peer& from, const StatusMessage& m) {
  if (m.height < now()) return serve_blocks(from, m.height);
  if (m.height == now()) return;
  if (m.height > now() + settings_.checkpoint_blocks) {
    effects_.emplace_back(NeedCheckpoint{from, m.height});
  }
  ask_for_blocks(from);
}

void Core::Machine::on(const Peer& from, const BlocksMessage& m) {
  bool any = false;
  for (const DecidedBlock& decided : m.blocks) {
    const Block& block = decided.block;
    if (block.header.height != now()) continue;
    if (payload_digest(block.payload) != block.header.payload ||
        !verify_proof(keys_, chain_.id(), block.header, decided.certificate, chain_.validators())
             .ok() ||
        !chain_.check_header(keys_, block.header).ok() ||
        !chain_.check_payload(keys_, block.payload).ok()) {
      return drop();
    }
    finish(decided);
    any = true;
  }
  if (!any) return;
  asked_.erase(from);  // there may be more
  ask_for_blocks(from);
}

// ---- Transactions -----------------------------------------------------------------------------

void Core::Machine::on(const Peer&, const TransactionsMessage& m) {
  bool any = false;
  for (const Transaction& transaction : m.transactions) any |= mempool_.add(transaction).ok();
  if (!any) return drop();
  if (view_ == 0 && own_ && leader(0) == *own_) propose_now_ = true;
}

// ---- Evidence ---------------------------------------------------------------------------------

// Compares a verified vote of this height with the others of its voter, and keeps it.
Core::Machine::SharedVote Core::Machine::note(const Vote& vote) {
  const Statement& s = vote.statement;
  const std::tuple key(vote.voter, s.phase, s.view);
  const auto known = seen_.find(key);
  const bool is_known = known != seen_.end() && *known->second == vote;
  SharedVote shared = is_known ? known->second : std::make_shared<const Vote>(vote);
  // NewLeaders may name any view: of those far ahead only the newest is kept, in new_leaders_.
  const bool is_near = s.phase != Phase::kNewLeader || s.view <= view_ + settings_.views_ahead_max;
  if (known == seen_.end() && is_near && seen_.size() < kSeenMax) seen_.emplace(key, shared);
  const auto end = seen_.upper_bound({vote.voter, Phase::kCheckpoint, ~View{0}});
  for (auto at = seen_.lower_bound({vote.voter, Phase::kNewLeader, 0}); at != end; ++at) {
    if (!conflicts(at->second->statement, s)) continue;
    report(make_evidence(chain_.epoch(), *at->second, vote));
    break;
  }
  return shared;
}

void Core::Machine::report(const Evidence& evidence) {
  const ValidatorIndex culprit = evidence.first.voter;
  if (!reported_.emplace(evidence.epoch, culprit).second) return;
  // Of two epochs, one entry for each validator: as many as there are.
  std::erase_if(reported_, [&](const auto& entry) { return entry.first + 1 < chain_.epoch(); });
  effects_.emplace_back(EvidenceFound{evidence, chain_.validators().at(culprit).key});
  send_all(EvidenceMessage{evidence});
  if (chain_.culprits().contains(chain_.validators().at(culprit).key)) return;
  // Without a sender: it is the same transaction whoever found it.
  (void)mempool_.add({TransactionKind::kEvidence, {}, encode_evidence(evidence)}).ok();
}

void Core::Machine::on(const Peer&, const EvidenceMessage& m) {
  const Evidence& evidence = m.evidence;
  if (evidence.epoch != chain_.epoch() ||
      reported_.contains({evidence.epoch, evidence.first.voter}) ||
      !verify_evidence(context(), evidence).ok()) {
    return drop();
  }
  report(evidence);
}

// ---- Checkpoints ------------------------------------------------------------------------------

void Core::Machine::begin_checkpoint() {
  checkpoints_.emplace(chain_.height(),
                       PendingCheckpoint{chain_, chain_.encode(), std::nullopt, {}, false});
  while (checkpoints_.size() > kCheckpointsMax) checkpoints_.erase(checkpoints_.begin());
}

void Core::Machine::on(const StateComputed& input) {
  const auto at = checkpoints_.find(input.height);
  if (at == checkpoints_.end() || at->second.root) return;
  PendingCheckpoint& pending = at->second;
  pending.root = input.root;
  const auto own = pending.chain.validators().find(own_key_);
  if (!own || input.height <= observe_until_ || !sign_.allows_checkpoint(input.height)) return;
  Vote vote;
  vote.statement = {Phase::kCheckpoint, input.height, 0, 0,
                    checkpoint_digest(pending.bytes, input.root)};
  vote.voter = *own;
  vote.signature = keys_.sign(signing_bytes(chain_.id(), pending.chain.epoch(), vote.statement));
  sign_.record_checkpoint(input.height);
  persist(RecordKind::kSignState, sign_.encode());
  own_checkpoint_vote_ = vote;
  pending.votes.emplace(*own, vote);
  send_all(VoteMessage{vote, {}});
  try_certify(input.height);
}

void Core::Machine::on_checkpoint_vote(const Vote& vote) {
  const auto at = checkpoints_.find(vote.statement.height);
  if (at == checkpoints_.end() || at->second.certified) return;
  PendingCheckpoint& pending = at->second;
  const VoteContext context = pending.chain.context(keys_);
  if (pending.votes.contains(vote.voter) || !verify_vote(context, vote).ok()) return drop();
  pending.votes.emplace(vote.voter, vote);
  try_certify(vote.statement.height);
}

void Core::Machine::try_certify(Height height) {
  PendingCheckpoint& pending = checkpoints_.at(height);
  if (!pending.root || pending.certified) return;
  Certificate certificate;
  certificate.statement = {Phase::kCheckpoint, height, 0, 0,
                           checkpoint_digest(pending.bytes, *pending.root)};
  uint64_t weight = 0;
  for (const auto& [voter, vote] : pending.votes) {
    if (!(vote.statement == certificate.statement)) continue;
    certificate.votes.push_back({voter, vote.signature, {}});
    weight += pending.chain.validators().at(voter).weight;
  }
  if (weight < pending.chain.validators().quorum()) return;
  pending.certified = true;
  persist(RecordKind::kCheckpoint,
          encode_checkpoint({pending.bytes, *pending.root, std::move(certificate)}));
}

void Core::Machine::on(const CheckpointFetched& input) {
  const auto fetched = Chain::decode(input.chain);
  if (!fetched.ok() || fetched->id() != chain_.id() || fetched->height() <= chain_.height()) {
    return drop();
  }
  // Trust goes from set to set: this one has to be known here. Over a change of validators, blocks
  // lead, because each names the next set.
  if (fetched->validators().digest() != chain_.validators().digest()) return drop();
  const Statement statement = {Phase::kCheckpoint, fetched->height(), 0, 0,
                               checkpoint_digest(input.chain, input.root)};
  if (!(input.certificate.statement == statement) ||
      !verify_certificate(fetched->context(keys_), input.certificate).ok()) {
    return drop();
  }
  chain_ = *fetched;
  persist(RecordKind::kCheckpoint, encode_checkpoint(input));
  recent_.clear();
  tip_certificate_.reset();
  payloads_.clear();
  begin_height();
}

}  // namespace assay::bft
