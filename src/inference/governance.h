// Governance: which models may be served, by digest, and from and until when. A file that the
// operator's process approves (docs/formats/governance.md). Tested in governance_test.cc, fuzzed in
// governance_fuzz.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"

namespace assay {

// Where the world stands.
struct GovernanceMoment {
  uint64_t unix_seconds = 0;
  std::optional<uint64_t> height;  // of the chain; nobody has told: none
};

struct Approval {
  Digest digest{};   // artifact or canonical
  std::string name;  // of the model, for people
  // First and last moment, both inclusive; none: no bound. Spelled as RFC 3339 in UTC
  // (2026-01-31T23:59:59Z).
  std::optional<uint64_t> from_seconds;
  std::optional<uint64_t> until_seconds;
  std::optional<uint64_t> from_height;
  std::optional<uint64_t> until_height;
};

inline constexpr size_t kApprovalsMax = 4096;
inline constexpr size_t kApprovalNameBytesMax = 256;
inline constexpr size_t kGovernanceBytesMax = size_t{4} << 20;

class Governance {
 public:
  // Errors: NOT_FOUND, DATA_LOSS (names file, field and value).
  static Result<Governance> read(const std::string& path);
  static Result<Governance> parse(std::string_view text, std::string_view source);

  // A height bound does not hold while no height is known. Errors: FAILED_PRECONDITION when no
  // approval of either digest holds now (names the digests and the bound that fails).
  Status check(const Digest& artifact, const Digest& canonical,
               const GovernanceMoment& moment) const;
  const std::vector<Approval>& approvals() const { return approvals_; }

 private:
  std::string source_;
  std::vector<Approval> approvals_;
};

}  // namespace assay
