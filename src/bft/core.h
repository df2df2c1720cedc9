// The consensus core of one validator: step(input) gives the effects that the driver has to carry
// out, in their order. No clock, thread, randomness, input or output, floating-point number: the
// node, the simulator and a replay run the same code. Tested in core_test.cc and by src/sim.
// Source: 06-consensus; the table of transitions stands at the top of core.cc.
//
// The driver's part:
//   Persist  makes the record durable. What follows with after_seq >= seq waits until it is.
//   Send     to one peer, or to all others. Peers are authenticated: `from` is who has really sent.
//   SetTimer gives TimerFired(id) back once, after the delay.
// Bounds: per peer and view a fixed number of messages is kept, and nothing of what is too far
// ahead.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bft/chain.h"
#include "bft/codec.h"
#include "bft/keys.h"
#include "bft/mempool.h"
#include "bft/sign_state.h"
#include "bft/types.h"

namespace assay::bft {

using Peer = PublicKey;

struct Settings {
  uint64_t view_timeout_ms = 1000;  // of view 0; doubles with every view
  uint64_t view_timeout_max_ms = 60000;
  uint64_t resend_ms = 250;           // how often what is under way is said again
  uint64_t block_interval_ms = 1000;  // before a block without transactions is proposed
  uint64_t checkpoint_blocks = 1000;
  View views_ahead_max = 8;       // views above one's own whose votes are kept
  size_t peer_messages_max = 64;  // for the next height, of one peer
  size_t peer_bytes_max = size_t{1} << 20;
  size_t recent_blocks = 16;  // kept in memory for those who lag
  Mempool::Limits mempool;
};

// What a restarted validator knows. Without a sign state where there should be one, it may only
// observe: it signs nothing up to observe_until.
struct Restored {
  Chain chain;
  std::vector<DecidedBlock> recent;  // the newest ones, up to the tip
  std::optional<SignState> sign_state;
  std::vector<Block> proposals;  // of the height to be decided
  Height observe_until = 0;
};

// ---- Inputs -----------------------------------------------------------------------------------

struct MessageReceived {
  Peer from{};
  Bytes bytes;
};
struct TimerFired {
  uint64_t id = 0;
};
struct TransactionSubmitted {
  Transaction transaction;
};
// The application's state after executing this block: asked for by Deliver::wants_state_root.
struct StateComputed {
  Height height = 0;
  Digest root{};
};
// A checkpoint that the driver has fetched: the encoded Chain, the application's root, and the
// certificate of kCheckpoint over both.
struct CheckpointFetched {
  Bytes chain;
  Digest root{};
  Certificate certificate;
};
using Input = std::variant<MessageReceived, TimerFired, TransactionSubmitted, StateComputed,
                           CheckpointFetched>;

// ---- Effects ----------------------------------------------------------------------------------

enum class RecordKind : uint8_t {
  kSignState = 0,   // SignState::encode: replaces the one before
  kProposal = 1,    // header and payload, before they are prepared; dropped after the height
  kBlock = 2,       // encode_decided
  kCheckpoint = 3,  // the chain, the root and the certificate
};
struct Persist {
  uint64_t seq = 0;
  RecordKind kind = RecordKind::kSignState;
  Bytes record;
};
struct Send {
  std::optional<Peer> to;  // nothing: all other validators
  Bytes bytes;
  uint64_t after_seq = 0;
};
struct SetTimer {
  uint64_t id = 0;
  uint64_t delay_ms = 0;
};
struct Deliver {
  DecidedBlock block;
  uint64_t after_seq = 0;
  bool wants_state_root = false;
};
struct EvidenceFound {
  Evidence evidence;
  PublicKey culprit{};
};
// Blocks that are no longer in memory, for a peer that lags: a BlocksMessage from this height on.
// Only who is more than checkpoint_blocks behind asks for a checkpoint: a driver that drops blocks
// keeps as many, and all that lead over a change of the validators.
struct ServeBlocks {
  Peer to{};
  Height from = 0;
};
// This validator is further behind than peers keep in memory: fetch a checkpoint if there is one.
struct NeedCheckpoint {
  Peer from{};
  Height height = 0;
};
// For whom submitted it: whether a transaction waits now, or why not.
struct TransactionAnswer {
  Digest transaction{};
  Status status;
};
using Effect = std::variant<Persist, Send, SetTimer, Deliver, EvidenceFound, ServeBlocks,
                            NeedCheckpoint, TransactionAnswer>;
using Effects = std::vector<Effect>;

// What an operator asks a node about.
struct CoreStatus {
  Height height = 0;  // being decided
  View view = 0;
  bool entered = false;
  View prepared = 0;
  std::optional<Peer> leader;
  size_t mempool_transactions = 0;
  size_t mempool_bytes = 0;
  size_t buffered_messages = 0;
  size_t kept_bytes = 0;  // payloads in memory
  size_t kept_votes = 0;  // of this height
  uint64_t messages_dropped = 0;
};

class Core {
 public:
  // keys has to outlive this. own is the key under which this validator votes; it need not be in
  // the set: then it follows and serves, but does not vote.
  Core(const Settings& settings, const PublicKey& own, const Keys& keys, Restored restored);
  ~Core();
  Core(Core&&) noexcept;

  // Once, before the first step.
  Effects start();
  Effects step(const Input& input);

  const Chain& chain() const;
  CoreStatus status() const;

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

// The bytes that a certificate of kCheckpoint covers.
Digest checkpoint_digest(ByteSpan chain, const Digest& root);
Bytes encode_checkpoint(const CheckpointFetched& checkpoint);
Result<CheckpointFetched> decode_checkpoint(ByteSpan bytes);

}  // namespace assay::bft
