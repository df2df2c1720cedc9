#include "sim/disk.h"

#include <algorithm>

#include "base/check.h"

namespace assay::sim {
namespace {

// FNV-1a, eight bytes at a time: what the damage of this disk cannot hit by accident.
uint64_t checksum_of(ByteSpan bytes) {
  constexpr uint64_t kPrime = 0x100000001b3u;
  uint64_t hash = 0xcbf29ce484222325u ^ bytes.size();
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    hash = (hash ^ load_le<uint64_t>(bytes.data() + at)) * kPrime;
  }
  for (; at < bytes.size(); ++at) hash = (hash ^ bytes[at]) * kPrime;
  return hash;
}

}  // namespace

Digest next_root(const Digest& root, ByteSpan payload) {
  Bytes bytes;
  append_bytes(bytes, root);
  append_bytes(bytes, bft::payload_digest(payload));
  return sha256(bytes);
}

void Disk::write(const bft::Persist& persist) {
  ASSAY_CHECK(persist.seq > seq_);
  seq_ = persist.seq;
  unsynced_.push_back({persist.kind, persist.seq, persist.record, 0});
}

void Disk::make_durable(Record record) {
  if (record.kind == bft::RecordKind::kSignState) {
    sign_state_ = std::move(record.bytes);
    return;
  }
  record.checksum = checksum_of(record.bytes);
  log_.push_back(std::move(record));
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
  if (!unsynced_.empty() && loss.tail != Tail::kLost &&
      unsynced_.front().kind != bft::RecordKind::kSignState && !unsynced_.front().bytes.empty()) {
    Record record = std::move(unsynced_.front());
    record.checksum = checksum_of(record.bytes);
    const size_t at = loss.salt % record.bytes.size();
    if (loss.tail == Tail::kTorn) {
      record.bytes.resize(at);
    } else {
      record.bytes[at] ^= static_cast<uint8_t>(1 + (loss.salt >> 32) % 255);
    }
    log_.push_back(std::move(record));
  }
  unsynced_.clear();
  seq_ = 0;  // the next incarnation counts anew
}

Result<Disk::Image> Disk::restore(const bft::Chain& genesis, const bft::Keys& keys,
                                  const RestoreOptions& options) {
  if (!log_.empty() && checksum_of(log_.back().bytes) != log_.back().checksum) log_.pop_back();
  Image image{{genesis, {}, {}, {}, 0}, {}};
  bft::Restored& restored = image.restored;
  std::vector<bft::DecidedBlock> blocks;
  for (const Record& record : log_) {
    if (checksum_of(record.bytes) != record.checksum) return data_loss("damage within the log");
    if (record.kind == bft::RecordKind::kBlock) {
      ASSAY_ASSIGN_OR_RETURN(bft::DecidedBlock block, bft::decode_decided(record.bytes));
      blocks.push_back(std::move(block));
    } else if (record.kind == bft::RecordKind::kCheckpoint) {
      ASSAY_ASSIGN_OR_RETURN(const bft::CheckpointFetched checkpoint,
                             bft::decode_checkpoint(record.bytes));
      ASSAY_ASSIGN_OR_RETURN(bft::Chain chain, bft::Chain::decode(checkpoint.chain));
      if (chain.height() < restored.chain.height()) continue;
      restored.chain = std::move(chain);
      image.root = checkpoint.root;
    }
  }
  for (const bft::DecidedBlock& block : blocks) {
    const bft::Height height = block.block.header.height;
    if (height <= restored.chain.height()) continue;
    if (height != restored.chain.height() + 1) return data_loss("a block is missing in the log");
    restored.chain.apply(keys, block.block);
    image.root = next_root(image.root, block.block.payload);
  }
  for (const Record& record : log_) {
    if (record.kind != bft::RecordKind::kProposal) continue;
    ASSAY_ASSIGN_OR_RETURN(bft::DecidedBlock proposal, bft::decode_decided(record.bytes));
    bft::Block& block = proposal.block;
    if (block.header.height == restored.chain.height() + 1) {
      restored.proposals.push_back(std::move(block));
    }
  }
  // Only an unbroken row up to the tip is of use to those who lag.
  for (bft::DecidedBlock& block : blocks) {
    if (block.block.header.height + options.recent_blocks <= restored.chain.height()) continue;
    restored.recent.push_back(std::move(block));
  }
  if (!restored.recent.empty() &&
      restored.recent.back().block.header.height != restored.chain.height()) {
    restored.recent.clear();
  }
  if (sign_state_) {
    ASSAY_ASSIGN_OR_RETURN(restored.sign_state, bft::SignState::decode(*sign_state_));
  }
  return image;
}

std::vector<bft::DecidedBlock> Disk::blocks(bft::Height from) const {
  std::vector<bft::DecidedBlock> out;
  for (const Record& record : log_) {
    if (record.kind != bft::RecordKind::kBlock || out.size() == bft::kBlocksMax) continue;
    bft::DecidedBlock block = bft::decode_decided(record.bytes).value();
    if (block.block.header.height == from + out.size()) out.push_back(std::move(block));
  }
  return out;
}

std::optional<bft::CheckpointFetched> Disk::checkpoint() const {
  for (auto at = log_.rbegin(); at != log_.rend(); ++at) {
    if (at->kind == bft::RecordKind::kCheckpoint) return bft::decode_checkpoint(at->bytes).value();
  }
  return std::nullopt;
}

void Disk::prune(bft::Height keep) {
  const auto checkpoint = std::find_if(log_.rbegin(), log_.rend(), [](const Record& record) {
    return record.kind == bft::RecordKind::kCheckpoint;
  });
  if (checkpoint == log_.rend()) return;
  const bft::CheckpointFetched newest = bft::decode_checkpoint(checkpoint->bytes).value();
  const bft::Height height = bft::Chain::decode(newest.chain).value().height();
  const uint64_t seq = checkpoint->seq;
  const auto height_of = [](const Record& record) {
    return bft::decode_decided(record.bytes).value().block.header.height;
  };
  bft::Height newest_block = 0;
  for (const Record& record : log_) {
    if (record.kind == bft::RecordKind::kBlock) {
      newest_block = std::max(newest_block, height_of(record));
    }
  }
  std::erase_if(log_, [&](const Record& record) {
    if (record.kind == bft::RecordKind::kCheckpoint) return record.seq != seq;
    if (record.kind != bft::RecordKind::kBlock) return false;
    const bft::Height at = height_of(record);
    return at <= height && at + keep <= newest_block;
  });
}

}  // namespace assay::sim
