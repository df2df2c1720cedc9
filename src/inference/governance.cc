#include "inference/governance.h"

#include <algorithm>

#include "base/file.h"
#include "base/json_fields.h"
#include "base/utc_time.h"

namespace assay {
namespace {

constexpr std::string_view kSchema = "assay.governance.v1";

std::optional<uint64_t> read_time(JsonFields& fields, const char* name) {
  if (!fields.has(name)) return std::nullopt;
  constexpr size_t kTimeBytesMax = 64;
  const std::string text = fields.text(name, kTimeBytesMax);
  if (!fields.ok()) return std::nullopt;
  const Result<uint64_t> time = parse_utc_time(text);
  if (time.ok()) return *time;
  fields.refuse(name, text, "a time in UTC from 1970 on, as 2026-01-31T23:59:59Z");
  return std::nullopt;
}

std::optional<uint64_t> read_height(JsonFields& fields, const char* name) {
  if (!fields.has(name)) return std::nullopt;
  return fields.number(name, UINT64_MAX);
}

Result<Approval> read_approval(const Json& json, const std::string& path) {
  JsonFields fields(json, path);
  Approval approval;
  approval.digest = fields.digest("digest");
  approval.name = fields.text("name", kApprovalNameBytesMax);
  approval.from_seconds = read_time(fields, "from_time");
  approval.until_seconds = read_time(fields, "until_time");
  approval.from_height = read_height(fields, "from_height");
  approval.until_height = read_height(fields, "until_height");
  // Such an approval would never hold: whoever wrote it meant something else.
  if (approval.from_seconds && approval.until_seconds &&
      *approval.from_seconds > *approval.until_seconds) {
    fields.fail("until_time", format_utc_time(*approval.until_seconds) + " is before from_time, " +
                                  format_utc_time(*approval.from_seconds));
  }
  if (approval.from_height && approval.until_height &&
      *approval.from_height > *approval.until_height) {
    fields.fail("until_height", std::to_string(*approval.until_height) + " is below from_height, " +
                                    std::to_string(*approval.from_height));
  }
  ASSAY_RETURN_IF_ERROR(fields.finish());
  return approval;
}

// The bound that does not hold; empty when all do.
std::string failing_bound(const Approval& approval, const GovernanceMoment& moment) {
  const uint64_t now = std::min(moment.unix_seconds, kUtcSecondsMax);
  if (approval.from_seconds && now < *approval.from_seconds) {
    return "holds from " + format_utc_time(*approval.from_seconds) + " on; it is " +
           format_utc_time(now);
  }
  if (approval.until_seconds && now > *approval.until_seconds) {
    return "held until " + format_utc_time(*approval.until_seconds) + "; it is " +
           format_utc_time(now);
  }
  if (!approval.from_height && !approval.until_height) return {};
  if (!moment.height) return "holds for heights of the chain; nobody has told the height";
  if (approval.from_height && *moment.height < *approval.from_height) {
    return "holds from height " + std::to_string(*approval.from_height) + " on; the height is " +
           std::to_string(*moment.height);
  }
  if (approval.until_height && *moment.height > *approval.until_height) {
    return "held until height " + std::to_string(*approval.until_height) + "; the height is " +
           std::to_string(*moment.height);
  }
  return {};
}

}  // namespace

Result<Governance> Governance::read(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kGovernanceBytesMax));
  return parse(text, path);
}

Result<Governance> Governance::parse(std::string_view text, std::string_view source) {
  ASSAY_ASSIGN_OR_RETURN(
      const Json json,
      parse_json(text, source,
                 {.depth_max = 3, .members_max = 16, .bytes_max = kGovernanceBytesMax}));
  const std::string path = std::string(source) + ": governance";
  JsonFields fields(json, path);
  fields.constant("schema", kSchema);
  Governance governance;
  governance.source_ = source;
  for (const Json& approval : fields.array("approvals", kApprovalsMax)) {
    ASSAY_ASSIGN_OR_RETURN(
        Approval read,
        read_approval(approval,
                      path + ".approvals[" + std::to_string(governance.approvals_.size()) + "]"));
    governance.approvals_.push_back(std::move(read));
  }
  ASSAY_RETURN_IF_ERROR(fields.finish());
  return governance;
}

Status Governance::check(const Digest& artifact, const Digest& canonical,
                         const GovernanceMoment& moment) const {
  std::string reasons;
  for (size_t i = 0; i < approvals_.size(); ++i) {
    const Approval& approval = approvals_[i];
    if (approval.digest != artifact && approval.digest != canonical) continue;
    const std::string bound = failing_bound(approval, moment);
    if (bound.empty()) return ok_status();
    // The first is enough for whoever has to act; all may be thousands.
    if (reasons.empty()) {
      reasons =
          "\n  approvals[" + std::to_string(i) + "], " + Json(approval.name).dump() + ", " + bound;
    }
  }
  return failed_precondition(
      source_ + ": the model is not approved" +
      (reasons.empty() ? std::string(": neither digest is listed") : " now") + "\n  artifact  " +
      to_hex(artifact) + "\n  canonical " + to_hex(canonical) + reasons);
}

}  // namespace assay
