#include "sim/disk.h"

#include <algorithm>

#include "base/check.h"

namespace assay::sim {
namespace {

bft::Height height_of(const bft::LogRecord& record) {
  return bft::decode_decided(record.body).value().block.header.height;
}

}  // namespace

Digest next_root(const Digest& root, ByteSpan payload) {
  Bytes bytes;
  append_bytes(bytes, root);
  append_bytes(bytes, bft::payload_digest(payload));
  return sha256(bytes);
}

Disk::Disk(const bft::Chain& genesis, const PublicKey& own) : genesis_(genesis), own_(own) {
  bft::LogEnd end;
  files_.log = bft::begin_log(genesis_.id(), 0, end);
  files_.sign_state = bft::first_sign_file(genesis_, own_);
  image_ = files_.log;
}

void Disk::replace_files(bft::StoredFiles files) {
  ASSAY_CHECK(!is_up_);
  files_ = std::move(files);
}

bft::StoredFiles Disk::encode_files() const {
  bft::StoredFiles files;
  bft::LogEnd end;
  files.log = bft::begin_log(genesis_.id(), dropped_, end);
  for (const bft::LogRecord& record : records_) bft::append_record(*files.log, record, end);
  bft::SignFile sign = sign_;
  if (sign_state_) sign.state = bft::SignState::decode(*sign_state_).value();
  files.sign_state = bft::encode_sign_file(sign);
  return files;
}

void Disk::write(const bft::Persist& persist) {
  ASSAY_CHECK(is_up_ && persist.seq > seq_);
  seq_ = persist.seq;
  unsynced_.push_back({persist.kind, persist.seq, persist.record});
}

void Disk::make_durable(Write write) {
  if (write.kind != bft::RecordKind::kSignState) {
    records_.push_back({static_cast<bft::LogKind>(write.kind), std::move(write.bytes)});
    return;
  }
  // The file first, then its mark.
  sign_state_ = std::move(write.bytes);
  ++sign_.generation;
  sign_.log_records = dropped_ + records_.size();
  records_.push_back(bft::signed_mark(sign_.generation));
}

void Disk::sync(uint64_t seq) {
  while (!unsynced_.empty() && unsynced_.front().seq <= seq) {
    make_durable(std::move(unsynced_.front()));
    unsynced_.pop_front();
  }
}

void Disk::crash(const Loss& loss) {
  for (size_t i = 0; i < loss.kept && !unsynced_.empty(); ++i) {
    make_durable(std::move(unsynced_.front()));
    unsynced_.pop_front();
  }
  const size_t sound = encode_files().log->size();
  if (!unsynced_.empty() && loss.tail != Tail::kLost) make_durable(std::move(unsynced_.front()));
  files_ = encode_files();
  is_up_ = false;
  if (const size_t last = files_.log->size() - sound; last > 0) {
    const size_t at = sound + loss.salt % last;
    if (loss.tail == Tail::kTorn) {
      files_.log->resize(at);
    } else {
      (*files_.log)[at] ^= static_cast<uint8_t>(1 + (loss.salt >> 32) % 255);
    }
  }
  unsynced_.clear();
  seq_ = 0;  // the next incarnation counts anew
}

Result<Disk::Image> Disk::restore(const bft::Keys& keys, const RestoreOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(bft::Recovered recovered,
                         bft::recover(genesis_, keys, files_,
                                      {.own = own_,
                                       .recent_blocks = options.recent_blocks,
                                       .observe_until = options.observe_until,
                                       .repairs_log = options.repairs_log}));
  is_up_ = true;
  dropped_ = recovered.log.dropped;
  records_ = std::move(recovered.log.records);
  sign_ = std::move(recovered.sign);
  sign_state_.reset();
  records_.push_back(bft::signed_mark(sign_.generation));
  Image image = {std::move(recovered.restored), recovered.root};
  for (const bft::DecidedBlock& block : recovered.blocks) {
    image.root = next_root(image.root, block.block.payload);
  }
  return image;
}

std::vector<bft::DecidedBlock> Disk::blocks(bft::Height from) const {
  std::vector<bft::DecidedBlock> out;
  for (const bft::LogRecord& record : records_) {
    if (record.kind != bft::LogKind::kBlock || out.size() == bft::kBlocksMax) continue;
    bft::DecidedBlock block = bft::decode_decided(record.body).value();
    if (block.block.header.height == from + out.size()) out.push_back(std::move(block));
  }
  return out;
}

std::optional<bft::CheckpointFetched> Disk::checkpoint() const {
  for (auto at = records_.rbegin(); at != records_.rend(); ++at) {
    if (at->kind == bft::LogKind::kCheckpoint) return bft::decode_checkpoint(at->body).value();
  }
  return std::nullopt;
}

void Disk::prune(bft::Height keep) {
  const std::optional<bft::CheckpointFetched> newest = checkpoint();
  if (!newest) return;
  const bft::Height height = bft::Chain::decode(newest->chain).value().height();
  bft::Height newest_block = 0;
  for (const bft::LogRecord& record : records_) {
    if (record.kind == bft::LogKind::kBlock)
      newest_block = std::max(newest_block, height_of(record));
  }
  std::vector<bft::LogRecord> kept;
  for (size_t i = 0; i < records_.size(); ++i) {
    bft::LogRecord& record = records_[i];
    const auto is_later_of_its_kind = [&](const bft::LogRecord& other) {
      return other.kind == record.kind;
    };
    bool stays = true;
    switch (record.kind) {
      case bft::LogKind::kCheckpoint:
      case bft::LogKind::kSigned:
        stays = std::none_of(records_.begin() + static_cast<ptrdiff_t>(i) + 1, records_.end(),
                             is_later_of_its_kind);
        break;
      case bft::LogKind::kProposal:
        stays = height_of(record) > height;
        break;
      case bft::LogKind::kBlock:
        stays = height_of(record) > height || height_of(record) + keep > newest_block;
        break;
    }
    if (stays) kept.push_back(std::move(record));
  }
  dropped_ += records_.size() - kept.size();
  records_ = std::move(kept);
}

}  // namespace assay::sim
