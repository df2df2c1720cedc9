#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace assay {
namespace {

TEST(Status, CarriesCodeAndMessage) {
  EXPECT_TRUE(ok_status().ok());
  EXPECT_EQ(ok_status().message(), "");
  const Status status = data_loss("x.gguf: field n is 7");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_EQ(status.message(), "x.gguf: field n is 7");
}

TEST(Status, ContextGoesBeforeTheMessageAndKeepsTheCode) {
  const Status status = not_found("no tensor t").with_context("layer 3").with_context("m.gguf");
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.message(), "m.gguf: layer 3: no tensor t");
  EXPECT_TRUE(ok_status().with_context("anything").ok());
  EXPECT_EQ(ok_status().with_context("anything").message(), "");
}

TEST(Status, MakersUseTheirOwnCode) {
  EXPECT_EQ(invalid_argument("").code(), Code::kInvalidArgument);
  EXPECT_EQ(permission_denied("").code(), Code::kPermissionDenied);
  EXPECT_EQ(resource_exhausted("").code(), Code::kResourceExhausted);
  EXPECT_EQ(failed_precondition("").code(), Code::kFailedPrecondition);
  EXPECT_EQ(unimplemented("").code(), Code::kUnimplemented);
  EXPECT_EQ(internal_error("").code(), Code::kInternal);
  EXPECT_EQ(unavailable("").code(), Code::kUnavailable);
}

TEST(Status, CodeNamesAreTheCanonicalOnes) {
  // google/rpc/code.proto: numbers and names.
  EXPECT_EQ(code_name(Code::kOk), "OK");
  EXPECT_EQ(code_name(Code::kInvalidArgument), "INVALID_ARGUMENT");
  EXPECT_EQ(code_name(Code::kResourceExhausted), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(static_cast<int>(Code::kUnauthenticated), 16);
  EXPECT_EQ(code_name(Code::kUnauthenticated), "UNAUTHENTICATED");
  std::set<std::string_view> names;
  for (int code = 0; code <= 16; ++code) names.insert(code_name(static_cast<Code>(code)));
  EXPECT_EQ(names.size(), 17u);
}

TEST(StatusDeathTest, UnknownCodeHasNoName) {
  EXPECT_DEATH((void)code_name(static_cast<Code>(17)), "internal check failed");
}

Result<int> half(int x) {
  if (x % 2 != 0) return invalid_argument(std::to_string(x) + " is odd");
  return x / 2;
}

Result<int> quarter(int x) {
  ASSAY_ASSIGN_OR_RETURN(const int h, half(x));
  ASSAY_ASSIGN_OR_RETURN(const int q, half(h));
  return q;
}

Status check_even(int x) {
  ASSAY_RETURN_IF_ERROR(half(x).status());
  return ok_status();
}

TEST(Result, HoldsAValueOrTheReason) {
  EXPECT_EQ(half(8).value(), 4);
  EXPECT_TRUE(half(8).status().ok());
  EXPECT_FALSE(half(7).ok());
  EXPECT_EQ(half(7).status().message(), "7 is odd");
}

TEST(Result, MacrosReturnTheFirstFailure) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_EQ(quarter(6).status().message(), "3 is odd");
  EXPECT_EQ(quarter(5).status().message(), "5 is odd");
  EXPECT_TRUE(check_even(2).ok());
  EXPECT_EQ(check_even(3).code(), Code::kInvalidArgument);
}

TEST(Result, MoveOnlyValuesMoveThrough) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
  const auto pass = [&]() -> Result<std::unique_ptr<int>> {
    ASSAY_ASSIGN_OR_RETURN(auto p, make());
    return p;
  };
  const std::unique_ptr<int> p = pass().value();
  EXPECT_EQ(*p, 5);
}

TEST(ResultDeathTest, MisuseAborts) {
  const Result<int> failed = half(7);
  EXPECT_DEATH((void)failed.value(), "internal check failed");
  EXPECT_DEATH((void)Result<int>{ok_status()}, "internal check failed");
}

}  // namespace
}  // namespace assay
