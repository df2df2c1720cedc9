#include "verify/transcript.h"

namespace assay {

Digest activation_digest(std::string_view profile, std::string_view site, const Digest& commitment,
                         std::span<const float> values) {
  Bytes head;
  append_bytes(head, as_bytes("assay.activation.v1"));
  append_sized(head, profile);
  append_sized(head, site);
  append_bytes(head, commitment);
  return Sha256().update(head).update(as_bytes(values)).finish();
}

Digest transcript_leaf(const RunIdentity& run, const Digest& commitment, std::string_view site,
                       const Digest& activation, const Sketch& sketch) {
  Bytes content;
  append_bytes(content, as_bytes("assay.leaf.v1"));
  append_sized(content, run.profile);
  append_bytes(content, run.model);
  append_bytes(content, run.tokenizer);
  append_bytes(content, commitment);
  append_sized(content, site);
  append_bytes(content, activation);
  append_bytes(content, sketch);
  return sha256(content);
}

Digest digest_list_root(std::span<const Digest> digests) {
  std::vector<Digest> leaves;
  leaves.reserve(digests.size());
  for (const Digest& digest : digests) leaves.push_back(merkle_leaf(digest));
  return merkle_root(leaves);
}

Digest challenge_set_root(const RunEvidence& evidence) {
  std::vector<Digest> commitments;
  commitments.reserve(evidence.challenges.size() + evidence.unused_commitments.size());
  for (const ChallengeEvidence& challenge : evidence.challenges) {
    commitments.push_back(challenge.commitment);
  }
  commitments.insert(commitments.end(), evidence.unused_commitments.begin(),
                     evidence.unused_commitments.end());
  return digest_list_root(commitments);
}

Digest run_root(const RunIdentity& run, const RunEvidence& evidence, Side side) {
  std::vector<Digest> challenge_roots;
  challenge_roots.reserve(evidence.challenges.size());
  for (const ChallengeEvidence& challenge : evidence.challenges) {
    challenge_roots.push_back(side == Side::kA ? challenge.root_a : challenge.root_b);
  }
  std::vector<Digest> columns;
  for (const SiteEvidence& site : evidence.sites) {
    if (!(side == Side::kA ? site.in_a : site.in_b)) continue;
    Bytes content;
    append_sized(content, site.site);
    append_bytes(content, side == Side::kA ? site.column_a : site.column_b);
    columns.push_back(merkle_leaf(content));
  }
  Bytes content;
  append_bytes(content, as_bytes("assay.run.v1"));
  append_sized(content, run.profile);
  append_bytes(content, run.model);
  append_bytes(content, run.tokenizer);
  append_bytes(content, evidence.challenge_set_root);
  append_bytes(content, digest_list_root(challenge_roots));
  append_bytes(content, merkle_root(columns));
  return sha256(content);
}

}  // namespace assay
