// Checks of votes and certificates, usable alone: a light client needs only a header, a certificate
// and the set of validators it trusts. Tested in certificate_test.cc.
#pragma once

#include "base/result.h"
#include "bft/keys.h"
#include "bft/types.h"
#include "bft/validator_set.h"

namespace assay::bft {

// What votes of one epoch are checked against.
struct VoteContext {
  const Digest& chain;
  Epoch epoch;
  const ValidatorSet& set;
  const Keys& keys;
};

// Errors: INVALID_ARGUMENT for an unknown voter, a wrong signature, or a draw where none belongs.
Status verify_vote(const VoteContext& context, const Vote& vote);

// What a validator draws the addressees of a sampled vote from.
Bytes draw_input(const Digest& chain, Epoch epoch, const Statement& statement);
// Whether the vote's own draw is valid and addresses this validator.
bool draw_addresses(const VoteContext& context, const Vote& vote, ValidatorIndex addressee);
// Whether votes of the phase are sampled in this set.
bool is_sampled(const ValidatorSet& set, Phase phase);

// Votes of a quorum for one statement, each of them valid; sampled ones by voters who all addressed
// the holder. Errors: INVALID_ARGUMENT that names what is wrong.
Status verify_certificate(const VoteContext& context, const Certificate& certificate);

// A decision, checked with nothing but the set of validators: that the header is of this chain and
// names this set, and that a quorum of it committed the header. The set of the next block is then
// the one whose digest is header.next_validators.
Status verify_proof(const Keys& keys, const Digest& chain, const Header& header,
                    const Certificate& certificate, const ValidatorSet& set);

}  // namespace assay::bft
