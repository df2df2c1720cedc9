#include "bft/codec.h"

#include "bft/byte_reader.h"

namespace assay::bft {
namespace {

// The smallest encodings, for ByteReader::count.
constexpr size_t kStatementBytes = 1 + 8 + 4 + 4 + 32;
constexpr size_t kVoteBytesMin = kStatementBytes + 2 + 64 + 1;
constexpr size_t kCertificateVoteBytesMin = 2 + 64 + 1;
constexpr size_t kTransactionBytesMin = 1 + 32 + 4;
constexpr size_t kValidatorBytes = 32 + 32 + 4;
constexpr size_t kBlockBytesMin = 8 + 8 + 4 + 2 + 32 * 6 + 1 + 4 + kStatementBytes + 1 + 4;

// One overload of put() and take() for each type; optional values have a flag before them. In a
// class, because templates there see the overloads that stand below them.
struct Fields {
  template <typename T>
  static void put_integer(Bytes& out, T value) {
    append_le(out, value);
  }

  static void put(Bytes& out, const Statement& s) {
    put_integer(out, static_cast<uint8_t>(s.phase));
    put_integer(out, s.height);
    put_integer(out, s.view);
    put_integer(out, s.prepared);
    append_bytes(out, s.digest);
  }
  static void take(ByteReader& in, Statement& s) {
    const auto phase = in.integer<uint8_t>();
    if (phase > kPhaseMax) in.fail("no phase has the number " + std::to_string(phase));
    s.phase = static_cast<Phase>(phase);
    s.height = in.integer<Height>();
    s.view = in.integer<View>();
    s.prepared = in.integer<View>();
    s.digest = in.array<32>();
  }

  static void put(Bytes& out, const VrfProof& proof) { append_bytes(out, proof); }
  static void take(ByteReader& in, VrfProof& proof) { proof = in.array<80>(); }
  static void put(Bytes& out, const ValidatorIndex& index) { put_integer(out, index); }
  static void take(ByteReader& in, ValidatorIndex& index) { index = in.integer<ValidatorIndex>(); }

  template <typename T>
  static void put(Bytes& out, const std::optional<T>& value) {
    put_integer(out, static_cast<uint8_t>(value.has_value() ? 1 : 0));
    if (value) put(out, *value);
  }
  template <typename T>
  static void take(ByteReader& in, std::optional<T>& value) {
    value.reset();
    if (in.flag()) take(in, value.emplace());
  }

  static void put(Bytes& out, const Vote& v) {
    put(out, v.statement);
    put_integer(out, v.voter);
    append_bytes(out, v.signature);
    put(out, v.draw);
  }
  static void take(ByteReader& in, Vote& v) {
    take(in, v.statement);
    v.voter = in.integer<ValidatorIndex>();
    v.signature = in.array<64>();
    take(in, v.draw);
  }

  static void put(Bytes& out, const Certificate& c) {
    put(out, c.statement);
    put(out, c.holder);
    put_integer(out, static_cast<uint32_t>(c.votes.size()));
    for (const CertificateVote& v : c.votes) {
      put_integer(out, v.voter);
      append_bytes(out, v.signature);
      put(out, v.draw);
    }
  }
  static void take(ByteReader& in, Certificate& c) {
    take(in, c.statement);
    take(in, c.holder);
    c.votes.resize(in.count("votes", {kValidatorsMax, kCertificateVoteBytesMin}));
    for (CertificateVote& v : c.votes) {
      v.voter = in.integer<ValidatorIndex>();
      v.signature = in.array<64>();
      take(in, v.draw);
    }
  }

  static void put(Bytes& out, const Header& h) {
    append_bytes(out, h.chain);
    put_integer(out, h.height);
    put_integer(out, h.epoch);
    put_integer(out, h.view);
    put_integer(out, h.proposer);
    for (const Digest* digest :
         {&h.parent, &h.payload, &h.validators, &h.next_validators, &h.seed}) {
      append_bytes(out, *digest);
    }
    put(out, h.vrf);
  }
  static void take(ByteReader& in, Header& h) {
    h.chain = in.array<32>();
    h.height = in.integer<Height>();
    h.epoch = in.integer<Epoch>();
    h.view = in.integer<View>();
    h.proposer = in.integer<ValidatorIndex>();
    for (Digest* digest : {&h.parent, &h.payload, &h.validators, &h.next_validators, &h.seed}) {
      *digest = in.array<32>();
    }
    take(in, h.vrf);
  }

  static void put(Bytes& out, const Transaction& t) {
    put_integer(out, static_cast<uint8_t>(t.kind));
    append_bytes(out, t.sender);
    append_sized(out, t.body);
  }
  static void take(ByteReader& in, Transaction& t) {
    const auto kind = in.integer<uint8_t>();
    if (kind > static_cast<uint8_t>(TransactionKind::kEvidence)) {
      in.fail("no transaction is of kind " + std::to_string(kind));
    }
    t.kind = static_cast<TransactionKind>(kind);
    t.sender = in.array<32>();
    t.body = in.sized("bytes in a transaction", kTransactionBytesMax);
  }

  static void put(Bytes& out, const Validator& v) {
    append_bytes(out, v.key);
    append_bytes(out, v.vrf_key);
    put_integer(out, v.weight);
  }
  static void take(ByteReader& in, Validator& v) {
    v.key = in.array<32>();
    v.vrf_key = in.array<32>();
    v.weight = in.integer<uint32_t>();
  }

  template <typename T>
  static void put_list(Bytes& out, const std::vector<T>& list) {
    put_integer(out, static_cast<uint32_t>(list.size()));
    for (const T& item : list) put(out, item);
  }
  template <typename T>
  static void take_list(ByteReader& in, const char* what, ByteReader::Limit limit,
                        std::vector<T>& list) {
    list.resize(in.count(what, limit));
    for (T& item : list) take(in, item);
  }

  static void put(Bytes& out, const DecidedBlock& b) {
    put(out, b.block.header);
    append_sized(out, b.block.payload);
    put(out, b.certificate);
  }
  static void take(ByteReader& in, DecidedBlock& b) {
    take(in, b.block.header);
    b.block.payload = in.sized("bytes in a payload", kPayloadBytesMax);
    take(in, b.certificate);
  }

  static void put(Bytes& out, const Justification& j) {
    put_list(out, j.new_leaders);
    put(out, j.prepared);
  }
  static void take(ByteReader& in, Justification& j) {
    take_list(in, "votes", {kValidatorsMax, kVoteBytesMin}, j.new_leaders);
    take(in, j.prepared);
  }

  static void put(Bytes& out, const SetChange& c) {
    put_integer(out, c.effective_epoch);
    put_list(out, c.validators);
    put(out, c.approval);
  }
  static void take(ByteReader& in, SetChange& c) {
    c.effective_epoch = in.integer<Epoch>();
    take_list(in, "validators", {kValidatorsMax, kValidatorBytes}, c.validators);
    take(in, c.approval);
  }

  static void put(Bytes& out, const Evidence& e) {
    put_integer(out, e.epoch);
    put(out, e.first);
    put(out, e.second);
  }
  static void take(ByteReader& in, Evidence& e) {
    e.epoch = in.integer<Epoch>();
    take(in, e.first);
    take(in, e.second);
  }

  // ---- Messages, in the order of the variant --------------------------------------------------

  static void put(Bytes& out, const ProposalMessage& m) {
    put(out, m.header);
    put(out, m.vote);
    put(out, m.justification);
    put(out, m.parent);
  }
  static void take(ByteReader& in, ProposalMessage& m) {
    take(in, m.header);
    take(in, m.vote);
    take(in, m.justification);
    take(in, m.parent);
  }
  static void put(Bytes& out, const VoteMessage& m) {
    put(out, m.vote);
    put(out, m.proposal);
  }
  static void take(ByteReader& in, VoteMessage& m) {
    take(in, m.vote);
    take(in, m.proposal);
  }
  static void put(Bytes& out, const NewLeaderMessage& m) {
    put(out, m.vote);
    put(out, m.prepared);
    put(out, m.header);
  }
  static void take(ByteReader& in, NewLeaderMessage& m) {
    take(in, m.vote);
    take(in, m.prepared);
    take(in, m.header);
  }
  static void put(Bytes& out, const PayloadRequest& m) { append_bytes(out, m.digest); }
  static void take(ByteReader& in, PayloadRequest& m) { m.digest = in.array<32>(); }
  static void put(Bytes& out, const PayloadMessage& m) { append_sized(out, m.payload); }
  static void take(ByteReader& in, PayloadMessage& m) {
    m.payload = in.sized("bytes in a payload", kPayloadBytesMax);
  }
  static void put(Bytes& out, const BlockRequest& m) { put_integer(out, m.from); }
  static void take(ByteReader& in, BlockRequest& m) { m.from = in.integer<Height>(); }
  static void put(Bytes& out, const BlocksMessage& m) { put_list(out, m.blocks); }
  static void take(ByteReader& in, BlocksMessage& m) {
    take_list(in, "blocks", {kBlocksMax, kBlockBytesMin}, m.blocks);
  }
  static void put(Bytes& out, const EvidenceMessage& m) { put(out, m.evidence); }
  static void take(ByteReader& in, EvidenceMessage& m) { take(in, m.evidence); }
  static void put(Bytes& out, const TransactionsMessage& m) { put_list(out, m.transactions); }
  static void take(ByteReader& in, TransactionsMessage& m) {
    take_list(in, "transactions", {kTransactionsMax, kTransactionBytesMin}, m.transactions);
  }
  static void put(Bytes& out, const StatusMessage& m) {
    put_integer(out, m.height);
    put_integer(out, m.view);
  }
  static void take(ByteReader& in, StatusMessage& m) {
    m.height = in.integer<Height>();
    m.view = in.integer<View>();
  }

  // The alternative of the variant with this number, decoded.
  template <size_t kAt = 0>
  static void take_alternative(ByteReader& in, size_t number, Message& message) {
    if constexpr (kAt == std::variant_size_v<Message>) {
      in.fail("no message is of kind " + std::to_string(number));
    } else if (number == kAt) {
      take(in, message.emplace<kAt>());
    } else {
      take_alternative<kAt + 1>(in, number, message);
    }
  }
};

template <typename T>
Bytes encode(const T& value) {
  Bytes out;
  Fields::put(out, value);
  return out;
}
template <typename T>
Result<T> decode(ByteSpan bytes) {
  ByteReader in(bytes);
  T value;
  Fields::take(in, value);
  ASSAY_RETURN_IF_ERROR(in.finish());
  return value;
}

Digest tagged_digest(std::string_view tag, ByteSpan bytes) {
  return Sha256().update(tag).update(bytes).finish();
}

}  // namespace

Bytes encode_message(const Message& message) {
  Bytes out = {kCodecVersion, static_cast<uint8_t>(message.index())};
  std::visit([&](const auto& m) { Fields::put(out, m); }, message);
  return out;
}

Result<Message> decode_message(ByteSpan bytes) {
  if (bytes.size() > kMessageBytesMax) {
    return data_loss("a consensus message of " + std::to_string(bytes.size()) +
                     " bytes is above the limit of " + std::to_string(kMessageBytesMax));
  }
  ByteReader in(bytes);
  const auto version = in.integer<uint8_t>();
  if (in.ok() && version != kCodecVersion) {
    in.fail("it has version " + std::to_string(version) + ", not " + std::to_string(kCodecVersion));
  }
  const auto kind = in.integer<uint8_t>();
  Message message;
  if (in.ok()) Fields::take_alternative(in, kind, message);
  ASSAY_RETURN_IF_ERROR(in.finish());
  return message;
}

Bytes encode_header(const Header& header) { return encode(header); }
Result<Header> decode_header(ByteSpan bytes) { return decode<Header>(bytes); }
Digest header_digest(const Header& header) {
  return tagged_digest("assay.bft.header.v1", encode(header));
}

Bytes encode_payload(const std::vector<Transaction>& transactions) {
  Bytes out;
  Fields::put_list(out, transactions);
  return out;
}
Result<std::vector<Transaction>> decode_payload(ByteSpan bytes) {
  ByteReader in(bytes);
  std::vector<Transaction> transactions;
  Fields::take_list(in, "transactions", {kTransactionsMax, kTransactionBytesMin}, transactions);
  ASSAY_RETURN_IF_ERROR(in.finish());
  return transactions;
}
Digest payload_digest(ByteSpan payload) { return tagged_digest("assay.bft.payload.v1", payload); }
size_t transaction_bytes(const Transaction& transaction) {
  return kTransactionBytesMin + transaction.body.size();
}
Digest transaction_digest(const Transaction& transaction) {
  return tagged_digest("assay.bft.transaction.v1", encode(transaction));
}

Bytes encode_decided(const DecidedBlock& block) { return encode(block); }
Result<DecidedBlock> decode_decided(ByteSpan bytes) { return decode<DecidedBlock>(bytes); }

Bytes encode_certificate(const Certificate& certificate) { return encode(certificate); }
Result<Certificate> decode_certificate(ByteSpan bytes) { return decode<Certificate>(bytes); }

Bytes encode_validators(const std::vector<Validator>& validators) {
  Bytes out;
  Fields::put_list(out, validators);
  return out;
}
Result<std::vector<Validator>> decode_validators(ByteSpan bytes) {
  ByteReader in(bytes);
  std::vector<Validator> validators;
  Fields::take_list(in, "validators", {kValidatorsMax, kValidatorBytes}, validators);
  ASSAY_RETURN_IF_ERROR(in.finish());
  return validators;
}

Bytes encode_set_change(const SetChange& change) { return encode(change); }
Result<SetChange> decode_set_change(ByteSpan bytes) { return decode<SetChange>(bytes); }
Digest set_change_digest(const SetChange& change) {
  Bytes bytes;
  append_le(bytes, change.effective_epoch);
  Fields::put_list(bytes, change.validators);
  return tagged_digest("assay.bft.set-change.v1", bytes);
}

Bytes encode_evidence(const Evidence& evidence) { return encode(evidence); }
Result<Evidence> decode_evidence(ByteSpan bytes) { return decode<Evidence>(bytes); }

Bytes encode_vote(const Vote& vote) { return encode(vote); }
Result<Vote> decode_vote(ByteSpan bytes) { return decode<Vote>(bytes); }

Bytes signing_bytes(const Digest& chain, Epoch epoch, const Statement& statement) {
  Bytes out;
  append_bytes(out, as_bytes("assay.bft.statement.v1"));
  append_bytes(out, chain);
  append_le(out, epoch);
  Fields::put(out, statement);
  return out;
}

}  // namespace assay::bft
