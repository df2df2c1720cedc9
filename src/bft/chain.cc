#include "bft/chain.h"

#include <algorithm>

#include "bft/byte_reader.h"
#include "bft/codec.h"
#include "bft/evidence.h"

namespace assay::bft {
namespace {

// New keys wait this long, so that nobody chooses one knowing the randomness it will be used with.
constexpr Epoch kEpochsBeforeUse = 2;
constexpr size_t kScheduledMax = 1024;
constexpr size_t kCulpritsMax = 65536;

std::vector<Validator> with_changes(const std::vector<Validator>& validators,
                                    const std::vector<Validator>& changes) {
  std::map<PublicKey, Validator> by_key;
  for (const Validator& v : validators) by_key[v.key] = v;
  for (const Validator& v : changes) {
    if (v.weight == 0) {
      by_key.erase(v.key);
    } else {
      by_key[v.key] = v;
    }
  }
  std::vector<Validator> out;
  for (const auto& [key, v] : by_key) out.push_back(v);
  return out;
}

Digest next_seed(const Digest& seed, const Header& header, const PublicKey& proposer,
                 const std::optional<VrfOutput>& output) {
  Bytes bytes;
  append_bytes(bytes, seed);
  append_le(bytes, header.height);
  if (output) {
    append_bytes(bytes, proposer);
    append_bytes(bytes, *output);
  }
  return Sha256().update("assay.bft.seed.v1").update(ByteSpan(bytes)).finish();
}

Status wrong_field(const char* field) {
  return invalid_argument(std::string("a block does not follow the chain: ") + field);
}

void put_set(Bytes& out, const ValidatorSet& set) {
  append_sized(out, encode_validators(set.validators()));
  append_le(out, static_cast<uint8_t>(set.faults_setting() ? 1 : 0));
  append_le(out, set.faults_setting().value_or(0));
  append_le(out, set.sampling() ? set.sampling()->sample : 0);
  append_le(out, set.sampling() ? set.sampling()->quorum : 0);
}
Result<ValidatorSet> take_set(ByteReader& in) {
  const Bytes bytes = in.sized("bytes of validators", kValidatorsMax * 68 + 4);
  const bool has_faults = in.flag();
  const auto faults = in.integer<uint64_t>();
  Sampling sampling;
  sampling.sample = in.integer<uint32_t>();
  sampling.quorum = in.integer<uint32_t>();
  ASSAY_RETURN_IF_ERROR(in.status());
  ASSAY_ASSIGN_OR_RETURN(std::vector<Validator> validators, decode_validators(bytes));
  return ValidatorSet::make(std::move(validators),
                            has_faults ? std::optional(faults) : std::nullopt,
                            sampling.sample != 0 ? std::optional(sampling) : std::nullopt);
}

}  // namespace

Result<Chain> Chain::from_genesis(const Genesis& genesis) {
  if (genesis.epoch_blocks == 0 || genesis.payload_bytes_max == 0 ||
      genesis.payload_bytes_max > kPayloadBytesMax) {
    return invalid_argument("a genesis needs epochs of at least one block and payloads of 1 to " +
                            std::to_string(kPayloadBytesMax) + " bytes");
  }
  Chain chain;
  ASSAY_ASSIGN_OR_RETURN(
      chain.validators_,
      ValidatorSet::make(genesis.validators, genesis.faults_max, genesis.sampling));
  Bytes bytes;
  append_sized(bytes, genesis.name);
  append_bytes(bytes, chain.validators_.digest());
  append_le(bytes, genesis.epoch_blocks);
  append_le(bytes, static_cast<uint64_t>(genesis.payload_bytes_max));
  chain.id_ = Sha256().update("assay.bft.genesis.v1").update(ByteSpan(bytes)).finish();
  chain.seed_ = Sha256().update("assay.bft.seed.v1").update(ByteSpan(chain.id_)).finish();
  chain.epoch_blocks_ = genesis.epoch_blocks;
  chain.payload_bytes_max_ = genesis.payload_bytes_max;
  return chain;
}

Bytes Chain::vrf_input() const {
  Bytes out;
  append_bytes(out, as_bytes("assay.bft.vrf.v1"));
  append_bytes(out, id_);
  append_le(out, epoch());
  append_le(out, height_ + 1);
  append_bytes(out, seed_);
  return out;
}

std::vector<Validator> Chain::validators_scheduled() const {
  std::vector<Validator> out = validators_.validators();
  for (const auto& [at, changes] : scheduled_) {
    for (const auto& change : changes) out = with_changes(out, change);
  }
  return out;
}

Header Chain::draft_header(const Draft& draft) const {
  Header header;
  header.chain = id_;
  header.height = height_ + 1;
  header.epoch = epoch();
  header.view = draft.view;
  header.proposer = draft.proposer;
  header.parent = tip_;
  header.payload = draft.payload;
  header.validators = validators_.digest();
  header.next_validators = validators_.digest();
  header.seed = seed_;
  const Epoch next_epoch = header.height / epoch_blocks_;
  const auto changes = scheduled_.find(next_epoch);
  if (next_epoch != header.epoch && changes != scheduled_.end()) {
    std::vector<Validator> validators = validators_.validators();
    for (const auto& change : changes->second) validators = with_changes(validators, change);
    header.next_validators =
        ValidatorSet::make(validators, validators_.faults_setting(), validators_.sampling())
            .value()
            .digest();
  }
  return header;
}

Status Chain::check_header(const Keys& keys, const Header& header) const {
  Header expected = draft_header({header.view, header.proposer, header.payload});
  expected.vrf = header.vrf;
  if (header.height != expected.height) return wrong_field("height");
  if (header.parent != expected.parent) return wrong_field("parent");
  if (!(header == expected)) return wrong_field("chain, epoch, validators or seed");
  if (!validators_.contains(header.proposer) ||
      LeaderOrder(validators_, seed_, header.height).at(header.view) != header.proposer) {
    return wrong_field("the proposer does not lead that view");
  }
  if (header.vrf.has_value() != (header.view == 0)) {
    return wrong_field("a VRF proof belongs to view 0 alone");
  }
  if (header.vrf &&
      !keys.vrf_verify(validators_.at(header.proposer).vrf_key, vrf_input(), *header.vrf)) {
    return wrong_field("the VRF proof is not the proposer's for this height");
  }
  return ok_status();
}

Status Chain::check_set_change(const Keys& keys, const SetChange& change,
                               const std::vector<Validator>& before) const {
  if (validators_.sampling()) {
    return invalid_argument("sampled quorums are planned for one set: it cannot change");
  }
  if (change.effective_epoch < epoch() + kEpochsBeforeUse ||
      change.effective_epoch > epoch() + kEpochsBeforeUse + kScheduledMax) {
    return invalid_argument("a change of validators in epoch " + std::to_string(epoch()) +
                            " cannot hold from epoch " + std::to_string(change.effective_epoch));
  }
  const Statement& statement = change.approval.statement;
  if (statement.phase != Phase::kApproval || statement.height != 0 || statement.view != 0 ||
      statement.digest != set_change_digest(change)) {
    return invalid_argument("a change of validators has the approval of something else");
  }
  ASSAY_RETURN_IF_ERROR(verify_certificate(context(keys), change.approval));
  const auto after = ValidatorSet::make(with_changes(before, change.validators),
                                        validators_.faults_setting(), validators_.sampling());
  return after.ok() ? ok_status() : after.status();
}

Status Chain::check_evidence(const Keys& keys, const Evidence& evidence) const {
  if (evidence.epoch == epoch()) return verify_evidence(context(keys), evidence);
  if (validators_before_ && evidence.epoch + 1 == epoch()) {
    return verify_evidence({id_, evidence.epoch, *validators_before_, keys}, evidence);
  }
  return invalid_argument("evidence of epoch " + std::to_string(evidence.epoch) +
                          " is too old or too new in epoch " + std::to_string(epoch()));
}

Status Chain::check_payload(const Keys& keys, ByteSpan payload) const {
  if (payload.size() > payload_bytes_max_) {
    return invalid_argument("a payload of " + std::to_string(payload.size()) +
                            " bytes is above the limit of " + std::to_string(payload_bytes_max_));
  }
  ASSAY_ASSIGN_OR_RETURN(const std::vector<Transaction> transactions, decode_payload(payload));
  std::set<Digest> seen;
  std::vector<Validator> validators = validators_scheduled();
  for (const Transaction& t : transactions) {
    if (!seen.insert(transaction_digest(t)).second) {
      return invalid_argument("a payload has a transaction twice");
    }
    if (t.kind == TransactionKind::kSetChange) {
      ASSAY_ASSIGN_OR_RETURN(const SetChange change, decode_set_change(t.body));
      if (scheduled_.size() >= kScheduledMax) return invalid_argument("too many changes wait");
      ASSAY_RETURN_IF_ERROR(check_set_change(keys, change, validators));
      validators = with_changes(validators, change.validators);
    } else if (t.kind == TransactionKind::kEvidence) {
      ASSAY_ASSIGN_OR_RETURN(const Evidence evidence, decode_evidence(t.body));
      ASSAY_RETURN_IF_ERROR(check_evidence(keys, evidence));
    }
  }
  return ok_status();
}

void Chain::apply(const Keys& keys, const Block& block) {
  const Header& header = block.header;
  ASSAY_CHECK(header.height == height_ + 1 && header.parent == tip_);
  std::optional<VrfOutput> output;
  if (header.vrf) {
    output = keys.vrf_verify(validators_.at(header.proposer).vrf_key, vrf_input(), *header.vrf);
    ASSAY_CHECK(output.has_value());
  }
  const auto transactions = decode_payload(block.payload);
  ASSAY_CHECK(transactions.ok());
  for (const Transaction& t : *transactions) {
    if (t.kind == TransactionKind::kSetChange) {
      const SetChange change = decode_set_change(t.body).value();
      scheduled_[change.effective_epoch].push_back(change.validators);
    } else if (t.kind == TransactionKind::kEvidence && culprits_.size() < kCulpritsMax) {
      const Evidence evidence = decode_evidence(t.body).value();
      const ValidatorSet& set = evidence.epoch == epoch() ? validators_ : *validators_before_;
      culprits_.insert(set.at(evidence.first.voter).key);
    }
  }
  const Epoch epoch_before = epoch();
  seed_ = next_seed(seed_, header, validators_.at(header.proposer).key, output);
  tip_ = header_digest(header);
  height_ = header.height;
  if (epoch() == epoch_before) return;
  validators_before_ = validators_;
  const auto changes = scheduled_.find(epoch());
  if (changes != scheduled_.end()) {
    std::vector<Validator> validators = validators_.validators();
    for (const auto& change : changes->second) validators = with_changes(validators, change);
    validators_ =
        ValidatorSet::make(validators, validators_.faults_setting(), validators_.sampling())
            .value();
    scheduled_.erase(changes);
  }
  ASSAY_CHECK(validators_.digest() == header.next_validators);
}

Bytes Chain::encode() const {
  Bytes out;
  append_bytes(out, id_);
  append_le(out, epoch_blocks_);
  append_le(out, static_cast<uint64_t>(payload_bytes_max_));
  append_le(out, height_);
  append_bytes(out, tip_);
  append_bytes(out, seed_);
  put_set(out, validators_);
  append_le(out, static_cast<uint8_t>(validators_before_ ? 1 : 0));
  if (validators_before_) put_set(out, *validators_before_);
  append_le(out, static_cast<uint32_t>(scheduled_.size()));
  for (const auto& [at, changes] : scheduled_) {
    append_le(out, at);
    append_le(out, static_cast<uint32_t>(changes.size()));
    for (const auto& change : changes) append_sized(out, encode_validators(change));
  }
  append_le(out, static_cast<uint32_t>(culprits_.size()));
  for (const PublicKey& key : culprits_) append_bytes(out, key);
  return out;
}

Result<Chain> Chain::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  Chain chain;
  chain.id_ = in.array<32>();
  chain.epoch_blocks_ = in.integer<uint64_t>();
  chain.payload_bytes_max_ = in.integer<uint64_t>();
  chain.height_ = in.integer<Height>();
  chain.tip_ = in.array<32>();
  chain.seed_ = in.array<32>();
  if (chain.epoch_blocks_ == 0 || chain.payload_bytes_max_ > kPayloadBytesMax) {
    in.fail("a limit is 0 or too large");
  }
  ASSAY_RETURN_IF_ERROR(in.status());
  ASSAY_ASSIGN_OR_RETURN(chain.validators_, take_set(in));
  if (in.flag()) {
    ASSAY_ASSIGN_OR_RETURN(chain.validators_before_, take_set(in));
  }
  const size_t epochs = in.count("epochs", {kScheduledMax, 12});
  for (size_t i = 0; i < epochs; ++i) {
    const auto at = in.integer<Epoch>();
    const size_t changes = in.count("changes", {kScheduledMax, 8});
    for (size_t j = 0; j < changes && in.ok(); ++j) {
      const Bytes change = in.sized("bytes of validators", kValidatorsMax * 68 + 4);
      ASSAY_ASSIGN_OR_RETURN(std::vector<Validator> validators, decode_validators(change));
      chain.scheduled_[at].push_back(std::move(validators));
    }
  }
  const size_t culprits = in.count("culprits", {kCulpritsMax, 32});
  for (size_t i = 0; i < culprits; ++i) chain.culprits_.insert(in.array<32>());
  ASSAY_RETURN_IF_ERROR(in.finish());
  const Bytes canonical = chain.encode();
  if (!std::equal(canonical.begin(), canonical.end(), bytes.begin(), bytes.end())) {
    return data_loss("the state of a chain is not in its one encoding");
  }
  return chain;
}

}  // namespace assay::bft
