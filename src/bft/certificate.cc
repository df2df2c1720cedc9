#include "bft/certificate.h"

#include <algorithm>

#include "bft/codec.h"
#include "bft/mutation.h"

namespace assay::bft {
namespace {

Status wrong(const std::string& what) { return invalid_argument("a vote is not valid: " + what); }

}  // namespace

bool is_sampled(const ValidatorSet& set, Phase phase) {
  return set.sampling().has_value() && (phase == Phase::kPrepare || phase == Phase::kCommit);
}

Status verify_vote(const VoteContext& context, const Vote& vote) {
  if (!context.set.contains(vote.voter)) {
    return wrong("no validator has the number " + std::to_string(vote.voter));
  }
  if (vote.draw.has_value() != is_sampled(context.set, vote.statement.phase)) {
    return wrong("it has a draw where none belongs, or lacks one");
  }
  if (mutated(Mutation::kUnsignedVote)) return ok_status();
  const Bytes message = signing_bytes(context.chain, context.epoch, vote.statement);
  if (!context.keys.verify(context.set.at(vote.voter).key, message, vote.signature)) {
    return wrong("the signature is not validator " + std::to_string(vote.voter) + "'s");
  }
  return ok_status();
}

Bytes draw_input(const Digest& chain, Epoch epoch, const Statement& statement) {
  // Not the digest: a validator that votes twice in a phase must not draw twice.
  Bytes out;
  append_bytes(out, as_bytes("assay.bft.draw.v1"));
  append_bytes(out, chain);
  append_le(out, epoch);
  append_le(out, statement.height);
  append_le(out, statement.view);
  append_le(out, static_cast<uint8_t>(statement.phase));
  return out;
}

bool draw_addresses(const VoteContext& context, const Vote& vote, ValidatorIndex addressee) {
  if (mutated(Mutation::kSampleUnchecked)) return true;
  if (!vote.draw || !context.set.contains(vote.voter)) return false;
  const auto output =
      context.keys.vrf_verify(context.set.at(vote.voter).vrf_key,
                              draw_input(context.chain, context.epoch, vote.statement), *vote.draw);
  if (!output) return false;
  const std::vector<ValidatorIndex> sample = context.set.sample(*output);
  return std::binary_search(sample.begin(), sample.end(), addressee);
}

Status verify_certificate(const VoteContext& context, const Certificate& certificate) {
  const ValidatorSet& set = context.set;
  const bool sampled = is_sampled(set, certificate.statement.phase);
  if (certificate.holder.has_value() != sampled ||
      (sampled && !set.contains(*certificate.holder))) {
    return invalid_argument("a certificate's holder is missing, unknown or out of place");
  }
  uint64_t weight = 0;
  for (size_t i = 0; i < certificate.votes.size(); ++i) {
    const CertificateVote& entry = certificate.votes[i];
    if (i > 0 && entry.voter <= certificate.votes[i - 1].voter) {
      return invalid_argument("a certificate's votes are not in order, each voter once");
    }
    const Vote vote = {certificate.statement, entry.voter, entry.signature, entry.draw};
    ASSAY_RETURN_IF_ERROR(verify_vote(context, vote).with_context("certificate"));
    if (sampled && !draw_addresses(context, vote, *certificate.holder)) {
      return invalid_argument("validator " + std::to_string(entry.voter) +
                              " did not address its vote to the certificate's holder");
    }
    weight += set.at(entry.voter).weight;
  }
  const uint64_t quorum = sampled ? set.sampling()->quorum : set.quorum();
  if (weight < quorum) {
    return invalid_argument("a certificate has votes of weight " + std::to_string(weight) +
                            ", below the quorum of " + std::to_string(quorum));
  }
  return ok_status();
}

Status verify_proof(const Keys& keys, const Digest& chain, const Header& header,
                    const Certificate& certificate, const ValidatorSet& set) {
  if (header.chain != chain) return invalid_argument("the header is of another chain");
  if (header.validators != set.digest()) {
    return invalid_argument("the header names another set of validators: " +
                            to_hex(header.validators) + ", not " + to_hex(set.digest()));
  }
  const Statement& statement = certificate.statement;
  if (statement.phase != Phase::kCommit || statement.height != header.height ||
      statement.digest != header_digest(header)) {
    return invalid_argument("the certificate does not commit this header");
  }
  return verify_certificate({chain, header.epoch, set, keys}, certificate);
}

}  // namespace assay::bft
