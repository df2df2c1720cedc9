// What a verification found: the report for people and programs (assay.report.v1), and the evidence
// behind it that goes into a certificate (assay.certificate.v1). Plain data; session.cc fills it,
// report.cc and certificate.cc write it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"
#include "stats/mean_test.h"

namespace assay {

enum class Tier : uint8_t { kArtifact, kExecution };  // strongest first (00-product)
std::string_view tier_name(Tier tier);                // "artifact", "execution"

// sample: challenges drawn from the keyed distribution; the verdict is about the distribution.
// census: the caller's own list; the verdict is about exactly that list, without a bound.
enum class Scope : uint8_t { kSample, kCensus };
std::string_view scope_name(Scope scope);  // "sample", "census"

// Where the challenge key came from. kFiles: derived from both files' digests (Fiat-Shamir), so
// that the set is reproducible by anyone and was not known before the weights were fixed. kKeyFile:
// the user's secret.
enum class KeySource : uint8_t { kFiles, kKeyFile };
std::string_view key_source_name(KeySource source);  // "files", "key-file"

struct ModelSummary {
  std::string path;    // as given by the user
  std::string format;  // "GGUF v3", "safetensors"
  std::string family;  // "llama"
  std::string types;   // "F16 + F32": the weight types, by share of bytes
  uint64_t parameters = 0;
  uint64_t layers = 0;
  uint64_t bytes = 0;           // of all weight files
  Digest digest{};  // SHA-256 of the file; of a folder, of its manifest (docs/formats/digests.md)
  Digest canonical_digest{};  // over decoded values in canonical layout
  Digest tokenizer_digest{};  // all zero when there is no tokenizer
  bool has_tokenizer = false;
  uint64_t encoder_layers = 0;  // the first of the layers, where a decoder follows; else 0
};

// Distances at one site, means over the challenges; null when the two models cannot be compared
// there.
struct SiteReport {
  std::string site;  // "L3.post_mlp", "final", "logits"
  std::optional<double> relative_l2;
  std::optional<double> cosine;
  std::optional<double> sketch_hamming;  // share of differing sketch bits, in [0, 1]
  bool digest_equal = false;             // every challenge has the same activation digest in both
};

struct FirstDivergence {
  std::string site;        // earliest site at which a digest differs
  uint64_t challenge = 0;  // the first challenge that differs there
  std::optional<std::string>
      beyond_margin_site;  // earliest site whose mean relative L2 exceeds delta
};

// One challenge as the certificate carries it.
struct ChallengeEvidence {
  Digest seed{};        // all zero in a census
  Digest commitment{};  // challenge_leaf(seed, tokens): a leaf of the challenge set
  Fixed tv = 0;         // mean total variation over its tokens
  uint32_t tokens = 0;
  Digest root_a{};  // Merkle root over the challenge's leaves (one a site) for each model
  Digest root_b{};
};

// Per site, the Merkle root over the activation digests of all challenges: equal roots prove that
// not one challenge differs there.
struct SiteEvidence {
  std::string site;
  Digest column_a{};
  Digest column_b{};
  bool in_a = true;  // a model with fewer layers does not have the site
  bool in_b = true;
};

// What a third party needs to recompute roots and verdict (docs/formats/certificate.md).
struct RunEvidence {
  Digest challenge_set_root{};  // over the commitments of all `challenges_committed` challenges
  uint64_t challenges_committed = 0;
  // Commitments of the challenges that were committed to but not used, so that the set root can be
  // recomputed.
  std::vector<Digest> unused_commitments;
  std::vector<ChallengeEvidence> challenges;
  std::vector<SiteEvidence> sites;
  std::vector<std::string> prompts;  // of a census, in order, so that it can be replayed
};

struct Effect {
  double mean = 0;
  double lower = 0;
  double upper = 1;
};

struct VerifyReport {
  Decision verdict = Decision::kUndecided;
  bool exact = false;
  Tier tier = Tier::kExecution;
  Scope scope = Scope::kSample;
  double alpha = 0.01;
  double delta = 0.02;
  KeySource key_source = KeySource::kFiles;
  std::string run_id;
  uint64_t challenge_tokens_max = 0;
  uint64_t challenges_requested = 0;
  uint64_t challenges_used = 0;
  uint64_t tokens = 0;        // scored positions, one model
  Effect effect;              // total variation
  double kl_nats = 0;         // mean KL(reference || target) per token
  double top1_agreement = 1;  // share of tokens with the same argmax
  double log_e_value = 0;     // of the process behind the verdict (the larger one when undecided)
  uint64_t more_needed =
      0;  // UNDECIDED: challenges like these still needed; 0 when no number would do
  std::optional<FirstDivergence> first_divergence;
  std::vector<SiteReport> sites;
  ModelSummary model_a;
  ModelSummary model_b;
  Digest root_a{};
  Digest root_b{};
  std::string profile;
  std::string isa;
  uint64_t threads = 1;
  uint64_t peak_rss_bytes = 0;
  uint64_t memory_bound_bytes = 0;
  uint64_t bytes_read = 0;
  double seconds = 0;
  std::vector<std::string>
      notes;  // what this verdict cannot see, unequal tokenizers, …: one sentence each
  RunEvidence evidence;
};

// assay.report.v1 (docs/formats/report.schema.json), two-space indented, keys in the documented
// order.
std::string report_json(const VerifyReport& report);

}  // namespace assay
