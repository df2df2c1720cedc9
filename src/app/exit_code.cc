#include "app/exit_code.h"

#include <algorithm>

#include "base/file.h"

namespace assay {

ExitCode status_exit_code(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return kExitOk;
    case Code::kInvalidArgument:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
      return kExitUsage;
    case Code::kDataLoss:
    case Code::kUnimplemented:
      return kExitData;
    case Code::kNotFound:
      return kExitNoInput;
    case Code::kDeadlineExceeded:
    case Code::kResourceExhausted:
    case Code::kUnavailable:
      return kExitUnavailable;
    case Code::kPermissionDenied:
    case Code::kUnauthenticated:
      return kExitPermission;
    case Code::kCancelled:
      return kExitInterrupted;
    case Code::kUnknown:
    case Code::kAborted:
    case Code::kInternal:
      return kExitInternal;
  }
  return kExitInternal;
}

ExitCode file_exit_code(const Status& status, std::span<const std::string> paths) {
  if (status.code() == Code::kNotFound && std::ranges::all_of(paths, path_exists)) return kExitData;
  return status_exit_code(status);
}

ExitCode file_exit_code(const Status& status, const std::string& path) {
  return file_exit_code(status, std::span(&path, 1));
}

ExitCode verdict_exit_code(Decision verdict, FailOn fail_on) {
  switch (verdict) {
    case Decision::kSame:
      return kExitOk;
    case Decision::kDifferent:
      return kExitDifferent;
    case Decision::kUndecided:
      return fail_on == FailOn::kDifferent ? kExitOk : kExitUndecided;
  }
  return kExitInternal;
}

}  // namespace assay
