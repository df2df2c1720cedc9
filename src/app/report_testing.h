// Hand-filled reports of every kind, for the tests of what is printed.
#pragma once

#include <string>

#include "verify/report.h"

namespace assay {

inline Digest test_digest(uint8_t seed) {
  Digest digest{};
  for (size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<uint8_t>(seed * 37 + i * 11);
  return digest;
}

inline ModelSummary test_model(const std::string& path, const std::string& types, uint8_t seed) {
  ModelSummary model;
  model.path = path;
  model.format = "GGUF v3";
  model.family = "llama";
  model.types = types;
  model.parameters = 331328;
  model.layers = 4;
  model.bytes = 1340000;
  model.digest = test_digest(seed);
  model.canonical_digest = test_digest(static_cast<uint8_t>(seed + 50));
  model.tokenizer_digest = test_digest(200);
  model.has_tokenizer = true;
  return model;
}

inline void add_sites(VerifyReport& report, size_t layers, double first, double growth) {
  double distance = first;
  const auto add = [&](const std::string& site) {
    report.sites.push_back({site, distance, 1 - distance * distance / 2, distance / 3, false});
    distance = distance * growth > 1 ? 1 : distance * growth;
  };
  for (size_t layer = 0; layer < layers; ++layer) {
    const std::string name = "L" + std::to_string(layer);
    add(name + ".post_attn");
    add(name + ".post_mlp");
  }
  add("final");
  add("logits");
}

inline void make_equal(SiteReport& site) {
  site.relative_l2 = 0;
  site.cosine = 1;
  site.sketch_hamming = 0;
  site.digest_equal = true;
}

// A fine-tuned model: DIFFERENT after the first wave.
inline VerifyReport different_report() {
  VerifyReport report;
  report.verdict = Decision::kDifferent;
  report.challenges_requested = 512;
  report.challenges_used = 64;
  report.challenge_tokens_max = 24;
  report.tokens = 1472;
  report.effect = {0.2921, 0.2511, 0.3372};
  report.log_e_value = 94.5;
  report.kl_nats = 0.37;
  report.top1_agreement = 0.55;
  report.model_a = test_model("models/lexi-nano/lexi-nano-f32.gguf", "F32", 1);
  report.model_b = test_model("models/lexi-nano/lexi-nano-ft200-f16.gguf", "F16 + F32", 4);
  report.root_a = test_digest(6);
  report.root_b = test_digest(7);
  report.profile = "f32-fma16-v1";
  report.isa = "avx2";
  report.threads = 2;
  report.peak_rss_bytes = uint64_t{38} << 20;
  report.memory_bound_bytes = uint64_t{512} << 20;
  report.bytes_read = uint64_t{4} << 20;
  report.seconds = 1.84;
  report.run_id = "default";
  add_sites(report, 4, 0.012, 1.5);
  report.first_divergence = FirstDivergence{"L0.post_attn", 0, "L1.post_attn"};
  return report;
}

// One layer edited a little: SAME, and the picture says where.
inline VerifyReport edited_report() {
  VerifyReport report = different_report();
  report.verdict = Decision::kSame;
  report.challenges_used = 416;
  report.tokens = 9568;
  report.effect = {0.00928, 0.0061, 0.0188};
  report.log_e_value = 5.6;
  report.kl_nats = 0.0004;
  report.top1_agreement = 0.9837;
  report.sites.clear();
  add_sites(report, 4, 0.001, 1.3);
  for (size_t i = 0; i < 5; ++i) make_equal(report.sites[i]);
  report.first_divergence = FirstDivergence{"L2.post_mlp", 3, std::nullopt};
  return report;
}

inline VerifyReport undecided_report(uint64_t more_needed) {
  VerifyReport report = different_report();
  report.verdict = Decision::kUndecided;
  report.challenges_requested = 64;
  report.effect = {0.0131, 0.004, 0.031};
  report.log_e_value = 1.2;
  report.kl_nats = 0.0021;
  report.top1_agreement = 0.97;
  report.more_needed = more_needed;
  return report;
}

// The same weights in another format: nothing was executed.
inline VerifyReport artifact_report() {
  VerifyReport report = different_report();
  report.verdict = Decision::kSame;
  report.exact = true;
  report.tier = Tier::kArtifact;
  report.challenges_used = report.tokens = 0;
  report.effect = {0, 0, 0};
  report.kl_nats = 0;
  report.top1_agreement = 1;
  report.sites.clear();
  report.first_divergence.reset();
  report.root_a = report.root_b = Digest{};
  report.model_b = report.model_a;
  report.model_b.path = "models/lexi-nano/lexi-nano-hf";
  report.model_b.format = "safetensors";
  report.model_b.digest = test_digest(9);
  return report;
}

// Every digest of an executed challenge set agrees.
inline VerifyReport same_bits_report() {
  VerifyReport report = different_report();
  report.verdict = Decision::kSame;
  report.exact = true;
  report.challenges_used = 512;
  report.effect = {0, 0, 0};
  report.kl_nats = 0;
  report.top1_agreement = 1;
  for (SiteReport& site : report.sites) make_equal(site);
  report.first_divergence.reset();
  return report;
}

inline VerifyReport census_report() {
  VerifyReport report = different_report();
  report.scope = Scope::kCensus;
  report.challenges_requested = report.challenges_used = 12;
  report.effect = {0.2921, 0.2921, 0.2921};
  return report;
}

// 80 layers, the first 17 of them equal.
inline VerifyReport deep_report() {
  VerifyReport report = different_report();
  report.sites.clear();
  add_sites(report, 80, 1e-5, 1.06);
  for (size_t i = 0; i < 34; ++i) make_equal(report.sites[i]);
  report.first_divergence = FirstDivergence{"L17.post_attn", 3, "L65.post_attn"};
  report.model_a.layers = report.model_b.layers = 80;
  report.model_a.parameters = report.model_b.parameters = 70'553'706'496;
  return report;
}

// The target has fewer layers.
inline VerifyReport shallow_report() {
  VerifyReport report = different_report();
  for (size_t i = 4; i < 8; ++i) {
    report.sites[i].relative_l2.reset();
    report.sites[i].cosine.reset();
    report.sites[i].sketch_hamming.reset();
  }
  for (const SiteReport& site : report.sites) {
    const bool in_b = site.relative_l2.has_value();
    report.evidence.sites.push_back({site.site, test_digest(1), test_digest(2), true, in_b});
  }
  report.model_b.layers = 2;
  report.notes = {"The models have 4 and 2 layers; sites of the deeper one have no counterpart."};
  return report;
}

}  // namespace assay
