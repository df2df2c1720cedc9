// The bytes of a validator's two files: the log, which grows by records that are chained by hash,
// and the sign state, which is replaced as a whole. Bytes only: whoever owns the files writes and
// syncs. Tested in journal_test.cc, fuzzed in journal_fuzz.cc. Format: docs/formats/consensus.md.
//
// The order of writes that makes recovery.h right:
//   proposal, block, checkpoint   append, sync the log.
//   sign state                    write a temporary file, sync it, rename it over the old one, sync
//                                 the directory; append a mark with its generation, sync the log.
// Only then may what waited for the record leave. So a crash leaves at the end of the log at most
// one record that is not whole, and never a mark without its sign state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bft/core.h"

namespace assay::bft {

enum class LogKind : uint8_t {
  kProposal = 1,  // the three as RecordKind counts
  kBlock = 2,
  kCheckpoint = 3,
  kSigned = 4,  // a sign state of this generation is durable
};

struct LogRecord {
  LogKind kind = LogKind::kBlock;
  Bytes body;
};
LogRecord signed_mark(uint64_t generation);
// Errors: DATA_LOSS.
Result<uint64_t> decode_signed_mark(const LogRecord& record);

// Where a log ends: what the next record is chained to, and how many there have been, over all that
// were dropped from its beginning.
struct LogEnd {
  Digest link{};
  uint64_t records = 0;
};

// The beginning of a log of this chain, before whose first record `dropped` others were dropped.
Bytes begin_log(const Digest& chain, uint64_t dropped, LogEnd& end);
// Pre: the body is at most kMessageBytesMax bytes (CHECK).
void append_record(Bytes& log, const LogRecord& record, LogEnd& end);

struct LogContents {
  uint64_t dropped = 0;
  std::vector<LogRecord> records;
  std::vector<size_t> offsets;  // of each record, in bytes
  LogEnd end;
  size_t bytes = 0;  // up to the end of the last whole record: where to cut, if the file is longer
  std::string cut;   // why; empty when the whole file is sound
};

struct ReadLogOptions {
  Digest chain{};
  uint64_t records_durable = 0;  // so many were known to be, when the sign state was written
  bool repairs = false;          // cuts at the first damage, whatever follows
};
// What is not whole at the end, and was not known to be durable, is what a crash leaves: it is cut
// off. Any other damage is refused, unless it is to be repaired.
// Errors: DATA_LOSS that names record and byte, and says what to do; FAILED_PRECONDITION for a log
// of another chain. Cost: hashes the bytes once.
Result<LogContents> read_log(ByteSpan log, const ReadLogOptions& options);

struct SignFile {
  Digest chain{};
  PublicKey own{};
  uint64_t generation = 0;   // of the first sign state, which has signed nothing: 0
  uint64_t log_records = 0;  // durable when it was written
  Height observe_until = 0;  // as Restored::observe_until
  SignState state;
};
Bytes encode_sign_file(const SignFile& file);
// Errors: DATA_LOSS.
Result<SignFile> decode_sign_file(ByteSpan bytes);

}  // namespace assay::bft
