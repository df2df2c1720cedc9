// What the core does, row by row; steps are those of PBFT (Castro and Liskov 1999) with the view
// change of 06-consensus. h: the height to be decided, v: the view, q: a quorum, F: the weight of
// faulty validators that is survived.
//
//   when                                then (function)                         step of PBFT
//   height begins; leader(h, 0) is      propose at once if transactions wait,   request
//   this one                            else after the block timer
//                                       (begin_height)
//   this leader of v has entered v and  Propose: the value prepared in the      pre-prepare;
//   not proposed                        highest view among q NewLeaders, else   new-view
//                                       a block of its own (propose)
//   valid Propose of leader(h, v)       keep it, pull its payload               pre-prepare
//                                       (on_proposal)                           accepted
//   the same in an entered v, payload   persist the block; sign Prepare         prepare
//   valid                               (prepare)
//   q Prepares for the proposal of v    lock: persist the certificate with the  prepared; commit
//                                       signature; sign Commit (commit)
//   q Commits of any one view of h      decide: persist, deliver; h + 1 begins  committed-local
//                                       (decide)
//   block with a certificate of q       the same (on BlocksMessage)             state transfer
//   Commits
//   view timer of an entered v          sign NewLeader(v + 1), naming the lock  view-change
//                                       (leave_for)
//   NewLeaders of F + 1 for views       sign NewLeader for the highest view     view-change,
//   above v                             that F + 1 have reached                 joining
//                                       (join_or_enter)
//   NewLeaders of q for one view >= v,  enter that view; its timer takes twice  new-view
//   or a Propose that carries them      as long (enter)
//   q have reached v, which is not      leave v after as long as an entered     timer after 2f +
//   entered                             view lasts (wait_for_quorum)            1
//   two statements that no correct one  evidence: tell all, put it into a       -
//   makes                               block (report); sampled: leave an
//                                       equivocating leader's view
//   resend timer                        say again what one has signed in this   retransmission
//                                       view, and one's height and view
//                                       (resend)
//   message of h + 1                    keep it, within the peer's bounds       -
//                                       (is_of_now)
//   message of a height below h         send the blocks that the sender lacks   state transfer
//                                       (is_of_now)
//   message of a height above h + 1     ask the sender for blocks (is_of_now)   state transfer
//   state computed after a              sign Checkpoint; q of them: persist it  checkpoint
//   checkpoint's block                  (try_certify)
#include "bft/core.h"

#include <algorithm>

#include "bft/byte_reader.h"
#include "bft/core_machine.h"

namespace assay::bft {
namespace {

// Timer ids: kind, height, view.
constexpr uint64_t kViewBits = 24;
constexpr uint64_t kHeightBits = 38;

uint64_t timer_id(uint8_t kind, Height height, View view) {
  const uint64_t view_bits = view & ((uint64_t{1} << kViewBits) - 1);
  const uint64_t height_bits = height & ((uint64_t{1} << kHeightBits) - 1);
  return uint64_t{kind} << (kHeightBits + kViewBits) | height_bits << kViewBits | view_bits;
}

}  // namespace

Core::Core(const Settings& settings, const PublicKey& own, const Keys& keys, Restored restored)
    : machine_(std::make_unique<Machine>(settings, own, keys, std::move(restored))) {}
Core::~Core() = default;
Core::Core(Core&&) noexcept = default;
Effects Core::start() { return machine_->start(); }
Effects Core::step(const Input& input) { return machine_->step(input); }
const Chain& Core::chain() const { return machine_->chain(); }
CoreStatus Core::status() const { return machine_->status(); }

Core::Machine::Machine(const Settings& settings, const PublicKey& own, const Keys& keys,
                       Restored restored)
    : settings_(settings),
      own_key_(own),
      keys_(keys),
      observe_until_(restored.observe_until),
      chain_(std::move(restored.chain)),
      sign_(std::move(restored.sign_state).value_or(SignState())),
      mempool_(settings.mempool) {
  for (DecidedBlock& block : restored.recent) {
    tip_certificate_ = block.certificate;
    recent_.push_back(std::move(block));
    if (recent_.size() > settings_.recent_blocks) recent_.pop_front();
  }
  for (Block& block : restored.proposals) {
    if (block.header.height == now()) keep_payload(std::move(block.payload));
  }
}

Effects Core::Machine::start() {
  effects_.clear();
  begin_height();
  restore_votes();
  set_timer(Timer::kResend, settings_.resend_ms);
  advance();
  return std::move(effects_);
}

Effects Core::Machine::step(const Input& input) {
  effects_.clear();
  std::visit([this](const auto& one) { on(one); }, input);
  advance();
  return std::move(effects_);
}

void Core::Machine::advance() {
  while (true) {
    if (height_begun_) {
      // What was kept for this height is heard now.
      height_begun_ = false;
      std::deque<Buffered> kept;
      kept.swap(buffered_);
      buffer_use_.clear();
      for (const Buffered& message : kept) dispatch(message.from, message.bytes);
    }
    if (!join_or_enter() && !propose() && !prepare() && !commit() && !decide()) return;
  }
}

void Core::Machine::begin_height() {
  own_ = chain_.validators().find(own_key_);
  view_ = 0;
  entered_ = true;
  waits_ = false;
  propose_now_ = false;
  new_leaders_changed_ = false;
  leaders_.emplace(chain_.validators(), chain_.seed(), now());
  views_.clear();
  new_leaders_.clear();
  committed_.reset();
  payloads_wanted_.clear();
  seen_.clear();
  height_begun_ = true;
  set_timer(Timer::kView, settings_.view_timeout_ms);
  if (own_ && leader(0) == *own_) {
    if (mempool_.empty() && settings_.block_interval_ms > 0) {
      set_timer(Timer::kPropose, settings_.block_interval_ms);
    } else {
      propose_now_ = true;
    }
  }
}

// A restarted validator stands where its last signature left it.
void Core::Machine::restore_votes() {
  if (!own_ || sign_.height() != now()) return;
  view_ = sign_.view();
  entered_ = view_ == 0;
  for (const Vote& vote : sign_.votes()) {
    SharedVote noted = note(vote);
    switch (vote.statement.phase) {
      case Phase::kNewLeader:
        new_leaders_[*own_] = own_new_leader(vote);
        new_leaders_changed_ = true;
        break;
      case Phase::kPrepare:
      case Phase::kCommit:
        entered_ = true;
        add_vote(std::move(noted));
        break;
      default:
        entered_ = true;
        break;
    }
  }
  if (entered_) enter(view_);
}

void Core::Machine::on(const MessageReceived& input) { dispatch(input.from, input.bytes); }

void Core::Machine::dispatch(const Peer& from, const Bytes& bytes) {
  auto message = decode_message(bytes);
  if (!message.ok()) return drop();
  std::visit(
      [&](const auto& m) {
        using M = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<M, ProposalMessage>) {
          on_proposal(from, m, bytes);
        } else if constexpr (std::is_same_v<M, VoteMessage>) {
          on_vote(from, m, bytes);
        } else if constexpr (std::is_same_v<M, NewLeaderMessage>) {
          on_new_leader(from, m, bytes);
        } else {
          on(from, m);
        }
      },
      *message);
}

bool Core::Machine::is_of_now(const Peer& from, Height height, const Bytes& bytes) {
  if (height == now()) return true;
  // A step behind or ahead is usual: what decides is on its way, and if not, Status will show it.
  if (height < now()) {
    if (height + 1 < now()) serve_blocks(from, height);
  } else if (height > now() + 1) {
    ask_for_blocks(from);
  } else {
    PeerBuffer& use = buffer_use_[from];
    if (use.messages < settings_.peer_messages_max &&
        use.bytes + bytes.size() <= settings_.peer_bytes_max) {
      ++use.messages;
      use.bytes += bytes.size();
      buffered_.push_back({from, bytes});
    } else {
      drop();
    }
  }
  return false;
}

void Core::Machine::on(const TimerFired& input) {
  if (input.id == timer_id(static_cast<uint8_t>(Timer::kResend), 0, 0)) {
    resend();
    set_timer(Timer::kResend, settings_.resend_ms);
  } else if (input.id == timer_id(static_cast<uint8_t>(Timer::kView), now(), view_)) {
    if (entered_) leave_for(view_ + 1);
  } else if (input.id == timer_id(static_cast<uint8_t>(Timer::kWait), now(), view_)) {
    if (!entered_) leave_for(view_ + 1);
  } else if (input.id == timer_id(static_cast<uint8_t>(Timer::kPropose), now(), 0)) {
    propose_now_ = true;
  }
}

void Core::Machine::set_timer(Timer timer, uint64_t delay_ms) {
  const auto kind = static_cast<uint8_t>(timer);
  const uint64_t id = timer == Timer::kResend    ? timer_id(kind, 0, 0)
                      : timer == Timer::kPropose ? timer_id(kind, now(), 0)
                                                 : timer_id(kind, now(), view_);
  effects_.emplace_back(SetTimer{id, delay_ms});
}

// Messages get lost; whoever is behind shows it by the height and view that it says.
void Core::Machine::resend() {
  served_.clear();
  asked_.clear();
  send_all(StatusMessage{now(), view_});
  if (own_ && sign_.height() == now() && sign_.view() == view_) {
    for (const Vote& vote : sign_.votes()) {
      if (vote.statement.phase == Phase::kNewLeader) {
        send_all(own_new_leader(vote));
      } else if (vote.statement.phase == Phase::kPropose) {
        const auto view = views_.find(view_);
        if (view != views_.end() && view->second.proposal) send_all(*view->second.proposal);
      } else {
        send_vote(vote);
      }
    }
  }
  if (own_checkpoint_vote_) send_all(VoteMessage{*own_checkpoint_vote_, {}});
  // Payloads: of another validator each time.
  const auto& validators = chain_.validators().validators();
  for (auto& [digest, peer] : payloads_wanted_) {
    peer = validators[asked_payload_of_++ % validators.size()].key;
    if (peer == own_key_) peer = validators[asked_payload_of_++ % validators.size()].key;
    send_to(peer, PayloadRequest{digest});
  }
  if (committed_) {
    for (const CertificateVote& vote : committed_->votes) {
      const Peer& peer = chain_.validators().at(vote.voter).key;
      if (peer != own_key_) send_to(peer, BlockRequest{now()});
    }
  }
}

void Core::Machine::on(const TransactionSubmitted& input) {
  const Digest digest = transaction_digest(input.transaction);
  const Status status = mempool_.add(input.transaction);
  if (status.ok()) {
    send_all(TransactionsMessage{{input.transaction}});
    if (view_ == 0 && own_ && leader(0) == *own_) propose_now_ = true;
  }
  effects_.emplace_back(TransactionAnswer{digest, status});
}

void Core::Machine::persist(RecordKind kind, Bytes record) {
  effects_.emplace_back(Persist{++seq_, kind, std::move(record)});
}

void Core::Machine::send_all(const Message& message) {
  effects_.emplace_back(Send{std::nullopt, encode_message(message), seq_});
}

void Core::Machine::send_to(const Peer& to, const Message& message) {
  if (to == own_key_) return;
  effects_.emplace_back(Send{to, encode_message(message), seq_});
}

bool Core::Machine::may_sign() const {
  return own_.has_value() && now() > observe_until_ && sign_.height() <= now();
}

CoreStatus Core::Machine::status() const {
  CoreStatus s;
  s.height = now();
  s.view = view_;
  s.entered = entered_;
  s.prepared = sign_.height() == now() ? sign_.prepared_view() : 0;
  if (leaders_) s.leader = chain_.validators().at(leaders_->at(view_)).key;
  s.mempool_transactions = mempool_.size();
  s.mempool_bytes = mempool_.bytes();
  s.buffered_messages = buffered_.size();
  for (const auto& [digest, payload] : payloads_) s.kept_bytes += payload.bytes.size();
  s.kept_votes = seen_.size() + new_leaders_.size();
  for (const auto& [view, state] : views_) {
    s.kept_votes += state.prepares.by_voter.size() + state.commits.by_voter.size();
  }
  s.messages_dropped = messages_dropped_;
  return s;
}

Digest checkpoint_digest(ByteSpan chain, const Digest& root) {
  return Sha256().update("assay.bft.checkpoint.v1").update(chain).update(ByteSpan(root)).finish();
}

Bytes encode_checkpoint(const CheckpointFetched& checkpoint) {
  Bytes out;
  append_sized(out, checkpoint.chain);
  append_bytes(out, checkpoint.root);
  append_sized(out, encode_certificate(checkpoint.certificate));
  return out;
}

Result<CheckpointFetched> decode_checkpoint(ByteSpan bytes) {
  ByteReader in(bytes);
  CheckpointFetched out;
  out.chain = in.sized("bytes of a chain", kMessageBytesMax);
  out.root = in.array<32>();
  const Bytes certificate = in.sized("bytes in a certificate", kMessageBytesMax);
  ASSAY_RETURN_IF_ERROR(in.finish());
  ASSAY_ASSIGN_OR_RETURN(out.certificate, decode_certificate(certificate));
  return out;
}

}  // namespace assay::bft
