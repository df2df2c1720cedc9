// SyntheticReport: a consistent VerifyReport without any model behind it, for the tests and fuzz
// target of certificates. Digests are random, distances come from the caller, and everything that a
// session would compute from them is computed here.
#pragma once

#include <functional>
#include <vector>

#include "base/prng.h"
#include "verify/report.h"
#include "verify/transcript.h"
#include "verify/waves.h"

namespace assay::synthetic {

struct Shape {
  uint64_t requested = 512;
  Scope scope = Scope::kSample;
  KeySource key_source = KeySource::kFiles;
  uint64_t layers_a = 2;
  uint64_t layers_b = 2;
  // Sites from this one on differ; beyond the last: none.
  size_t equal_sites = 3;
  std::function<double(Prng&)> tv = [](Prng& prng) { return 0.004 * prng.uniform(); };
};

inline Digest random_digest(Prng& prng) {
  Digest out;
  for (size_t i = 0; i < out.size(); i += 8) store_le(out.data() + i, prng.next());
  return out;
}

inline ModelSummary model(Prng& prng, std::string path, uint64_t layers) {
  return {.path = std::move(path),
          .format = "GGUF v3",
          .family = "llama",
          .types = "F16 + F32",
          .parameters = 331520,
          .layers = layers,
          .bytes = 700000,
          .digest = random_digest(prng),
          .canonical_digest = random_digest(prng),
          .tokenizer_digest = {},
          .has_tokenizer = true};
}

inline void add_sites(VerifyReport& report, const Shape& shape, Prng& prng) {
  const auto add = [&](const std::string& name, bool in_a, bool in_b) {
    SiteEvidence site{.site = name, .in_a = in_a, .in_b = in_b};
    if (in_a) site.column_a = random_digest(prng);
    const bool equal = in_a && in_b && report.sites.size() < shape.equal_sites;
    if (in_b) site.column_b = equal ? site.column_a : random_digest(prng);
    SiteReport row{.site = name, .relative_l2 = {}, .cosine = {}, .sketch_hamming = {}};
    row.digest_equal = equal;
    if (in_a && in_b) {
      row.relative_l2 = equal ? 0 : 0.003 * static_cast<double>(report.sites.size());
      row.cosine = equal ? 1 : 0.9987654321;
      row.sketch_hamming = equal ? 0 : 0.015625;
      if (!equal && !report.first_divergence) {
        report.first_divergence = FirstDivergence{.site = name, .beyond_margin_site = {}};
      }
      if (*row.relative_l2 > report.delta && !report.first_divergence->beyond_margin_site) {
        report.first_divergence->beyond_margin_site = name;
      }
    }
    report.evidence.sites.push_back(std::move(site));
    report.sites.push_back(std::move(row));
  };
  for (uint64_t layer = 0; layer < std::max(shape.layers_a, shape.layers_b); ++layer) {
    const bool in_a = layer < shape.layers_a, in_b = layer < shape.layers_b;
    add("L" + std::to_string(layer) + ".post_attn", in_a, in_b);
    add("L" + std::to_string(layer) + ".post_mlp", in_a, in_b);
  }
  add("final", true, true);
  add("logits", true, true);
}

inline ChallengeEvidence challenge(const VerifyReport& report, const Shape& shape, uint64_t index,
                                   Prng& prng) {
  ChallengeEvidence out{.commitment = random_digest(prng),
                        .tv = fixed_from_unit(shape.tv(prng)),
                        .tokens = 16 + static_cast<uint32_t>(prng.below(8)),
                        .root_a = random_digest(prng),
                        .root_b = random_digest(prng)};
  if (report.scope == Scope::kCensus) return out;
  out.seed = random_digest(prng);
  if (report.key_source == KeySource::kFiles) {
    Bytes key_content;
    append_bytes(key_content, as_bytes("assay.key.v1"));
    append_bytes(key_content, report.model_a.digest);
    append_bytes(key_content, report.model_b.digest);
    Bytes message;
    append_bytes(message, as_bytes(report.run_id));
    append_le(message, index);
    out.seed = hmac_sha256(sha256(key_content), message);
  }
  return out;
}

inline void add_challenges(VerifyReport& report, const Shape& shape, Prng& prng) {
  RunEvidence& evidence = report.evidence;
  MeanTest test({.alpha = report.alpha, .delta = report.delta});
  for (const uint64_t end : wave_ends(shape.requested)) {
    while (evidence.challenges.size() < end) {
      const auto index = evidence.challenges.size();
      evidence.challenges.push_back(challenge(report, shape, index, prng));
      test.add(evidence.challenges.back().tv);
      report.tokens += evidence.challenges.back().tokens;
      if (report.scope == Scope::kCensus) {
        evidence.prompts.push_back("prompt \"" + std::to_string(index) + "\" \xc3\xa9\n");
      }
    }
    if (report.scope == Scope::kSample && test.decision() != Decision::kUndecided) break;
  }
  while (evidence.challenges.size() + evidence.unused_commitments.size() < shape.requested) {
    evidence.unused_commitments.push_back(random_digest(prng));
  }
  evidence.challenges_committed = shape.requested;
  report.challenges_used = evidence.challenges.size();
  report.effect = {.mean = test.mean(), .lower = test.lower(), .upper = test.upper()};
  report.verdict = report.exact ? Decision::kSame : test.decision();
  if (report.scope == Scope::kCensus) {
    report.effect.lower = report.effect.upper = test.mean();
    report.verdict = test.mean() <= report.delta ? Decision::kSame : Decision::kDifferent;
  } else if (report.verdict == Decision::kSame) {
    report.log_e_value = test.log_e_same();
  } else if (report.verdict == Decision::kDifferent) {
    report.log_e_value = test.log_e_different();
  } else {
    report.log_e_value = std::max(test.log_e_same(), test.log_e_different());
    report.more_needed = test.more_needed();
  }
}

inline VerifyReport report(const Shape& shape, uint64_t seed = 1) {
  Prng prng(seed);
  VerifyReport out;
  out.scope = shape.scope;
  out.key_source = shape.key_source;
  out.run_id = "nightly-7";
  out.profile = "f32-fma16-v1";
  out.challenge_tokens_max = 24;
  out.challenges_requested = shape.requested;
  out.model_a = model(prng, "models/lexi nano.gguf", shape.layers_a);
  out.model_b = model(prng, "/data/other/", shape.layers_b);
  out.model_a.tokenizer_digest = out.model_b.tokenizer_digest = random_digest(prng);
  add_sites(out, shape, prng);
  out.exact = !out.first_divergence && shape.layers_a == shape.layers_b;
  out.kl_nats = out.exact ? 0 : 0.0012345;
  out.top1_agreement = out.exact ? 1 : 0.9921875;
  add_challenges(out, shape, prng);
  out.evidence.challenge_set_root = challenge_set_root(out.evidence);
  const auto root = [&](const ModelSummary& m, Side side) {
    return run_root(
        {.profile = out.profile, .model = m.canonical_digest, .tokenizer = m.tokenizer_digest},
        out.evidence, side);
  };
  out.root_a = root(out.model_a, Side::kA);
  out.root_b = root(out.model_b, Side::kB);
  out.notes = {"A verdict about text in, distributions out."};
  return out;
}

// Two files of one model: no execution.
inline VerifyReport artifact_report() {
  Prng prng(9);
  VerifyReport out;
  out.verdict = Decision::kSame;
  out.exact = true;
  out.tier = Tier::kArtifact;
  out.effect = {.mean = 0, .lower = 0, .upper = 0};
  out.run_id = "default";
  out.profile = "f32-fma16-v1";
  out.challenge_tokens_max = 24;
  out.challenges_requested = 512;
  out.model_a = model(prng, "a.gguf", 4);
  out.model_b = model(prng, "b", 4);
  out.model_b.canonical_digest = out.model_a.canonical_digest;
  out.root_a = out.root_b = out.model_a.canonical_digest;
  out.evidence.challenge_set_root = digest_list_root({});
  return out;
}

}  // namespace assay::synthetic
