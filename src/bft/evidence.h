// Proof that a validator broke the protocol: two of its signed statements that no correct one
// makes. Self-contained, so that it convinces somebody who saw nothing else. Tested in
// evidence_test.cc.
//
// Pairs of one voter, height and epoch:
//   equivocation  two statements of one phase and view (of a checkpoint: height) that differ
//   amnesia       a commit in view v, and a NewLeader of a later view that names nothing prepared
//   in
//                 v or later, or another value in v
// A fork within a view needs a quorum twice, and so F + 1 equivocators. A fork over views needs a
// quorum of NewLeaders that does not name what a quorum committed: F + 1 amnesiacs. A correct
// validator signs a phase once, and keeps what it prepared: it is in no such pair.
#pragma once

#include "base/result.h"
#include "bft/certificate.h"
#include "bft/types.h"

namespace assay::bft {

// Whether no correct validator signs both.
bool conflicts(const Statement& a, const Statement& b);

// The pair in its one order. Pre: conflicts(first, second), one voter (CHECK).
Evidence make_evidence(Epoch epoch, const Vote& first, const Vote& second);

// Errors: INVALID_ARGUMENT when the votes do not conflict, are not one voter's, are not signed or
// not in order.
Status verify_evidence(const VoteContext& context, const Evidence& evidence);

}  // namespace assay::bft
