// One validator's durable storage: a log of proposals, blocks and checkpoints, and beside it the
// sign state, which is replaced as a whole. Writes become durable in their order; a crash keeps a
// part of what was not synced, and may tear or damage the record after it. Restoring goes the way
// the real node goes. Tested in disk_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "bft/core.h"

namespace assay::sim {

class Disk {
 public:
  // Pre: seq rises (CHECK).
  void write(const bft::Persist& persist);
  // Everything up to seq is durable.
  void sync(uint64_t seq);
  size_t unsynced() const { return unsynced_.size(); }

  // What a crash leaves of what was not synced: the first `kept` writes, and of the one after them
  // a torn or damaged record, if it goes to the log.
  enum class Tail : uint8_t { kLost, kTorn, kFlipped };
  struct Loss {
    size_t kept = 0;
    Tail tail = Tail::kLost;
    uint64_t salt = 0;
  };
  void crash(const Loss& loss);

  // The whole log, but not the sign state, as it is now; and back to it.
  void take_image() { image_ = log_; }
  void restore_image() { log_ = image_; }
  void lose_sign_state() { sign_state_.reset(); }
  bool has_sign_state() const { return sign_state_.has_value(); }

  // What lies on the disk after a restart; what is torn at the end of the log is cut off. `genesis`
  // is the chain before the first block. root: of the application's state at the chain's tip.
  // Errors: DATA_LOSS.
  struct Image {
    bft::Restored restored;
    Digest root{};
  };
  struct RestoreOptions {
    size_t recent_blocks = 0;
  };
  Result<Image> restore(const bft::Chain& genesis, const bft::Keys& keys,
                        const RestoreOptions& options);

  // Blocks in a row from this height on, at most kBlocksMax; nothing when the first is not there.
  std::vector<bft::DecidedBlock> blocks(bft::Height from) const;
  // The newest one.
  std::optional<bft::CheckpointFetched> checkpoint() const;
  // Drops older checkpoints, and the blocks below the newest one that are further down than `keep`
  // from the newest block: those nobody asks for without asking for a checkpoint.
  void prune(bft::Height keep);

 private:
  struct Record {
    bft::RecordKind kind = bft::RecordKind::kSignState;
    uint64_t seq = 0;
    Bytes bytes;
    uint64_t checksum = 0;
  };

  void make_durable(Record record);

  std::vector<Record> log_;
  std::vector<Record> image_;
  std::optional<Bytes> sign_state_;
  std::deque<Record> unsynced_;
  uint64_t seq_ = 0;
};

// The application of the simulated world: its state is a hash over the payloads.
Digest next_root(const Digest& root, ByteSpan payload);

}  // namespace assay::sim
