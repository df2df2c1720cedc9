// Exit codes of the command line, stable (docs/cli.md). Tested in exit_code_test.cc.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "stats/mean_test.h"

namespace assay {

enum ExitCode : int {
  kExitOk = 0,  // SAME, or the command did what it was asked
  kExitDifferent = 1,
  kExitUndecided = 2,
  kExitUsage = 64,
  kExitData = 65,         // unreadable or invalid model file
  kExitNoInput = 66,      // model or file not found
  kExitUnavailable = 69,  // service unavailable, disk full, not enough memory
  kExitInternal = 70,
  kExitPermission = 77,
  kExitInterrupted = 130,  // 128 + SIGINT
};

ExitCode status_exit_code(const Status& status);

// The same for a failure while reading the given files: NOT_FOUND about something inside a file
// that does exist (a missing tensor, a missing metadata field) is an invalid file, not a missing
// one.
ExitCode file_exit_code(const Status& status, std::span<const std::string> paths);
ExitCode file_exit_code(const Status& status, const std::string& path);

// Which verdicts make `assay verify` exit with another code than 0.
enum class FailOn : uint8_t {
  kUndecided,  // DIFFERENT -> 1, UNDECIDED -> 2: only SAME passes (the default)
  kDifferent,  // DIFFERENT -> 1: UNDECIDED passes
};
ExitCode verdict_exit_code(Decision verdict, FailOn fail_on);

}  // namespace assay
