// One validator's durable storage: the two files of bft/journal.h, byte for byte. Writes become
// durable in their order; a crash keeps a part of what was not synced, and may tear or damage the
// record after it. Restoring is bft::recover, as a real node does it. Tested in disk_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "bft/recovery.h"

namespace assay::sim {

class Disk {
 public:
  // As a new validator is set up, before it has ever started.
  Disk(const bft::Chain& genesis, const PublicKey& own);

  // Pre: it was restored since it stopped, and seq rises (CHECK).
  void write(const bft::Persist& persist);
  // Everything up to seq is durable.
  void sync(uint64_t seq);
  size_t unsynced() const { return unsynced_.size(); }

  // What a crash leaves of what was not synced: the first `kept` writes, and of the one after them
  // a torn or damaged record. Of a sign state that is the mark after it, or the file is not renamed
  // yet.
  enum class Tail : uint8_t { kLost, kTorn, kFlipped };
  struct Loss {
    size_t kept = 0;
    Tail tail = Tail::kLost;
    uint64_t salt = 0;
  };
  void crash(const Loss& loss);

  // What lies there. To be changed only while the validator is down, as a new one is.
  bft::StoredFiles files() const { return is_up_ ? encode_files() : files_; }
  void replace_files(bft::StoredFiles files);
  // The log, but not the sign state, as it is now; and back to it.
  void take_image() { image_ = files().log; }
  void restore_image() { replace_files({image_, files_.sign_state}); }
  void lose_sign_state() { replace_files({files_.log, std::nullopt}); }

  // After a restart. Errors: as bft::recover.
  struct Image {
    bft::Restored restored;
    Digest root{};  // of the application's state at the chain's tip
  };
  struct RestoreOptions {
    size_t recent_blocks = 0;
    std::optional<bft::Height> observe_until;
    bool repairs_log = false;
  };
  Result<Image> restore(const bft::Keys& keys, const RestoreOptions& options);

  // Blocks in a row from this height on, at most kBlocksMax; nothing when the first is not there.
  std::vector<bft::DecidedBlock> blocks(bft::Height from) const;
  // The newest one.
  std::optional<bft::CheckpointFetched> checkpoint() const;
  // Writes the log anew without what nobody needs: older checkpoints and proposals, and the blocks
  // below the newest checkpoint that are further down than `keep` from the newest block. Those
  // nobody asks for without asking for a checkpoint.
  void prune(bft::Height keep);

 private:
  struct Write {
    bft::RecordKind kind = bft::RecordKind::kSignState;
    uint64_t seq = 0;
    Bytes bytes;
  };

  void make_durable(Write write);
  bft::StoredFiles encode_files() const;

  bft::Chain genesis_;
  PublicKey own_;
  // While it is down: the bytes. While it is up they would be what encode_files makes of the rest.
  bool is_up_ = false;
  bft::StoredFiles files_;
  std::optional<Bytes> image_;
  uint64_t dropped_ = 0;
  std::vector<bft::LogRecord> records_;
  bft::SignFile sign_;               // but for its state, if there is a newer one
  std::optional<Bytes> sign_state_;  // encoded
  std::deque<Write> unsynced_;
  uint64_t seq_ = 0;
};

// The application of the simulated world: its state is a hash over the payloads.
Digest next_root(const Digest& root, ByteSpan payload);

}  // namespace assay::sim
