#include "verify/transcript.h"

#include <gtest/gtest.h>

#include <functional>

namespace assay {
namespace {

Digest filled(uint8_t byte) {
  Digest out;
  out.fill(byte);
  return out;
}

std::string length_prefixed(std::string_view text) {
  const auto n = static_cast<uint32_t>(text.size());
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(n >> shift & 0xff));
  return out + std::string(text);
}
std::string raw(const Digest& digest) { return {digest.begin(), digest.end()}; }

RunIdentity run_of(uint8_t model) {
  return {.profile = "f32-fma16-v1", .model = filled(model), .tokenizer = filled(9)};
}

RunEvidence evidence_of() {
  RunEvidence evidence;
  for (uint8_t i = 0; i < 5; ++i) {
    evidence.challenges.push_back({.seed = filled(i),
                                   .commitment = filled(static_cast<uint8_t>(10 + i)),
                                   .tv = i,
                                   .tokens = 7,
                                   .root_a = filled(static_cast<uint8_t>(20 + i)),
                                   .root_b = filled(static_cast<uint8_t>(30 + i))});
  }
  evidence.unused_commitments = {filled(50), filled(51)};
  evidence.challenges_committed = 7;
  evidence.sites = {{.site = "L0.post_attn", .column_a = filled(60), .column_b = filled(61)},
                    {.site = "L0.post_mlp", .column_a = filled(62), .in_b = false},
                    {.site = "final", .column_a = filled(63), .column_b = filled(64)}};
  evidence.challenge_set_root = challenge_set_root(evidence);
  return evidence;
}

// The preimages byte for byte, as docs/formats/transcript.md states them.
TEST(Transcript, ActivationDigestPreimage) {
  const std::vector<float> values = {1.0f, -0.0f};
  const std::string preimage = "assay.activation.v1" + length_prefixed("p") +
                               length_prefixed("L0.post_mlp") + raw(filled(3)) +
                               std::string("\0\0\x80\x3f\0\0\0\x80", 8);
  EXPECT_EQ(activation_digest("p", "L0.post_mlp", filled(3), values), sha256(preimage));
}

TEST(Transcript, LeafPreimage) {
  Sketch sketch;
  sketch.fill(0x5a);
  const std::string preimage = "assay.leaf.v1" + length_prefixed("f32-fma16-v1") + raw(filled(1)) +
                               raw(filled(9)) + raw(filled(3)) + length_prefixed("final") +
                               raw(filled(4)) + raw(sketch);
  EXPECT_EQ(transcript_leaf(run_of(1), filled(3), "final", filled(4), sketch), sha256(preimage));
}

TEST(Transcript, RunRootPreimage) {
  const RunEvidence evidence = evidence_of();
  std::vector<Digest> roots, columns;
  for (const ChallengeEvidence& challenge : evidence.challenges) {
    roots.push_back(merkle_leaf(challenge.root_b));
  }
  for (const SiteEvidence& site : evidence.sites) {
    if (!site.in_b) continue;
    columns.push_back(merkle_leaf(as_bytes(length_prefixed(site.site) + raw(site.column_b))));
  }
  ASSERT_EQ(columns.size(), 2u);
  const std::string preimage = "assay.run.v1" + length_prefixed("f32-fma16-v1") + raw(filled(2)) +
                               raw(filled(9)) + raw(evidence.challenge_set_root) +
                               raw(merkle_root(roots)) + raw(merkle_root(columns));
  EXPECT_EQ(run_root(run_of(2), evidence, Side::kB), sha256(preimage));
}

TEST(Transcript, ChallengeSetRootCoversUsedThenUnused) {
  const RunEvidence evidence = evidence_of();
  std::vector<Digest> all;
  for (uint8_t i = 0; i < 5; ++i) all.push_back(merkle_leaf(filled(static_cast<uint8_t>(10 + i))));
  all.push_back(merkle_leaf(filled(50)));
  all.push_back(merkle_leaf(filled(51)));
  EXPECT_EQ(challenge_set_root(evidence), merkle_root(all));
}

// Where a run stops is not part of what was committed to.
TEST(Transcript, ChallengeSetRootDoesNotDependOnHowManyWereUsed) {
  RunEvidence evidence = evidence_of();
  const Digest before = challenge_set_root(evidence);
  evidence.unused_commitments.insert(evidence.unused_commitments.begin(),
                                     evidence.challenges.back().commitment);
  evidence.challenges.pop_back();
  EXPECT_EQ(challenge_set_root(evidence), before);
}

TEST(Transcript, EveryPartOfALeafCounts) {
  const Sketch sketch{};
  const Digest leaf = transcript_leaf(run_of(1), filled(3), "final", filled(4), sketch);
  RunIdentity other = run_of(1);
  other.profile += "x";
  EXPECT_NE(transcript_leaf(other, filled(3), "final", filled(4), sketch), leaf);
  other = run_of(1);
  other.tokenizer = filled(8);
  EXPECT_NE(transcript_leaf(other, filled(3), "final", filled(4), sketch), leaf);
  EXPECT_NE(transcript_leaf(run_of(2), filled(3), "final", filled(4), sketch), leaf);
  EXPECT_NE(transcript_leaf(run_of(1), filled(2), "final", filled(4), sketch), leaf);
  EXPECT_NE(transcript_leaf(run_of(1), filled(3), "logits", filled(4), sketch), leaf);
  EXPECT_NE(transcript_leaf(run_of(1), filled(3), "final", filled(5), sketch), leaf);
  Sketch flipped{};
  flipped[31] = 0x80;
  EXPECT_NE(transcript_leaf(run_of(1), filled(3), "final", filled(4), flipped), leaf);
}

// A signed zero and a NaN payload are bits like any other.
TEST(Transcript, ActivationDigestSeesBitsNotValues) {
  const std::vector<float> plus = {0.0f}, minus = {-0.0f};
  EXPECT_NE(activation_digest("p", "s", filled(0), plus),
            activation_digest("p", "s", filled(0), minus));
}

TEST(Transcript, EveryPartOfARunRootCounts) {
  const RunEvidence evidence = evidence_of();
  const Digest root = run_root(run_of(1), evidence, Side::kA);
  const std::vector<std::function<void(RunEvidence&)>> changes = {
      [](RunEvidence& e) { e.challenge_set_root = filled(1); },
      [](RunEvidence& e) { e.challenges[3].root_a = filled(1); },
      [](RunEvidence& e) { e.challenges.pop_back(); },
      [](RunEvidence& e) { std::swap(e.challenges[0], e.challenges[1]); },
      [](RunEvidence& e) { e.sites[1].column_a = filled(1); },
      [](RunEvidence& e) { e.sites[1].site = "L0.post_xyz"; },
      [](RunEvidence& e) { e.sites[1].in_a = false; },
      [](RunEvidence& e) { std::swap(e.sites[0], e.sites[1]); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    RunEvidence changed = evidence;
    changes[i](changed);
    EXPECT_NE(run_root(run_of(1), changed, Side::kA), root) << "change " << i;
  }
  RunEvidence other_side = evidence;
  other_side.challenges[0].root_b = filled(1);
  other_side.sites[0].column_b = filled(1);
  EXPECT_EQ(run_root(run_of(1), other_side, Side::kA), root);
}

}  // namespace
}  // namespace assay
