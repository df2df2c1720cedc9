// The transcript file (docs/formats/transcript.md): everything observed in a run, so that its roots
// can be recomputed by anyone from the observations alone. Append-only: a header, one group of
// records a challenge, a footer; each record carries a link of a hash chain, so that damage is
// found where it is. Tested in transcript_file_test.cc; fuzzed in transcript_file_fuzz.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "verify/transcript.h"

namespace assay {

// What one model did at one site with one challenge.
struct TranscriptObservation {
  Digest activation{};  // activation_digest()
  Sketch sketch{};
};

struct TranscriptChallenge {
  Digest seed{};        // all zero in a census
  Digest commitment{};  // challenge_leaf(seed, tokens)
  Fixed tv = 0;
  std::vector<uint32_t> tokens{};          // the ids the reference was given
  uint32_t scored = 0;                     // ChallengeEvidence::tokens
  std::vector<TranscriptObservation> a{};  // in the order of sites_a
  std::vector<TranscriptObservation> b{};  // in the order of sites_b
};

struct TranscriptRecords {
  std::string run_id;
  RunIdentity a;
  RunIdentity b;
  // Every site in execution order; a model with fewer layers lacks some. The sites of one side are
  // those with its flag, in this order.
  struct Site {
    std::string name;
    bool in_a = true;
    bool in_b = true;
  };
  std::vector<Site> sites;
  std::vector<TranscriptChallenge> challenges;
  std::vector<Digest> unused_commitments;
};

inline constexpr uint64_t kTranscriptBytesMax = uint64_t{2} << 30;
inline constexpr size_t kTranscriptSitesMax = 4096;
inline constexpr size_t kTranscriptSiteNameMax = 64;
inline constexpr size_t kTranscriptTokensMax = 65536;

// The roots that follow from the records: what a certificate of the same run carries.
struct TranscriptRoots {
  RunEvidence evidence;
  Digest root_a{};
  Digest root_b{};
};
// Pre: each challenge has one observation for each site of each side (CHECK).
TranscriptRoots transcript_roots(const TranscriptRecords& records);

// Replaces path with the transcript of the records.
// Errors: INVALID_ARGUMENT when the records exceed a limit above or are of unequal shape, and those
// of write_file_atomically. Cost: holds the encoded file, about 90 bytes an observation.
Status write_transcript(const std::string& path, const TranscriptRecords& records);
Result<Bytes> encode_transcript(const TranscriptRecords& records);

struct Transcript {
  TranscriptRecords records;
  TranscriptRoots roots;  // recomputed, equal to those that the footer states
};
// Errors: DATA_LOSS that names the record, its offset and what is wrong there: the chain, the
// order, a length, a missing footer, a root that does not follow from the observations; as
// read_whole_file. Bounded: never allocates more than a small multiple of the file's size.
Result<Transcript> read_transcript(const std::string& path);
Result<Transcript> parse_transcript(ByteSpan bytes, std::string_view source);

}  // namespace assay
