// The canonical bytes of consensus: little-endian integers, u32 lengths, one encoding of a value.
// Decoders take hostile bytes: every count is bounded before anything is allocated, what is left
// over is an error, and encode(decode(x)) == x. Tested in codec_test.cc, fuzzed in codec_fuzz.cc.
// Format: docs/formats/consensus.md.
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "bft/types.h"

namespace assay::bft {

constexpr uint8_t kCodecVersion = 1;
constexpr size_t kValidatorsMax = 4096;
constexpr size_t kPayloadBytesMax = size_t{4} << 20;
constexpr size_t kTransactionBytesMax = size_t{1} << 20;
constexpr size_t kTransactionsMax = 65536;  // of one payload
constexpr size_t kBlocksMax = 64;           // of one message
constexpr size_t kMessageBytesMax = size_t{16} << 20;

// A leader's right to propose in a view above 0: a quorum of kNewLeader votes for it, and the
// certificate of the highest prepared value that they name, if they name one.
struct Justification {
  std::vector<Vote> new_leaders;
  std::optional<Certificate> prepared;

  bool operator==(const Justification&) const = default;
};

struct ProposalMessage {
  Header header;
  Vote vote;  // kPropose
  std::optional<Justification> justification;
  std::optional<Certificate> parent;  // so that who missed the parent's decision learns it

  bool operator==(const ProposalMessage&) const = default;
};
struct VoteMessage {
  Vote vote;
  // With a sampled vote: the leader's proposal, so that an equivocating leader is found out by
  // those who were sent different values.
  std::optional<Vote> proposal;
  bool operator==(const VoteMessage&) const = default;
};
struct NewLeaderMessage {
  Vote vote;
  std::optional<Certificate> prepared;
  std::optional<Header> header;  // of the prepared block
  bool operator==(const NewLeaderMessage&) const = default;
};
struct PayloadRequest {
  Digest digest{};
  bool operator==(const PayloadRequest&) const = default;
};
struct PayloadMessage {
  Bytes payload;
  bool operator==(const PayloadMessage&) const = default;
};
struct BlockRequest {
  Height from = 0;
  bool operator==(const BlockRequest&) const = default;
};
struct BlocksMessage {
  std::vector<DecidedBlock> blocks;  // heights in a row
};
struct EvidenceMessage {
  Evidence evidence;
  bool operator==(const EvidenceMessage&) const = default;
};
struct TransactionsMessage {
  std::vector<Transaction> transactions;
  bool operator==(const TransactionsMessage&) const = default;
};
struct StatusMessage {
  Height height = 0;  // being decided
  View view = 0;
  bool operator==(const StatusMessage&) const = default;
};
using Message =
    std::variant<ProposalMessage, VoteMessage, NewLeaderMessage, PayloadRequest, PayloadMessage,
                 BlockRequest, BlocksMessage, EvidenceMessage, TransactionsMessage, StatusMessage>;

Bytes encode_message(const Message& message);
// Errors: DATA_LOSS, naming what is wrong.
Result<Message> decode_message(ByteSpan bytes);

Bytes encode_header(const Header& header);
Result<Header> decode_header(ByteSpan bytes);
Digest header_digest(const Header& header);

Bytes encode_payload(const std::vector<Transaction>& transactions);
Result<std::vector<Transaction>> decode_payload(ByteSpan bytes);
Digest payload_digest(ByteSpan payload);
// What a transaction takes in a payload.
size_t transaction_bytes(const Transaction& transaction);
Digest transaction_digest(const Transaction& transaction);

Bytes encode_decided(const DecidedBlock& block);
Result<DecidedBlock> decode_decided(ByteSpan bytes);

Bytes encode_certificate(const Certificate& certificate);
Result<Certificate> decode_certificate(ByteSpan bytes);

Bytes encode_validators(const std::vector<Validator>& validators);
Result<std::vector<Validator>> decode_validators(ByteSpan bytes);

// Body of a kSetChange transaction, and what its approval signs.
Bytes encode_set_change(const SetChange& change);
Result<SetChange> decode_set_change(ByteSpan bytes);
Digest set_change_digest(const SetChange& change);

// Body of a kEvidence transaction.
Bytes encode_evidence(const Evidence& evidence);
Result<Evidence> decode_evidence(ByteSpan bytes);

Bytes encode_vote(const Vote& vote);
Result<Vote> decode_vote(ByteSpan bytes);

// What a signature covers: chain and epoch, too, so that a vote is worth nothing elsewhere.
Bytes signing_bytes(const Digest& chain, Epoch epoch, const Statement& statement);

}  // namespace assay::bft
