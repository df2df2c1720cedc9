#include "verify/transcript_file.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/file.h"
#include "base/json_fields.h"
#include "model/utf8.h"
#include "verify/challenge.h"
#include "verify/session.h"
#include "verify/transcript_format.h"

namespace assay {

namespace transcript_format {
namespace {

Status check_text(std::string_view name, std::string_view text, size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max || !is_utf8(text)) {
    return invalid_argument("transcript: the " + std::string(name) + " must be UTF-8 of 1 to " +
                            std::to_string(bytes_max) + " bytes");
  }
  return ok_status();
}

}  // namespace

Digest next_link(const Digest& link, RecordKind kind, ByteSpan payload) {
  Bytes head(link.begin(), link.end());
  head.push_back(static_cast<uint8_t>(kind));
  append_le(head, static_cast<uint32_t>(payload.size()));
  return Sha256().update(head).update(payload).finish();
}

size_t sites_of(const TranscriptRecords& records, Side side) {
  return static_cast<size_t>(std::count_if(
      records.sites.begin(), records.sites.end(),
      [side](const TranscriptRecords::Site& s) { return side == Side::kA ? s.in_a : s.in_b; }));
}

Status check_shape(const TranscriptRecords& records) {
  ASSAY_RETURN_IF_ERROR(check_text("profile", records.a.profile, kTextMax));
  ASSAY_RETURN_IF_ERROR(check_text("run id", records.run_id, kTextMax));
  if (records.a.profile != records.b.profile) {
    return invalid_argument("transcript: both sides must have run under one profile, not " +
                            records.a.profile + " and " + records.b.profile);
  }
  if (records.sites.size() > kTranscriptSitesMax) {
    return invalid_argument("transcript: " + std::to_string(records.sites.size()) +
                            " sites; at most " + std::to_string(kTranscriptSitesMax));
  }
  std::set<std::string_view> names;
  for (const TranscriptRecords::Site& site : records.sites) {
    ASSAY_RETURN_IF_ERROR(check_text("site name", site.name, kTranscriptSiteNameMax));
    if (!names.insert(site.name).second) {
      return invalid_argument("transcript: the site " + site.name + " appears twice");
    }
    if (!site.in_a && !site.in_b) {
      return invalid_argument("transcript: the site " + site.name + " is in neither model");
    }
  }
  if (records.challenges.size() + records.unused_commitments.size() > kChallengesMax) {
    return invalid_argument("transcript: more than " + std::to_string(kChallengesMax) +
                            " challenges");
  }
  return ok_status();
}

Status check_challenge(const TranscriptChallenge& challenge, size_t index) {
  const std::string where = "transcript: challenge " + std::to_string(index);
  if (challenge.tokens.size() > kTranscriptTokensMax) {
    return invalid_argument(where + ": more than " + std::to_string(kTranscriptTokensMax) +
                            " tokens");
  }
  if (challenge.scored > challenge.tokens.size()) {
    return invalid_argument(where + ": " + std::to_string(challenge.scored) +
                            " scored positions of " + std::to_string(challenge.tokens.size()) +
                            " tokens");
  }
  const std::vector<TokenId> ids(challenge.tokens.begin(), challenge.tokens.end());
  if (challenge.commitment != challenge_leaf(challenge.seed, ids)) {
    return invalid_argument(where + ": the commitment does not follow from seed and tokens");
  }
  if (challenge.tv > kFixedOne) return invalid_argument(where + ": a total variation above 1");
  return ok_status();
}

}  // namespace transcript_format

namespace {

using namespace transcript_format;

Json site_json(const TranscriptRecords::Site& site) {
  return {{"in_a", site.in_a}, {"in_b", site.in_b}, {"name", site.name}};
}

Json identity_json(const RunIdentity& run) {
  return {{"canonical_digest", to_hex(run.model)}, {"tokenizer_digest", to_hex(run.tokenizer)}};
}

Json header_json(const TranscriptRecords& records, const Digest& challenge_set_root) {
  Json sites = Json::array();
  for (const TranscriptRecords::Site& site : records.sites) sites.push_back(site_json(site));
  return {{"schema", kSchema},
          {"profile", records.a.profile},
          {"run_id", records.run_id},
          {"challenge_set_root", to_hex(challenge_set_root)},
          {"model_a", identity_json(records.a)},
          {"model_b", identity_json(records.b)},
          {"sites", std::move(sites)}};
}

Json footer_json(const TranscriptRecords& records, const TranscriptRoots& roots) {
  return {{"challenges", records.challenges.size()},
          {"root_a", to_hex(roots.root_a)},
          {"root_b", to_hex(roots.root_b)}};
}

class Writer {
 public:
  Writer() : link_(sha256(kMagic)) { append_bytes(out_, as_bytes(kMagic)); }

  void record(RecordKind kind, ByteSpan payload) {
    ASSAY_CHECK(payload.size() <= kPayloadMax);
    link_ = next_link(link_, kind, payload);
    append_le(out_, static_cast<uint32_t>(payload.size()));
    out_.push_back(static_cast<uint8_t>(kind));
    append_bytes(out_, payload);
    append_bytes(out_, ByteSpan(link_).first(kLinkBytes));
  }
  void challenge(const TranscriptChallenge& challenge) {
    Bytes payload;
    append_bytes(payload, challenge.seed);
    append_bytes(payload, challenge.commitment);
    append_le(payload, challenge.tv);
    append_le(payload, challenge.scored);
    append_le(payload, static_cast<uint32_t>(challenge.tokens.size()));
    for (const uint32_t token : challenge.tokens) append_le(payload, token);
    record(RecordKind::kChallenge, payload);
  }
  void observation(uint32_t challenge, Side side, uint32_t site,
                   const TranscriptObservation& seen) {
    Bytes payload;
    append_le(payload, challenge);
    append_le(payload, static_cast<uint8_t>(side));
    append_le(payload, site);
    append_bytes(payload, seen.activation);
    append_bytes(payload, seen.sketch);
    record(RecordKind::kObservation, payload);
  }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
  Digest link_;
};

Digest challenge_root(const RunIdentity& run, const TranscriptRecords& records, Side side,
                      const TranscriptChallenge& challenge) {
  const std::vector<TranscriptObservation>& seen = side == Side::kA ? challenge.a : challenge.b;
  ASSAY_CHECK(seen.size() == sites_of(records, side));
  std::vector<Digest> leaves;
  leaves.reserve(seen.size());
  size_t next = 0;
  for (const TranscriptRecords::Site& site : records.sites) {
    if (!(side == Side::kA ? site.in_a : site.in_b)) continue;
    const TranscriptObservation& at = seen[next++];
    leaves.push_back(
        transcript_leaf(run, challenge.commitment, site.name, at.activation, at.sketch));
  }
  return digest_list_root(leaves);
}

Digest column(const TranscriptRecords& records, Side side, size_t index) {
  std::vector<Digest> digests;
  digests.reserve(records.challenges.size());
  for (const TranscriptChallenge& challenge : records.challenges) {
    digests.push_back((side == Side::kA ? challenge.a : challenge.b)[index].activation);
  }
  return digest_list_root(digests);
}

}  // namespace

TranscriptRoots transcript_roots(const TranscriptRecords& records) {
  TranscriptRoots out;
  RunEvidence& evidence = out.evidence;
  evidence.unused_commitments = records.unused_commitments;
  evidence.challenges_committed = records.challenges.size() + records.unused_commitments.size();
  for (const TranscriptChallenge& challenge : records.challenges) {
    evidence.challenges.push_back(
        {.seed = challenge.seed,
         .commitment = challenge.commitment,
         .tv = challenge.tv,
         .tokens = challenge.scored,
         .root_a = challenge_root(records.a, records, Side::kA, challenge),
         .root_b = challenge_root(records.b, records, Side::kB, challenge)});
  }
  size_t at_a = 0, at_b = 0;
  for (const TranscriptRecords::Site& site : records.sites) {
    SiteEvidence entry{.site = site.name, .in_a = site.in_a, .in_b = site.in_b};
    if (site.in_a) entry.column_a = column(records, Side::kA, at_a++);
    if (site.in_b) entry.column_b = column(records, Side::kB, at_b++);
    evidence.sites.push_back(std::move(entry));
  }
  evidence.challenge_set_root = challenge_set_root(evidence);
  out.root_a = run_root(records.a, evidence, Side::kA);
  out.root_b = run_root(records.b, evidence, Side::kB);
  return out;
}

Result<Bytes> encode_transcript(const TranscriptRecords& records) {
  ASSAY_RETURN_IF_ERROR(check_shape(records));
  const size_t sites_a = sites_of(records, Side::kA), sites_b = sites_of(records, Side::kB);
  for (size_t i = 0; i < records.challenges.size(); ++i) {
    const TranscriptChallenge& challenge = records.challenges[i];
    ASSAY_RETURN_IF_ERROR(check_challenge(challenge, i));
    if (challenge.a.size() != sites_a || challenge.b.size() != sites_b) {
      return invalid_argument("transcript: challenge " + std::to_string(i) +
                              " has not one observation for each site");
    }
  }
  const TranscriptRoots roots = transcript_roots(records);
  Writer writer;
  writer.record(RecordKind::kHeader,
                as_bytes(canonical_json(header_json(records, roots.evidence.challenge_set_root))));
  for (size_t i = 0; i < records.challenges.size(); ++i) {
    const TranscriptChallenge& challenge = records.challenges[i];
    const auto index = static_cast<uint32_t>(i);
    writer.challenge(challenge);
    for (uint32_t s = 0; s < sites_a; ++s) writer.observation(index, Side::kA, s, challenge.a[s]);
    for (uint32_t s = 0; s < sites_b; ++s) writer.observation(index, Side::kB, s, challenge.b[s]);
  }
  const std::vector<Digest>& unused = records.unused_commitments;
  for (size_t begin = 0; begin < unused.size(); begin += kUnusedPerRecord) {
    Bytes payload;
    for (size_t i = begin; i < std::min(unused.size(), begin + kUnusedPerRecord); ++i) {
      append_bytes(payload, unused[i]);
    }
    writer.record(RecordKind::kUnused, payload);
  }
  writer.record(RecordKind::kFooter, as_bytes(canonical_json(footer_json(records, roots))));
  return writer.take();
}

Status write_transcript(const std::string& path, const TranscriptRecords& records) {
  ASSAY_ASSIGN_OR_RETURN(const Bytes bytes, encode_transcript(records));
  return write_file_atomically(path, bytes);
}

}  // namespace assay
