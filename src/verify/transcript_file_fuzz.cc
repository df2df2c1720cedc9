// Transcripts from arbitrary bytes. So that the fuzzer gets past the hash chain, the commitments
// and links of a second copy of the input are made right before it is read; what is accepted must
// encode to the same bytes.
#include <algorithm>

#include "verify/challenge.h"
#include "verify/transcript_file.h"
#include "verify/transcript_format.h"

namespace {

using assay::Bytes;
using assay::ByteSpan;
using assay::Digest;

// Makes the commitment of a challenge record follow from its seed and tokens.
void commit(std::span<uint8_t> payload) {
  constexpr size_t kTokensAt = 32 + 32 + 8 + 4 + 4;
  if (payload.size() < kTokensAt) return;
  Digest seed;
  std::copy_n(payload.begin(), seed.size(), seed.begin());
  std::vector<assay::TokenId> ids;
  for (size_t at = kTokensAt; at + 4 <= payload.size(); at += 4) {
    ids.push_back(assay::load_le<assay::TokenId>(payload.data() + at));
  }
  const Digest commitment = assay::challenge_leaf(seed, ids);
  std::copy(commitment.begin(), commitment.end(), payload.begin() + 32);
}

void relink(Bytes& bytes) {
  using namespace assay::transcript_format;
  if (bytes.size() < kMagic.size()) return;
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  Digest link = assay::sha256(kMagic);
  size_t at = kMagic.size();
  while (bytes.size() - at >= kRecordHeadBytes + kLinkBytes) {
    const size_t length = assay::load_le<uint32_t>(bytes.data() + at);
    if (length > bytes.size() - at - kRecordHeadBytes - kLinkBytes) return;
    if (RecordKind{bytes[at + 4]} == RecordKind::kChallenge) {
      commit(std::span(bytes).subspan(at + kRecordHeadBytes, length));
    }
    link = next_link(link, RecordKind{bytes[at + 4]},
                     ByteSpan(bytes).subspan(at + kRecordHeadBytes, length));
    at += kRecordHeadBytes + length;
    std::copy_n(link.begin(), kLinkBytes, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    at += kLinkBytes;
  }
}

void read(const Bytes& bytes) {
  const assay::Result<assay::Transcript> transcript = assay::parse_transcript(bytes, "fuzz");
  if (!transcript.ok()) return;
  const assay::Result<Bytes> again = assay::encode_transcript(transcript->records);
  ASSAY_CHECK(again.ok());
  ASSAY_CHECK(*again == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, data + size);
  read(bytes);
  relink(bytes);
  read(bytes);
  return 0;
}
