#include "bft/evidence.h"

#include <gtest/gtest.h>

#include "bft/bft_testing.h"

namespace assay::bft {
namespace {

const Digest kA = sha256("a");
const Digest kB = sha256("b");

Statement commit(View view, const Digest& value) { return {Phase::kCommit, 5, view, 0, value}; }
Statement new_leader(View view, View prepared, const Digest& value) {
  return {Phase::kNewLeader, 5, view, prepared, value};
}

TEST(Evidence, WhatConflicts) {
  EXPECT_TRUE(conflicts(commit(1, kA), commit(1, kB)));
  EXPECT_TRUE(conflicts({Phase::kPropose, 5, 1, 0, kA}, {Phase::kPropose, 5, 1, 0, kB}));
  EXPECT_TRUE(conflicts({Phase::kCheckpoint, 5, 0, 0, kA}, {Phase::kCheckpoint, 5, 0, 0, kB}));
  EXPECT_TRUE(conflicts(new_leader(3, 0, {}), new_leader(3, 2, kA)));
  // Amnesia: committed in view 1, and then nothing, something older, or something else.
  EXPECT_TRUE(conflicts(commit(1, kA), new_leader(3, 0, {})));
  EXPECT_TRUE(conflicts(new_leader(3, 1, kB), commit(1, kA)));
  EXPECT_TRUE(conflicts(commit(1, kA), new_leader(2, 2, kB)));
}

TEST(Evidence, WhatACorrectValidatorDoes) {
  EXPECT_FALSE(conflicts(commit(1, kA), commit(1, kA)));
  EXPECT_FALSE(conflicts(commit(1, kA), commit(2, kB)));  // in 2 a quorum prepared B
  EXPECT_FALSE(conflicts(commit(1, kA), {Phase::kPrepare, 5, 1, 0, kB}));
  EXPECT_FALSE(conflicts(commit(1, kA), new_leader(3, 2, kA)));
  EXPECT_FALSE(conflicts(commit(1, kA), new_leader(3, 3, kB)));  // prepared again in view 2
  EXPECT_FALSE(conflicts(commit(3, kA), new_leader(2, 0, {})));  // before it committed
  Statement next = commit(1, kB);
  next.height = 6;
  EXPECT_FALSE(conflicts(commit(1, kA), next));
}

TEST(Evidence, ConvincesWithValidSignaturesOfOneVoterOnly) {
  const TestSet t(4);
  const Digest chain = sha256("chain");
  const VoteContext context{chain, 2, t.set, *t.keys[0]};
  const Vote a = t.vote(chain, 2, commit(1, kA), 3);
  const Vote b = t.vote(chain, 2, commit(1, kB), 3);
  const Evidence good = make_evidence(2, a, b);
  EXPECT_EQ(good, make_evidence(2, b, a));
  EXPECT_TRUE(verify_evidence(context, good).ok());
  EXPECT_FALSE(verify_evidence(context, {2, good.second, good.first}).ok()) << "order";
  EXPECT_FALSE(verify_evidence(context, {2, a, a}).ok());
  EXPECT_FALSE(verify_evidence(context, {3, good.first, good.second}).ok());
  EXPECT_FALSE(verify_evidence(context, {2, a, t.vote(chain, 2, commit(1, kB), 2)}).ok());
  for (const bool first : {true, false}) {
    Evidence forged = good;
    (first ? forged.first : forged.second).voter = 1;
    EXPECT_FALSE(verify_evidence(context, forged).ok());
    forged.first.voter = forged.second.voter = 1;  // frames another
    EXPECT_FALSE(verify_evidence(context, forged).ok());
  }
}

}  // namespace
}  // namespace assay::bft
