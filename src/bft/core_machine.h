// The state of the core and its transitions, in four files: core.cc (inputs, timers, what is said
// again), core_votes.cc (proposals, votes, decisions), core_views.cc (leaving and entering views,
// proposing), core_sync.cc (payloads, blocks, transactions, evidence, checkpoints).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "bft/core.h"
#include "bft/evidence.h"

namespace assay::bft {

class Core::Machine {
 public:
  Machine(const Settings& settings, const PublicKey& own, const Keys& keys, Restored restored);

  Effects start();
  Effects step(const Input& input);
  const Chain& chain() const { return chain_; }
  CoreStatus status() const;

 private:
  enum class Timer : uint8_t { kView = 0, kPropose = 1, kResend = 2, kWait = 3 };

  // Kept once, however often it is used: of thousands of validators, votes are what memory holds.
  using SharedVote = std::shared_ptr<const Vote>;
  // What was said in one view of the height.
  struct Votes {
    std::map<ValidatorIndex, SharedVote> by_voter;  // the first of each
    std::map<Digest, uint64_t> weights;
  };
  struct ViewState {
    std::optional<ProposalMessage> proposal;  // checked
    std::optional<Vote> leader_vote;          // first seen, whether or not the proposal came
    Votes prepares;
    Votes commits;
  };
  // What is known of a payload of this height.
  struct PayloadState {
    Bytes bytes;
    bool fits = false;  // check_payload
  };
  struct PendingCheckpoint {
    Chain chain;  // after the block
    Bytes bytes;
    std::optional<Digest> root;
    std::map<ValidatorIndex, Vote> votes;
    bool certified = false;
  };
  struct Buffered {
    Peer from;
    Bytes bytes;
  };
  struct PeerBuffer {
    size_t messages = 0;
    size_t bytes = 0;
  };

  // ---- core.cc
  void on(const MessageReceived& input);
  void on(const TimerFired& input);
  void on(const TransactionSubmitted& input);
  void on(const StateComputed& input);
  void on(const CheckpointFetched& input);
  void dispatch(const Peer& from, const Bytes& bytes);
  // Carries out every transition that is enabled, until none is.
  void advance();
  void begin_height();
  void restore_votes();
  void resend();
  void persist(RecordKind kind, Bytes record);
  void send_all(const Message& message);
  void send_to(const Peer& to, const Message& message);
  void set_timer(Timer timer, uint64_t delay_ms);
  // Whether a message of this height is of now; otherwise it was dealt with: kept for later, or
  // answered with the blocks that its sender lacks.
  bool is_of_now(const Peer& from, Height height, const Bytes& bytes);
  void drop() { ++messages_dropped_; }

  // ---- core_votes.cc
  void on_proposal(const Peer& from, const ProposalMessage& message, const Bytes& bytes);
  void on_vote(const Peer& from, const VoteMessage& message, const Bytes& bytes);
  bool prepare();
  bool commit();
  bool decide();
  void add_vote(SharedVote vote);
  Status check_proposal(const ProposalMessage& message);
  void count_leader_vote(const Vote& vote);
  void finish(const DecidedBlock& decided);
  std::optional<Vote> sign(const Statement& statement,
                           const std::optional<Certificate>& prepared = {},
                           const std::optional<Header>& prepared_header = {});
  void send_vote(const Vote& vote);
  Certificate make_certificate(Phase phase, View view, const Digest& digest) const;
  uint64_t vote_weight(Phase phase, View view, const Digest& digest) const;
  uint64_t vote_quorum(Phase phase) const;
  bool in_window(View view) const;

  // ---- core_views.cc
  void on_new_leader(const Peer& from, const NewLeaderMessage& message, const Bytes& bytes);
  bool join_or_enter();
  bool propose();
  void leave_for(View view);
  void enter(View view);
  void wait_for_quorum();
  uint64_t view_timeout_ms() const;
  Status check_new_leader(const NewLeaderMessage& message) const;
  Status check_justification(const ProposalMessage& message) const;
  Justification make_justification(View view) const;
  NewLeaderMessage own_new_leader(const Vote& vote) const;
  Bytes make_payload();
  ValidatorIndex leader(View view);

  // ---- core_sync.cc
  void on(const Peer& from, const PayloadRequest& message);
  void on(const Peer& from, const PayloadMessage& message);
  void on(const Peer& from, const BlockRequest& message);
  void on(const Peer& from, const BlocksMessage& message);
  void on(const Peer& from, const EvidenceMessage& message);
  void on(const Peer& from, const TransactionsMessage& message);
  void on(const Peer& from, const StatusMessage& message);
  void on_checkpoint_vote(const Vote& vote);
  void serve_blocks(const Peer& to, Height from);
  void ask_for_blocks(const Peer& from);
  SharedVote note(const Vote& vote);
  void report(const Evidence& evidence);
  const Header* find_header(const Digest& digest) const;
  void want_payload(const Digest& payload, const Peer& from);
  void keep_payload(Bytes bytes);
  const PayloadState* find_payload(const Digest& payload) const;
  void forget_old_views();
  void begin_checkpoint();
  void try_certify(Height height);

  Height now() const { return chain_.height() + 1; }
  VoteContext context() const { return chain_.context(keys_); }
  bool may_sign() const;

  const Settings settings_;
  const PublicKey own_key_;
  const Keys& keys_;
  const Height observe_until_;

  Chain chain_;
  std::optional<ValidatorIndex> own_;
  SignState sign_;
  Mempool mempool_;
  std::deque<DecidedBlock> recent_;
  std::optional<Certificate> tip_certificate_;

  // Of the height to be decided.
  View view_ = 0;
  bool entered_ = true;
  bool waits_ = false;  // for a quorum to enter, not for ever
  bool propose_now_ = false;
  bool new_leaders_changed_ = false;
  bool height_begun_ = false;
  mutable std::optional<LeaderOrder> leaders_;  // draws as far as it is asked
  std::map<View, ViewState> views_;
  std::map<ValidatorIndex, NewLeaderMessage> new_leaders_;  // the one of the highest view of each
  std::optional<Certificate> committed_;                    // a quorum's, maybe of a block not here
  std::map<Digest, PayloadState> payloads_;                 // by digest
  std::map<Digest, Peer> payloads_wanted_;
  std::map<std::tuple<ValidatorIndex, Phase, View>, SharedVote> seen_;  // to find conflicts

  std::deque<Buffered> buffered_;  // of the next height
  std::map<Peer, PeerBuffer> buffer_use_;
  std::map<Peer, Height> served_;  // the highest block asked for and sent since the last resend
  std::set<Peer> asked_;           // for blocks, since the last resend
  size_t asked_payload_of_ = 0;
  std::set<std::pair<Epoch, ValidatorIndex>> reported_;
  std::map<Height, PendingCheckpoint> checkpoints_;
  std::optional<Vote> own_checkpoint_vote_;

  uint64_t seq_ = 0;
  uint64_t messages_dropped_ = 0;
  Effects effects_;
};

}  // namespace assay::bft
