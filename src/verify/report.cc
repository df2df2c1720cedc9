// assay.report.v1: the JSON form of a VerifyReport. docs/formats/report.schema.json states the
// form; report_test.cc holds the two together.
#include "verify/report.h"

#include <cmath>

#include "base/json.h"

namespace assay {
namespace {

bool is_zero(const Digest& digest) { return digest == Digest{}; }

Json digest_or_null(const Digest& digest) {
  return is_zero(digest) ? Json(nullptr) : Json(to_hex(digest));
}

// JSON has no infinity and no NaN; what is not a number is null.
Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json optional_number(const std::optional<double>& value) {
  return value ? number_or_null(*value) : Json(nullptr);
}

// An exact answer and a census rest on no e-process: there the e-value has no meaning.
Json log_e_value_json(const VerifyReport& report) {
  if (report.exact || report.scope == Scope::kCensus) return nullptr;
  return number_or_null(report.log_e_value);
}

Json effect_json(const Effect& effect) {
  return {{"name", "tv"},
          {"mean", number_or_null(effect.mean)},
          {"lower", number_or_null(effect.lower)},
          {"upper", number_or_null(effect.upper)}};
}

Json divergence_json(const std::optional<FirstDivergence>& divergence) {
  if (!divergence) return nullptr;
  const auto& beyond = divergence->beyond_margin_site;
  return {{"site", divergence->site},
          {"challenge", divergence->challenge},
          {"beyond_margin_site", beyond ? Json(*beyond) : Json(nullptr)}};
}

Json site_json(const SiteReport& site) {
  return {{"site", site.site},
          {"relative_l2", optional_number(site.relative_l2)},
          {"cosine", optional_number(site.cosine)},
          {"sketch_hamming", optional_number(site.sketch_hamming)},
          {"digest_equal", site.digest_equal}};
}

Json model_json(const ModelSummary& model) {
  Json json = {{"path", model.path},
               {"digest", digest_or_null(model.digest)},
               {"canonical_digest", digest_or_null(model.canonical_digest)},
               {"family", model.family},
               {"parameters", model.parameters},
               {"tokenizer_digest",
                model.has_tokenizer ? digest_or_null(model.tokenizer_digest) : Json(nullptr)},
               {"format", model.format},
               {"types", model.types},
               {"layers", model.layers},
               {"bytes", model.bytes}};
  if (model.encoder_layers > 0) json["encoder_layers"] = model.encoder_layers;
  return json;
}

}  // namespace

std::string_view tier_name(Tier tier) { return tier == Tier::kArtifact ? "artifact" : "execution"; }

std::string_view scope_name(Scope scope) { return scope == Scope::kSample ? "sample" : "census"; }

std::string_view key_source_name(KeySource source) {
  return source == KeySource::kFiles ? "files" : "key-file";
}

std::string report_json(const VerifyReport& report) {
  Json json;
  json["schema"] = "assay.report.v1";
  json["verdict"] = decision_name(report.verdict);
  json["exact"] = report.exact;
  json["tier"] = tier_name(report.tier);
  json["alpha"] = report.alpha;
  json["delta"] = report.delta;
  json["challenges_used"] = report.challenges_used;
  json["tokens"] = report.tokens;
  json["effect"] = effect_json(report.effect);
  json["log_e_value"] = log_e_value_json(report);
  json["first_divergence"] = divergence_json(report.first_divergence);
  json["sites"] = Json::array();
  for (const SiteReport& site : report.sites) json["sites"].push_back(site_json(site));
  json["model_a"] = model_json(report.model_a);
  json["model_b"] = model_json(report.model_b);
  json["root_a"] = digest_or_null(report.root_a);
  json["root_b"] = digest_or_null(report.root_b);
  json["profile"] = report.profile;
  json["peak_rss_bytes"] = report.peak_rss_bytes;
  json["memory_bound_bytes"] = report.memory_bound_bytes;
  json["bytes_read"] = report.bytes_read;
  json["seconds"] = number_or_null(report.seconds);
  // Keys after the fixed ones: added over time, never reordered.
  json["scope"] = scope_name(report.scope);
  json["run_id"] = report.run_id;
  json["key_source"] = key_source_name(report.key_source);
  json["challenges_requested"] = report.challenges_requested;
  json["challenge_tokens_max"] = report.challenge_tokens_max;
  json["kl_nats"] = number_or_null(report.kl_nats);
  json["top1_agreement"] = number_or_null(report.top1_agreement);
  json["more_needed"] = report.more_needed;
  json["isa"] = report.isa;
  json["threads"] = report.threads;
  json["notes"] = report.notes;
  // A path need not be UTF-8; what is not becomes U+FFFD, so that the document stays valid.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace assay
