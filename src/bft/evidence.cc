#include "bft/evidence.h"

#include "bft/codec.h"
#include "bft/mutation.h"

namespace assay::bft {
namespace {

// A commit, and a NewLeader that has forgotten it.
bool is_amnesia(const Statement& commit, const Statement& new_leader) {
  if (commit.phase != Phase::kCommit || new_leader.phase != Phase::kNewLeader) return false;
  if (new_leader.view <= commit.view) return false;
  const View committed = commit.view + 1;  // as `prepared` counts
  if (new_leader.prepared != committed) return new_leader.prepared < committed;
  return new_leader.digest != commit.digest;
}

}  // namespace

bool conflicts(const Statement& a, const Statement& b) {
  if (a.height != b.height) return false;
  if (a.phase == Phase::kApproval || b.phase == Phase::kApproval) return false;
  if (a.phase == b.phase && a.view == b.view) return !(a == b);
  return is_amnesia(a, b) || is_amnesia(b, a);
}

Evidence make_evidence(Epoch epoch, const Vote& first, const Vote& second) {
  ASSAY_CHECK(first.voter == second.voter && conflicts(first.statement, second.statement));
  if (encode_vote(second) < encode_vote(first)) return {epoch, second, first};
  return {epoch, first, second};
}

Status verify_evidence(const VoteContext& context, const Evidence& evidence) {
  const Vote& a = evidence.first;
  const Vote& b = evidence.second;
  if (evidence.epoch != context.epoch) return invalid_argument("evidence is of another epoch");
  if (a.voter != b.voter || !conflicts(a.statement, b.statement)) {
    return invalid_argument("evidence holds no two statements of one voter that conflict");
  }
  if (encode_vote(b) < encode_vote(a)) return invalid_argument("evidence is not in its order");
  if (mutated(Mutation::kEvidenceUnchecked)) return ok_status();
  ASSAY_RETURN_IF_ERROR(verify_vote(context, a).with_context("evidence"));
  return verify_vote(context, b).with_context("evidence");
}

}  // namespace assay::bft
