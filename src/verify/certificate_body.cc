#include "verify/certificate_body.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/decimal.h"
#include "base/json_fields.h"
#include "model/utf8.h"
#include "verify/session.h"
#include "verify/transcript_file.h"

namespace assay::certificate_body {
namespace {

// --- writing ------------------------------------------------------------------------------------

// Text of at most bytes_max bytes, in UTF-8 whatever came in.
std::string bounded(std::string_view text, size_t bytes_max) {
  std::string out = to_utf8(text);
  if (out.size() <= bytes_max) return out;
  size_t size = bytes_max;
  while (size > 0 && (static_cast<uint8_t>(out[size]) & 0xC0) == 0x80) --size;
  out.resize(size);
  return out;
}

std::string last_component(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

Json decimal_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(to_decimal(*value)) : Json(nullptr);
}

Json digest_if(bool present, const Digest& digest) {
  return present ? Json(to_hex(digest)) : Json(nullptr);
}

Json model_json(const ModelSummary& model) {
  Json json = {{"path", bounded(last_component(model.path), kPathBytesMax)},
               {"format", bounded(model.format, kNameBytesMax)},
               {"family", bounded(model.family, kNameBytesMax)},
               {"types", bounded(model.types, kNameBytesMax)},
               {"parameters", model.parameters},
               {"layers", model.layers},
               {"bytes", model.bytes},
               {"digest", to_hex(model.digest)},
               {"canonical_digest", to_hex(model.canonical_digest)},
               {"tokenizer_digest", digest_if(model.has_tokenizer, model.tokenizer_digest)}};
  if (model.encoder_layers > 0) json["encoder_layers"] = model.encoder_layers;
  return json;
}

Json challenge_json(const ChallengeEvidence& challenge, Scope scope) {
  return {{"seed", digest_if(scope == Scope::kSample, challenge.seed)},
          {"commitment", to_hex(challenge.commitment)},
          {"tokens", challenge.tokens},
          {"tv", challenge.tv},
          {"root_a", to_hex(challenge.root_a)},
          {"root_b", to_hex(challenge.root_b)}};
}

Json site_json(const SiteEvidence& evidence, const SiteReport& report) {
  return {{"site", evidence.site},
          {"column_a", digest_if(evidence.in_a, evidence.column_a)},
          {"column_b", digest_if(evidence.in_b, evidence.column_b)},
          {"digest_equal", report.digest_equal},
          {"relative_l2", decimal_or_null(report.relative_l2)},
          {"cosine", decimal_or_null(report.cosine)},
          {"sketch_hamming", decimal_or_null(report.sketch_hamming)}};
}

Json divergence_json(const std::optional<FirstDivergence>& divergence) {
  if (!divergence) return nullptr;
  const std::optional<std::string>& beyond = divergence->beyond_margin_site;
  return {{"site", divergence->site},
          {"challenge", divergence->challenge},
          {"beyond_margin_site", beyond ? Json(*beyond) : Json(nullptr)}};
}

Json prompts_json(const VerifyReport& report) {
  if (report.scope != Scope::kCensus) return nullptr;
  Json out = Json::array();
  size_t bytes = 0;
  for (const std::string& prompt : report.evidence.prompts) {
    bytes += prompt.size();
    if (bytes > kPromptsBytesMax || !is_utf8(prompt)) return nullptr;
    out.push_back(prompt);
  }
  return out.empty() ? Json(nullptr) : out;
}

// --- reading ------------------------------------------------------------------------------------

// The value whose name is in the field; all lists the values, name_of spells one.
template <typename Enum, size_t N, typename NameOf>
Enum choice(JsonFields& fields, const char* name, const std::array<Enum, N>& all, NameOf name_of) {
  const std::string text = fields.text(name, kNameBytesMax);
  std::string known;
  for (const Enum value : all) {
    if (name_of(value) == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(name_of(value));
  }
  fields.fail(name, "expected one of " + known);
  return all[0];
}

Status read_model(const Json& json, std::string path, ModelSummary& model) {
  JsonFields fields(json, std::move(path));
  model.path = fields.text("path", kPathBytesMax);
  if (model.path.find('/') != std::string::npos) {
    fields.fail("path", "a last path component has no /");
  }
  model.format = fields.text("format", kNameBytesMax);
  model.family = fields.text("family", kNameBytesMax);
  model.types = fields.text("types", kNameBytesMax);
  model.parameters = fields.number("parameters", kCountMax);
  model.layers = fields.number("layers", kTranscriptSitesMax);
  if (fields.has("encoder_layers")) {
    model.encoder_layers = fields.number("encoder_layers", kTranscriptSitesMax);
    if (model.encoder_layers == 0 || model.encoder_layers >= model.layers) {
      fields.fail("encoder_layers", "expected 1 to one less than layers");
    }
  }
  model.bytes = fields.number("bytes", kCountMax);
  model.digest = fields.digest("digest");
  model.canonical_digest = fields.digest("canonical_digest");
  const std::optional<Digest> tokenizer = fields.digest_or_null("tokenizer_digest");
  model.has_tokenizer = tokenizer.has_value();
  model.tokenizer_digest = tokenizer.value_or(Digest{});
  return fields.finish();
}

Status read_challenge(const Json& json, std::string path, Scope scope,
                      ChallengeEvidence& challenge) {
  JsonFields fields(json, std::move(path));
  const std::optional<Digest> seed = fields.digest_or_null("seed");
  if (seed.has_value() != (scope == Scope::kSample)) {
    fields.fail("seed", "a sample has seeds and a census has none");
  }
  challenge.seed = seed.value_or(Digest{});
  challenge.commitment = fields.digest("commitment");
  challenge.tokens = static_cast<uint32_t>(fields.number("tokens", kTranscriptTokensMax));
  challenge.tv = fields.number("tv", kFixedOne);
  challenge.root_a = fields.digest("root_a");
  challenge.root_b = fields.digest("root_b");
  return fields.finish();
}

Status read_site(const Json& json, std::string path, SiteEvidence& evidence, SiteReport& report) {
  JsonFields fields(json, std::move(path));
  evidence.site = report.site = fields.text("site", kTranscriptSiteNameMax);
  const std::optional<Digest> column_a = fields.digest_or_null("column_a");
  const std::optional<Digest> column_b = fields.digest_or_null("column_b");
  evidence.in_a = column_a.has_value();
  evidence.in_b = column_b.has_value();
  evidence.column_a = column_a.value_or(Digest{});
  evidence.column_b = column_b.value_or(Digest{});
  report.digest_equal = fields.flag("digest_equal");
  report.relative_l2 = fields.decimal_or_null("relative_l2");
  report.cosine = fields.decimal_or_null("cosine");
  report.sketch_hamming = fields.decimal_or_null("sketch_hamming");
  return fields.finish();
}

void read_divergence(JsonFields& parent, std::optional<FirstDivergence>& out) {
  const Json& json = parent.object("first_divergence", /*nullable=*/true);
  if (json.is_null()) return;
  JsonFields fields(json, parent.path_of("first_divergence"));
  FirstDivergence divergence;
  divergence.site = fields.text("site", kTranscriptSiteNameMax);
  divergence.challenge = fields.number("challenge", kChallengesMax);
  divergence.beyond_margin_site = fields.text_or_null("beyond_margin_site", kTranscriptSiteNameMax);
  parent.adopt(fields.finish());
  out = std::move(divergence);
}

void read_effect(JsonFields& parent, Effect& effect) {
  JsonFields fields(parent.object("effect"), parent.path_of("effect"));
  if (fields.text("name", kNameBytesMax) != "tv") fields.fail("name", "expected tv");
  effect.mean = fields.decimal("mean");
  effect.lower = fields.decimal("lower");
  effect.upper = fields.decimal("upper");
  parent.adopt(fields.finish());
}

std::string element(const JsonFields& fields, const char* name, size_t index) {
  return fields.path_of(name) + "[" + std::to_string(index) + "]";
}

void read_texts(JsonFields& fields, const char* name, const Json& array, size_t bytes_max,
                std::vector<std::string>& out) {
  for (const Json& entry : array) {
    if (!entry.is_string() || entry.get_ref<const std::string&>().size() > bytes_max) {
      fields.fail(name, "expected strings of at most " + std::to_string(bytes_max) + " bytes");
      return;
    }
    out.push_back(entry.get<std::string>());
  }
}

// Null stands for none, so that one content has one text.
void read_prompts(JsonFields& fields, std::vector<std::string>& out) {
  const Json& array = fields.array("prompts", kChallengesMax, /*nullable=*/true);
  if (array.is_array() && array.empty()) fields.fail("prompts", "expected null or a prompt");
  read_texts(fields, "prompts", array, kPromptsBytesMax, out);
  size_t bytes = 0;
  for (const std::string& prompt : out) bytes += prompt.size();
  if (bytes > kPromptsBytesMax) {
    fields.fail("prompts", "more than " + std::to_string(kPromptsBytesMax) + " bytes together");
  }
}

void read_evidence(JsonFields& fields, VerifyReport& report) {
  RunEvidence& evidence = report.evidence;
  evidence.challenge_set_root = fields.digest("challenge_set_root");
  evidence.challenges_committed = fields.number("challenges_committed", kChallengesMax);
  for (const Json& entry : fields.array("challenges", kChallengesMax)) {
    ChallengeEvidence challenge;
    fields.adopt(read_challenge(entry, element(fields, "challenges", evidence.challenges.size()),
                                report.scope, challenge));
    if (!fields.ok()) return;
    evidence.challenges.push_back(challenge);
  }
  std::vector<std::string> unused;
  read_texts(fields, "unused_commitments", fields.array("unused_commitments", kChallengesMax),
             2 * sizeof(Digest), unused);
  for (const std::string& hex : unused) {
    const Result<Digest> digest = array_from_hex<sizeof(Digest)>(hex);
    if (!digest.ok()) return fields.fail("unused_commitments", digest.status().message());
    evidence.unused_commitments.push_back(*digest);
  }
  for (const Json& entry : fields.array("sites", kTranscriptSitesMax)) {
    SiteEvidence site;
    SiteReport row;
    fields.adopt(read_site(entry, element(fields, "sites", evidence.sites.size()), site, row));
    if (!fields.ok()) return;
    evidence.sites.push_back(std::move(site));
    report.sites.push_back(std::move(row));
  }
  read_prompts(fields, evidence.prompts);
}

}  // namespace

Json write_body(const VerifyReport& report) {
  const RunEvidence& evidence = report.evidence;
  ASSAY_CHECK(report.sites.size() == evidence.sites.size());
  Json challenges = Json::array();
  for (const auto& entry : evidence.challenges) {
    challenges.push_back(challenge_json(entry, report.scope));
  }
  Json unused = Json::array();
  for (const Digest& commitment : evidence.unused_commitments) unused.push_back(to_hex(commitment));
  Json sites = Json::array();
  for (size_t i = 0; i < evidence.sites.size(); ++i) {
    sites.push_back(site_json(evidence.sites[i], report.sites[i]));
  }
  Json notes = Json::array();
  for (size_t i = 0; i < std::min(report.notes.size(), kNotesMax); ++i) {
    notes.push_back(bounded(report.notes[i], kNoteBytesMax));
  }
  return {{"schema", kSchema},
          {"tool_version", ASSAY_VERSION},
          {"verdict", decision_name(report.verdict)},
          {"exact", report.exact},
          {"tier", tier_name(report.tier)},
          {"scope", scope_name(report.scope)},
          {"alpha", to_decimal(report.alpha)},
          {"delta", to_decimal(report.delta)},
          {"profile", bounded(report.profile, kNameBytesMax)},
          {"run_id", bounded(report.run_id, kNameBytesMax)},
          {"key_source", key_source_name(report.key_source)},
          {"challenges_requested", report.challenges_requested},
          {"challenges_used", report.challenges_used},
          {"challenges_committed", evidence.challenges_committed},
          {"challenge_tokens_max", report.challenge_tokens_max},
          {"tokens", report.tokens},
          {"model_a", model_json(report.model_a)},
          {"model_b", model_json(report.model_b)},
          {"root_a", to_hex(report.root_a)},
          {"root_b", to_hex(report.root_b)},
          {"challenge_set_root", to_hex(evidence.challenge_set_root)},
          {"challenges", std::move(challenges)},
          {"unused_commitments", std::move(unused)},
          {"prompts", prompts_json(report)},
          {"sites", std::move(sites)},
          {"effect",
           {{"name", "tv"},
            {"mean", to_decimal(report.effect.mean)},
            {"lower", to_decimal(report.effect.lower)},
            {"upper", to_decimal(report.effect.upper)}}},
          {"log_e_value", decimal_or_null(report.log_e_value)},
          {"more_needed", report.more_needed},
          {"kl_nats", decimal_or_null(report.kl_nats)},
          {"top1_agreement", decimal_or_null(report.top1_agreement)},
          {"first_divergence", divergence_json(report.first_divergence)},
          {"notes", std::move(notes)}};
}

Result<Stated> read_body(const Json& body) {
  JsonFields fields(body, "certificate: body");
  Stated out;
  VerifyReport& report = out.report;
  if (fields.text("schema", kNameBytesMax) != kSchema) {
    fields.fail("schema", "expected " + std::string(kSchema));
  }
  out.tool_version = fields.text("tool_version", kNameBytesMax);
  report.verdict = choice(fields, "verdict",
                          std::array{Decision::kSame, Decision::kDifferent, Decision::kUndecided},
                          decision_name);
  report.exact = fields.flag("exact");
  report.tier = choice(fields, "tier", std::array{Tier::kArtifact, Tier::kExecution}, tier_name);
  report.scope = choice(fields, "scope", std::array{Scope::kSample, Scope::kCensus}, scope_name);
  report.alpha = fields.decimal("alpha");
  report.delta = fields.decimal("delta");
  report.profile = fields.text("profile", kNameBytesMax);
  report.run_id = fields.text("run_id", kNameBytesMax);
  report.key_source = choice(fields, "key_source",
                             std::array{KeySource::kFiles, KeySource::kKeyFile}, key_source_name);
  report.challenges_requested = fields.number("challenges_requested", kChallengesMax);
  report.challenges_used = fields.number("challenges_used", kChallengesMax);
  report.challenge_tokens_max = fields.number("challenge_tokens_max", kTranscriptTokensMax);
  report.tokens = fields.number("tokens", kCountMax);
  fields.adopt(read_model(fields.object("model_a"), fields.path_of("model_a"), report.model_a));
  fields.adopt(read_model(fields.object("model_b"), fields.path_of("model_b"), report.model_b));
  report.root_a = fields.digest("root_a");
  report.root_b = fields.digest("root_b");
  read_evidence(fields, report);
  read_effect(fields, report.effect);
  report.log_e_value = fields.decimal("log_e_value");
  report.more_needed = fields.number("more_needed", kCountMax);
  report.kl_nats =
      fields.decimal_or_null("kl_nats").value_or(std::numeric_limits<double>::infinity());
  report.top1_agreement = fields.decimal("top1_agreement");
  read_divergence(fields, report.first_divergence);
  read_texts(fields, "notes", fields.array("notes", kNotesMax), kNoteBytesMax, report.notes);
  ASSAY_RETURN_IF_ERROR(fields.finish());
  return out;
}

std::string signed_bytes(std::string_view canonical_body) {
  return std::string(kSchema) + "\n" + std::string(canonical_body);
}

std::string seal(const Json& body, const SigningKey& key) {
  const Signature signature = key.sign(as_bytes(signed_bytes(canonical_json(body))));
  const Json whole = {{"body", body},
                      {"signature",
                       {{"algorithm", "ed25519"},
                        {"public_key", to_hex(key.public_key())},
                        {"value", to_hex(signature)}}}};
  return canonical_json(whole) + "\n";
}

}  // namespace assay::certificate_body
