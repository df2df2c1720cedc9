// Deliberate mistakes in the protocol, one a build: the simulator has to find each of them
// (docs/assurance.md). A product build has none: the flag is 0 and the branches fold away.
#pragma once

namespace assay::bft {

enum class Mutation {
  kNone = 0,
  kQuorumMinusOne = 1,       // a quorum is one weight smaller
  kQuorumOverAllValues = 2,  // votes for different blocks add up
  kNoLock = 3,               // NewLeader forgets what was prepared
  kSendBeforePersist = 4,    // a vote leaves before it is on disk
  kUnsignedVote = 5,         // signatures of votes are not checked
  kNewLeaderUnchecked = 6,   // a proposal need not follow what was prepared
  kViewJump = 7,             // one NewLeader suffices to enter a view
  kSampleUnchecked = 8,      // votes count whoever they were drawn for
  kReplayAcrossViews = 9,    // votes of other views of the height count
  kEvidenceUnchecked = 10,   // evidence is believed without its signatures
};

#ifndef ASSAY_BFT_MUTATION
#define ASSAY_BFT_MUTATION 0
#endif

constexpr bool mutated(Mutation mutation) {
  return static_cast<int>(mutation) == ASSAY_BFT_MUTATION;
}

}  // namespace assay::bft
