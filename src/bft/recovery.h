// From what lies on the disk to what a restarted validator knows: it goes on, or refuses with a
// message that names the file and says what to do. Never from a sign state that may be older than
// what was signed. Tested in recovery_test.cc and by every restart of the simulator. Files and
// their order of writing: journal.h.
//
//   sign state   log               what happens
//   there        there             goes on
//   there        missing, or of    goes on behind: what is missing is fetched; it signs again from
//                an older day      the height on at which it had signed
//   older        there             refused: the marks in the log say that more was signed
//   damaged or   any               refused: it may have signed anything. As an observer up to a
//   missing                        height that it has not reached yet, it may go on
//   any          damaged           refused, unless at its end and nothing that was known to be
//                                  durable; can be repaired by cutting
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bft/journal.h"

namespace assay::bft {

// Nothing where there is no such file. A new validator begins with first_sign_file.
struct StoredFiles {
  std::optional<Bytes> log;
  std::optional<Bytes> sign_state;
};
Bytes first_sign_file(const Chain& genesis, const PublicKey& own);

struct RecoverOptions {
  PublicKey own{};
  size_t recent_blocks = 16;
  // Stands in for a sign state that is lost: the operator vouches that this validator has signed
  // nothing above this height. Up to it, it only observes; later starts need not be told again.
  std::optional<Height> observe_until;
  bool repairs_log = false;
};

struct Recovered {
  Restored restored;
  LogContents log;  // to go on with; empty where there was none
  SignFile sign;    // to be written, and marked in the log, before the first step
  // Of the application, at the height from which the blocks follow that are to be executed again.
  Digest root{};
  Height root_height = 0;
  std::vector<DecidedBlock> blocks;  // above root_height
  std::vector<std::string> notes;    // for the operator: what was cut, or is missing
};

// Errors: DATA_LOSS for damage; FAILED_PRECONDITION for files of another chain or validator, or a
// sign state that is missing or older than the log.
// Cost: hashes the log once, and checks a certificate for each block above the newest checkpoint.
Result<Recovered> recover(const Chain& genesis, const Keys& keys, const StoredFiles& files,
                          const RecoverOptions& options);

}  // namespace assay::bft
