#include "bft/recovery.h"

#include <algorithm>

#include "bft/certificate.h"

namespace assay::bft {
namespace {

constexpr std::string_view kObserveInstead =
    " Put the newest copy back, or start as an observer up to a height that the others have not "
    "reached yet";

// Nothing when the validator goes on without one, as an observer.
Result<std::optional<SignFile>> read_sign_file(const Chain& genesis, const StoredFiles& files,
                                               const RecoverOptions& options) {
  if (!files.sign_state) {
    if (options.observe_until) return std::optional<SignFile>();
    return failed_precondition(
        "the sign state is missing: what this validator has signed is not known." +
        std::string(kObserveInstead));
  }
  auto file = decode_sign_file(*files.sign_state);
  if (!file.ok()) {
    if (options.observe_until) return std::optional<SignFile>();
    return data_loss("the sign state cannot be read: " + file.status().message() +
                     ". What this validator has signed is not known." +
                     std::string(kObserveInstead));
  }
  if (file->chain != genesis.id() || file->own != options.own) {
    return failed_precondition(
        "the sign state is of " +
        (file->chain != genesis.id()
             ? "chain " + to_hex(file->chain) + ", not of " + to_hex(genesis.id())
             : "validator " + to_hex(file->own) + ", not of " + to_hex(options.own)) +
        ": give this validator its own directory");
  }
  return std::optional<SignFile>(std::move(*file));
}

Status wrong_record(const LogContents& log, size_t place, const Status& why) {
  return data_loss("record " + std::to_string(log.dropped + place) + " of the log, at byte " +
                   std::to_string(log.offsets[place]) + ", does not hold: " + why.message() +
                   ". It was not written by this version for this chain; move the log away and "
                   "start without it, blocks are fetched from the others");
}

// The newest checkpoint's chain, or the genesis'.
Status take_checkpoint(const Keys& keys, Recovered& out, size_t place) {
  ASSAY_ASSIGN_OR_RETURN(const CheckpointFetched checkpoint,
                         decode_checkpoint(out.log.records[place].body));
  ASSAY_ASSIGN_OR_RETURN(Chain chain, Chain::decode(checkpoint.chain));
  if (chain.id() != out.restored.chain.id()) return invalid_argument("it is of another chain");
  const Statement statement = {Phase::kCheckpoint, chain.height(), 0, 0,
                               checkpoint_digest(checkpoint.chain, checkpoint.root)};
  if (!(checkpoint.certificate.statement == statement)) {
    return invalid_argument("its certificate is of something else");
  }
  ASSAY_RETURN_IF_ERROR(verify_certificate(chain.context(keys), checkpoint.certificate));
  if (chain.height() < out.restored.chain.height()) return ok_status();
  out.root = checkpoint.root;
  out.root_height = chain.height();
  out.restored.chain = std::move(chain);
  return ok_status();
}

Status take_block(const Keys& keys, const DecidedBlock& decided, Recovered& out) {
  Chain& chain = out.restored.chain;
  const Block& block = decided.block;
  if (block.header.height <= chain.height()) return ok_status();
  if (block.header.height != chain.height() + 1) {
    return invalid_argument("the block of height " + std::to_string(chain.height() + 1) +
                            " is missing before it");
  }
  if (payload_digest(block.payload) != block.header.payload) {
    return invalid_argument("the payload is not the header's");
  }
  ASSAY_RETURN_IF_ERROR(
      verify_proof(keys, chain.id(), block.header, decided.certificate, chain.validators()));
  ASSAY_RETURN_IF_ERROR(chain.check_header(keys, block.header));
  ASSAY_RETURN_IF_ERROR(chain.check_payload(keys, block.payload));
  chain.apply(keys, block);
  out.blocks.push_back(decided);
  return ok_status();
}

// Pre: out.log was read.
Status take_records(const Keys& keys, size_t recent_blocks, Recovered& out) {
  const std::vector<LogRecord>& records = out.log.records;
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].kind != LogKind::kCheckpoint) continue;
    const Status status = take_checkpoint(keys, out, i);
    if (!status.ok()) return wrong_record(out.log, i, status);
  }
  std::vector<DecidedBlock>& recent = out.restored.recent;
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].kind != LogKind::kBlock) continue;
    auto decided = decode_decided(records[i].body);
    const Status status = decided.ok() ? take_block(keys, *decided, out) : decided.status();
    if (!status.ok()) return wrong_record(out.log, i, status);
    recent.push_back(std::move(*decided));
  }
  // Only an unbroken row up to the tip is of use to those who lag.
  const Height tip = out.restored.chain.height();
  size_t row = 0;
  while (row < std::min(recent.size(), recent_blocks) &&
         (recent.end()[-1 - static_cast<ptrdiff_t>(row)]).block.header.height + row == tip) {
    ++row;
  }
  recent.erase(recent.begin(), recent.end() - static_cast<ptrdiff_t>(row));
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].kind != LogKind::kProposal) continue;
    auto proposal = decode_decided(records[i].body);
    if (!proposal.ok()) return wrong_record(out.log, i, proposal.status());
    if (proposal->block.header.height != tip + 1) continue;
    out.restored.proposals.push_back(std::move(proposal->block));
  }
  return ok_status();
}

// How much was signed, as the log knows it.
Result<uint64_t> newest_mark(const LogContents& log) {
  uint64_t newest = 0;
  for (size_t i = 0; i < log.records.size(); ++i) {
    if (log.records[i].kind != LogKind::kSigned) continue;
    const auto generation = decode_signed_mark(log.records[i]);
    if (!generation.ok()) return wrong_record(log, i, generation.status());
    newest = std::max(newest, *generation);
  }
  return newest;
}

}  // namespace

Bytes first_sign_file(const Chain& genesis, const PublicKey& own) {
  return encode_sign_file({genesis.id(), own, 0, 0, 0, SignState()});
}

Result<Recovered> recover(const Chain& genesis, const Keys& keys, const StoredFiles& files,
                          const RecoverOptions& options) {
  Recovered out = {{genesis, {}, {}, {}, 0}, {}, {}, {}, 0, {}, {}};
  ASSAY_ASSIGN_OR_RETURN(const std::optional<SignFile> sign,
                         read_sign_file(genesis, files, options));
  const uint64_t records_durable = sign ? sign->log_records : 0;
  if (files.log) {
    ASSAY_ASSIGN_OR_RETURN(out.log, read_log(*files.log, {.chain = genesis.id(),
                                                          .records_durable = records_durable,
                                                          .repairs = options.repairs_log}));
    if (!out.log.cut.empty()) out.notes.push_back(out.log.cut + ": it was cut there");
  }
  if (out.log.end.records < records_durable) {
    out.notes.push_back("the log ends before record " + std::to_string(records_durable) +
                        ", which was once durable: blocks are fetched from the others");
  }
  ASSAY_ASSIGN_OR_RETURN(const uint64_t marked, newest_mark(out.log));
  if (sign && sign->generation < marked && !options.observe_until) {
    return failed_precondition(
        "the sign state is an older copy: its generation is " + std::to_string(sign->generation) +
        ", and the log knows of " + std::to_string(marked) +
        ". What this validator has signed since is not known." + std::string(kObserveInstead));
  }
  out.sign = sign.value_or(SignFile{genesis.id(), options.own, 0, 0, 0, {}});
  out.sign.generation = std::max(marked, out.sign.generation) + 1;
  out.sign.log_records = out.log.end.records;
  out.sign.observe_until = std::max(out.sign.observe_until, options.observe_until.value_or(0));
  out.restored.observe_until = out.sign.observe_until;
  if (sign) out.restored.sign_state = sign->state;
  ASSAY_RETURN_IF_ERROR(take_records(keys, options.recent_blocks, out));
  return out;
}

}  // namespace assay::bft
