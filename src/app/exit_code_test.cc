#include "app/exit_code.h"

#include <gtest/gtest.h>

#include <vector>

namespace assay {
namespace {

TEST(ExitCode, EveryStatusCodeHasTheDocumentedExitCode) {
  const std::vector<std::pair<Code, int>> expected = {{Code::kOk, 0},
                                                      {Code::kCancelled, 130},
                                                      {Code::kUnknown, 70},
                                                      {Code::kInvalidArgument, 64},
                                                      {Code::kDeadlineExceeded, 69},
                                                      {Code::kNotFound, 66},
                                                      {Code::kAlreadyExists, 64},
                                                      {Code::kPermissionDenied, 77},
                                                      {Code::kResourceExhausted, 69},
                                                      {Code::kFailedPrecondition, 64},
                                                      {Code::kAborted, 70},
                                                      {Code::kOutOfRange, 64},
                                                      {Code::kUnimplemented, 65},
                                                      {Code::kInternal, 70},
                                                      {Code::kUnavailable, 69},
                                                      {Code::kDataLoss, 65},
                                                      {Code::kUnauthenticated, 77}};
  for (const auto& [code, exit] : expected) {
    EXPECT_EQ(status_exit_code(code == Code::kOk ? Status() : Status(code, "why")), exit)
        << code_name(code);
  }
}

TEST(ExitCode, NoFailureLooksLikeAVerdict) {
  for (int code = 1; code <= static_cast<int>(Code::kUnauthenticated); ++code) {
    EXPECT_GE(status_exit_code(Status(static_cast<Code>(code), "why")), 64);
  }
}

TEST(ExitCode, SomethingMissingInsideAnExistingFileIsAnInvalidFile) {
  const std::vector<std::string> there = {ASSAY_SOURCE_DIR};
  const std::vector<std::string> not_there = {ASSAY_SOURCE_DIR, "/no/such/file"};
  EXPECT_EQ(file_exit_code(not_found("tensor"), there), kExitData);
  EXPECT_EQ(file_exit_code(not_found("/no/such/file"), not_there), kExitNoInput);
  EXPECT_EQ(file_exit_code(permission_denied("x"), there), kExitPermission);
}

TEST(ExitCode, FailOnChoosesWhichVerdictsPass) {
  EXPECT_EQ(verdict_exit_code(Decision::kSame, FailOn::kUndecided), 0);
  EXPECT_EQ(verdict_exit_code(Decision::kDifferent, FailOn::kUndecided), 1);
  EXPECT_EQ(verdict_exit_code(Decision::kUndecided, FailOn::kUndecided), 2);
  EXPECT_EQ(verdict_exit_code(Decision::kSame, FailOn::kDifferent), 0);
  EXPECT_EQ(verdict_exit_code(Decision::kDifferent, FailOn::kDifferent), 1);
  EXPECT_EQ(verdict_exit_code(Decision::kUndecided, FailOn::kDifferent), 0);
}

}  // namespace
}  // namespace assay
