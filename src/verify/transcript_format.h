// What the writer and the reader of transcript files share: framing, limits, the hash chain.
// Private to transcript_file.cc and transcript_reader.cc.
#pragma once

#include <string_view>

#include "verify/transcript_file.h"

namespace assay::transcript_format {

inline constexpr std::string_view kMagic = "assay.transcript.v1\n";
inline constexpr std::string_view kSchema = "assay.transcript.v1";
inline constexpr size_t kLinkBytes = 16;
inline constexpr size_t kRecordHeadBytes = 5;  // u32 length of the payload, u8 kind
inline constexpr size_t kPayloadMax = size_t{2} << 20;
inline constexpr size_t kUnusedPerRecord = 4096;
inline constexpr size_t kTextMax = 256;  // run id, profile

enum class RecordKind : uint8_t {
  kHeader = 1,
  kChallenge = 2,
  kObservation = 3,
  kUnused = 4,
  kFooter = 5,
};

// The chain: SHA-256(link before || kind || u32le length || payload), from SHA-256(magic).
Digest next_link(const Digest& link, RecordKind kind, ByteSpan payload);

// Number of sites that one side has.
size_t sites_of(const TranscriptRecords& records, Side side);

// Limits that a writer must keep and a reader must find kept. Errors: INVALID_ARGUMENT.
Status check_shape(const TranscriptRecords& records);
Status check_challenge(const TranscriptChallenge& challenge, size_t index);

}  // namespace assay::transcript_format
