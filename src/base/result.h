// Status and Result<T>: how a failure that comes from outside (disk, network, user, model file,
// peer) is carried. Programmer errors use CHECK (check.h) instead. Tested in result_test.cc. The
// codes are the gRPC canonical set, so that they map one to one onto RPC and HTTP answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace assay {

enum class Code : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,  // an input file or message is damaged or lies about itself
  kUnauthenticated = 16,
};

// The canonical upper-case name, for example "DATA_LOSS".
std::string_view code_name(Code code);

// A code and, when it is not kOk, a message that names the file, field and value and says what to
// do.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  // The same failure with "context: " put before the message; ok stays ok.
  Status with_context(std::string_view context) const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status ok_status() { return {}; }
Status invalid_argument(std::string message);
Status not_found(std::string message);
Status permission_denied(std::string message);
Status resource_exhausted(std::string message);
Status failed_precondition(std::string message);
Status unimplemented(std::string message);
Status internal_error(std::string message);
Status unavailable(std::string message);
Status data_loss(std::string message);

// A value or the Status that says why there is none.
// Pre: a Result is never made from an ok Status (CHECK); value() is called only when ok() (CHECK).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    ASSAY_CHECK(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & {
    ASSAY_CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    ASSAY_CHECK(ok());
    return *value_;
  }
  T&& value() && {
    ASSAY_CHECK(ok());
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace assay

#define ASSAY_CONCAT_INNER(a, b) a##b
#define ASSAY_CONCAT(a, b) ASSAY_CONCAT_INNER(a, b)

// Evaluates an expression of type Status and returns it from the enclosing function unless it is
// ok.
#define ASSAY_RETURN_IF_ERROR(expr)                \
  do {                                             \
    ::assay::Status assay_status_ = (expr);        \
    if (!assay_status_.ok()) return assay_status_; \
  } while (false)

// ASSAY_ASSIGN_OR_RETURN(auto x, f()): x takes the value, or the enclosing function returns the
// Status.
#define ASSAY_ASSIGN_OR_RETURN(lhs, expr) \
  ASSAY_ASSIGN_OR_RETURN_INNER(ASSAY_CONCAT(assay_result_, __LINE__), lhs, expr)
#define ASSAY_ASSIGN_OR_RETURN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return tmp.status();                \
  lhs = std::move(tmp).value()
