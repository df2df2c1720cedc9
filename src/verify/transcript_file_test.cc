#include "verify/transcript_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "base/file.h"
#include "base/prng.h"
#include "crypto/merkle.h"
#include "verify/challenge.h"
#include "verify/transcript_format.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

Digest random_digest(Prng& prng) {
  Digest out;
  for (size_t i = 0; i < out.size(); i += 8) store_le(out.data() + i, prng.next());
  return out;
}

void commit(TranscriptChallenge& challenge) {
  const std::vector<TokenId> ids(challenge.tokens.begin(), challenge.tokens.end());
  challenge.commitment = challenge_leaf(challenge.seed, ids);
}

// Four sites, one of them only in a, one only in b.
TranscriptRecords records_of(size_t challenges, size_t unused) {
  Prng prng(7);
  TranscriptRecords records;
  records.run_id = "nightly \"1\" \xc3\xa9";
  records.a = {
      .profile = "f32-fma16-v1", .model = random_digest(prng), .tokenizer = random_digest(prng)};
  records.b = {
      .profile = "f32-fma16-v1", .model = random_digest(prng), .tokenizer = records.a.tokenizer};
  records.sites = {{.name = "L0.post_attn"},
                   {.name = "L0.post_mlp", .in_b = false},
                   {.name = "L1.post_attn", .in_a = false},
                   {.name = "logits"}};
  for (size_t i = 0; i < challenges; ++i) {
    TranscriptChallenge challenge{
        .seed = random_digest(prng), .tv = prng.below(kFixedOne + 1), .scored = 5};
    for (int t = 0; t < 6; ++t) challenge.tokens.push_back(static_cast<uint32_t>(prng.below(1000)));
    commit(challenge);
    for (int s = 0; s < 3; ++s) {
      challenge.a.push_back({.activation = random_digest(prng), .sketch = random_digest(prng)});
      challenge.b.push_back({.activation = random_digest(prng), .sketch = random_digest(prng)});
    }
    records.challenges.push_back(std::move(challenge));
  }
  for (size_t i = 0; i < unused; ++i) records.unused_commitments.push_back(random_digest(prng));
  return records;
}

Bytes encoded(const TranscriptRecords& records) {
  Result<Bytes> bytes = encode_transcript(records);
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  return std::move(bytes).value();
}

TEST(TranscriptFile, RoundTrip) {
  for (const size_t unused : {0u, 3u, 4096u, 5000u}) {
    const TranscriptRecords records = records_of(4, unused);
    const Bytes bytes = encoded(records);
    const Result<Transcript> read = parse_transcript(bytes, "t");
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(encoded(read->records), bytes);
    EXPECT_EQ(read->records.run_id, records.run_id);
    EXPECT_EQ(read->records.challenges[2].tokens, records.challenges[2].tokens);
    EXPECT_EQ(read->records.challenges[3].b[1].sketch, records.challenges[3].b[1].sketch);
    EXPECT_EQ(read->roots.evidence.challenges_committed, 4 + unused);
  }
}

TEST(TranscriptFile, ARunWithoutChallengesIsATranscript) {
  const Result<Transcript> read = parse_transcript(encoded(records_of(0, 2)), "t");
  ASSERT_TRUE(read.ok()) << read.status().message();
}

// The roots written out once more, without the code under test.
TEST(TranscriptFile, RootsFollowFromTheObservations) {
  const TranscriptRecords records = records_of(3, 1);
  const TranscriptRoots roots = transcript_roots(records);
  const TranscriptChallenge& challenge = records.challenges[1];
  const std::vector<std::string> sites_b = {"L0.post_attn", "L1.post_attn", "logits"};
  std::vector<Digest> leaves;
  for (size_t s = 0; s < 3; ++s) {
    leaves.push_back(
        merkle_leaf(transcript_leaf(records.b, challenge.commitment, sites_b[s],
                                    challenge.b[s].activation, challenge.b[s].sketch)));
  }
  EXPECT_EQ(roots.evidence.challenges[1].root_b, merkle_root(leaves));
  std::vector<Digest> column;
  for (const TranscriptChallenge& c : records.challenges) {
    column.push_back(merkle_leaf(c.a[1].activation));
  }
  ASSERT_EQ(roots.evidence.sites.size(), 4u);
  EXPECT_EQ(roots.evidence.sites[1].column_a, merkle_root(column));
  EXPECT_EQ(roots.evidence.sites[1].column_b, Digest{});
  EXPECT_EQ(roots.root_a, run_root(records.a, roots.evidence, Side::kA));
}

TEST(TranscriptFile, WritesAndReadsAFile) {
  const std::string path = ::testing::TempDir() + "/assay_transcript_test";
  const TranscriptRecords records = records_of(5, 2);
  ASSERT_TRUE(write_transcript(path, records).ok());
  const Result<Transcript> read = read_transcript(path);
  std::remove(path.c_str());
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->roots.root_b, transcript_roots(records).root_b);
  EXPECT_EQ(read_transcript(path).status().code(), Code::kNotFound);
}

TEST(TranscriptFile, EveryChangedByteIsFound) {
  const Bytes bytes = encoded(records_of(2, 1));
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const unsigned flip : {1u, 0x80u}) {
      Bytes changed = bytes;
      changed[i] = static_cast<uint8_t>(changed[i] ^ flip);
      EXPECT_EQ(parse_transcript(changed, "t").status().code(), Code::kDataLoss) << i;
    }
  }
}

TEST(TranscriptFile, EveryTruncationIsFound) {
  const Bytes bytes = encoded(records_of(2, 1));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(parse_transcript(ByteSpan(bytes).first(size), "t").status().code(), Code::kDataLoss);
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_THAT(parse_transcript(longer, "t").status().message(), HasSubstr("after the footer"));
}

// A file whose chain was recomputed by whoever changed it: only the meaning can give it away.
class Forger {
 public:
  explicit Forger(ByteSpan bytes) {
    size_t at = transcript_format::kMagic.size();
    while (at < bytes.size()) {
      const size_t length = load_le<uint32_t>(bytes.data() + at);
      const ByteSpan payload = bytes.subspan(at + 5, length);
      records.emplace_back(bytes[at + 4], Bytes(payload.begin(), payload.end()));
      at += 5 + length + 16;
    }
  }
  Bytes bytes() const {
    Bytes out(transcript_format::kMagic.begin(), transcript_format::kMagic.end());
    Digest link = sha256(transcript_format::kMagic);
    for (const auto& [kind, payload] : records) {
      link = transcript_format::next_link(link, transcript_format::RecordKind{kind}, payload);
      append_le(out, static_cast<uint32_t>(payload.size()));
      out.push_back(kind);
      append_bytes(out, payload);
      append_bytes(out, ByteSpan(link).first(16));
    }
    return out;
  }
  void replace_text(size_t record, std::string_view from, std::string_view to) {
    std::string text(records[record].second.begin(), records[record].second.end());
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    records[record].second = Bytes(text.begin(), text.end());
  }
  std::string error() const { return parse_transcript(bytes(), "t").status().message(); }

  std::vector<std::pair<uint8_t, Bytes>> records;
};

TEST(TranscriptFile, ForgedFilesAreRejectedForTheRightReason) {
  // Records: 0 header; 1 challenge, 2-4 of a, 5-7 of b; 8 challenge, 9-14; 15 unused; 16 footer.
  const Forger genuine(encoded(records_of(2, 1)));
  ASSERT_EQ(genuine.records.size(), 17u);
  ASSERT_EQ(genuine.error(), "");
  Forger forged = genuine;
  forged.records[2].second[20] ^= 1;  // an activation digest of a
  EXPECT_THAT(forged.error(), HasSubstr("root_a does not follow"));
  forged = genuine;
  forged.records[6].second.back() ^= 1;  // a sketch of b
  EXPECT_THAT(forged.error(), HasSubstr("root_b does not follow"));
  forged = genuine;
  for (const size_t byte : {5u, 40u, 84u}) {  // a seed, a commitment, a token
    forged = genuine;
    forged.records[8].second[byte] ^= 1;
    EXPECT_THAT(forged.error(), HasSubstr("the commitment does not follow")) << byte;
  }
  forged = genuine;
  forged.records[15].second[0] ^= 1;  // an unused commitment
  EXPECT_THAT(forged.error(), HasSubstr("challenge set root of the header"));
  forged = genuine;
  forged.records[8].second[70] = 0xff;  // a total variation above one
  EXPECT_THAT(forged.error(), HasSubstr("a total variation above 1"));
  forged = genuine;
  forged.records[8].second.push_back(0);
  EXPECT_THAT(forged.error(), HasSubstr("does not fit its number of tokens"));
  forged = genuine;
  forged.records[8].second[72] = 7;  // scored positions
  EXPECT_THAT(forged.error(), HasSubstr("7 scored positions of 6 tokens"));
  forged = genuine;
  std::swap(forged.records[2], forged.records[3]);
  EXPECT_THAT(forged.error(), HasSubstr("out of order"));
  forged = genuine;
  forged.records.erase(forged.records.begin() + 4);
  EXPECT_THAT(forged.error(), HasSubstr("out of order"));
  forged = genuine;
  forged.records.erase(forged.records.begin() + 7);
  EXPECT_THAT(forged.error(), HasSubstr("expected the observation of challenge 0, side b, site 2"));
  forged = genuine;
  forged.records.erase(forged.records.begin() + 8, forged.records.begin() + 15);
  EXPECT_THAT(forged.error(), HasSubstr("states 2 challenges; the file holds 1"));
  forged = genuine;
  forged.records.pop_back();
  EXPECT_THAT(forged.error(), HasSubstr("ends without a footer"));
  forged = genuine;
  forged.records.erase(forged.records.begin());
  EXPECT_THAT(forged.error(), HasSubstr("expected the header"));
  forged = genuine;
  forged.records[15].second.pop_back();
  EXPECT_THAT(forged.error(), HasSubstr("a list of commitments"));
}

TEST(TranscriptFile, ForgedHeadersAreRejectedForTheRightReason) {
  const Forger genuine(encoded(records_of(1, 0)));
  struct Case {
    std::string_view from, to, why;
  };
  for (const Case& c : std::vector<Case>{
           {"assay.transcript.v1", "assay.transcript.v2", "schema"},
           {"\"in_b\":false", "\"in_b\":3", "expected true or false"},
           {"\"in_b\":false", "\"in_b\":1.5", "not an integer"},
           {"\"in_b\":false", "\"in_b\": false", "not canonical"},
           {"\"in_b\":false", "\"in_b\":true", "out of order|expected the observation"},
           {"L0.post_mlp", "L0.post_attn", "appears twice"},
           {"L0.post_mlp", "", "site name"},
           {"L0.post_mlp", "L0.post_mlq", "root_a does not follow"},
           {"f32-fma16-v1", "f32-fma16-v2", "root_a does not follow"},
           {"\"profile\":\"f32-fma16-v1\",", "", "profile: the field is missing"},
           {"\"profile\"", "\"other\":1,\"profile\"", "other: unknown field"},
           {"\"profile\"", "\"model_b\":1,\"profile\"", "appears twice"},
           {"nightly", "nightly\\u0041", "not canonical"},
           {"nightly", std::string_view("\xff"), "not valid JSON"},
       }) {
    Forger forged = genuine;
    forged.replace_text(0, c.from, c.to);
    std::string why(c.why);
    const size_t bar = why.find('|');
    if (bar == std::string::npos) {
      EXPECT_THAT(forged.error(), HasSubstr(why)) << c.from << " -> " << c.to;
    } else {
      EXPECT_THAT(forged.error(),
                  ::testing::AnyOf(HasSubstr(why.substr(0, bar)), HasSubstr(why.substr(bar + 1))));
    }
  }
}

TEST(TranscriptFile, WriterRefusesWhatAReaderWouldRefuse) {
  const auto code = [](const TranscriptRecords& records) {
    return encode_transcript(records).status().code();
  };
  TranscriptRecords records = records_of(2, 1);
  records.challenges[1].b.pop_back();
  EXPECT_EQ(code(records), Code::kInvalidArgument);
  records = records_of(2, 1);
  records.b.profile = "other";
  EXPECT_EQ(code(records), Code::kInvalidArgument);
  records = records_of(2, 1);
  records.run_id = "\xff";
  EXPECT_EQ(code(records), Code::kInvalidArgument);
  records = records_of(2, 1);
  records.sites[0].name = "logits";
  EXPECT_EQ(code(records), Code::kInvalidArgument);
  records = records_of(2, 1);
  records.challenges[0].tv = kFixedOne + 1;
  EXPECT_EQ(code(records), Code::kInvalidArgument);
  records = records_of(2, 10000);
  EXPECT_EQ(code(records), Code::kInvalidArgument);
}

// A length that promises more than the file holds costs no memory.
TEST(TranscriptFile, LyingLengthsAreRefusedBeforeAllocation) {
  Bytes bytes = encoded(records_of(1, 0));
  store_le(bytes.data() + transcript_format::kMagic.size(), uint32_t{0xffffffff});
  EXPECT_THAT(parse_transcript(bytes, "t").status().message(), HasSubstr("at most 2097152"));
  Forger forged(encoded(records_of(1, 0)));
  store_le(forged.records[1].second.data() + 76, uint32_t{0x40000001});  // its number of tokens
  EXPECT_THAT(forged.error(), HasSubstr("does not fit its number of tokens"));
}

}  // namespace
}  // namespace assay
