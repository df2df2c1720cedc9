// Certificates from arbitrary bytes. A signature stops a fuzzer at the door, so each input is also
// read as a change to a genuine body (pairs of a JSON pointer and a value), signed with a key of
// the fuzzer's own. A certificate that holds must be what make_certificate writes from its content.
#include <array>
#include <string>

#include "base/json.h"
#include "verify/certificate.h"
#include "verify/certificate_body.h"
#include "verify/synthetic_report.h"

namespace {

using assay::CertificateCheck;
using assay::Json;
using assay::Result;
using assay::SigningKey;
using assay::VerifyReport;

const SigningKey& key() {
  static const SigningKey value = [] {
    std::array<uint8_t, 32> seed;
    seed.fill(7);
    return SigningKey::from_seed(seed);
  }();
  return value;
}

bool has_float(const Json& json) {
  if (json.is_number_float()) return true;
  if (!json.is_structured()) return false;
  return std::any_of(json.begin(), json.end(), [](const Json& child) { return has_float(child); });
}

void check(const std::string& text) {
  const Result<CertificateCheck> result = assay::check_certificate(text);
  if (!result.ok() || !result->ok) return;
  const Result<assay::Json> json = assay::parse_json(text, "fuzz");
  ASSAY_CHECK(json.ok());
  // The body says which program made it, and that may be another version.
  Json body = assay::certificate_body::write_body(result->report);
  body["tool_version"] = json->at("body").at("tool_version");
  ASSAY_CHECK(assay::canonical_json(body) == assay::canonical_json(json->at("body")));
}

const Json& genuine(size_t which) {
  static const std::array<Json, 4> bodies = [] {
    using assay::synthetic::report;
    const auto zero = [](assay::Prng&) { return 0.0; };
    return std::array<Json, 4>{
        assay::certificate_body::write_body(report({.requested = 3})),
        assay::certificate_body::write_body(
            report({.requested = 2, .layers_a = 1, .layers_b = 1, .equal_sites = 9, .tv = zero})),
        assay::certificate_body::write_body(
            report({.requested = 2, .scope = assay::Scope::kCensus, .layers_a = 1})),
        assay::certificate_body::write_body(assay::synthetic::artifact_report())};
  }();
  return bodies[which % bodies.size()];
}

// The lines of input in turn: a JSON pointer, a tab, a JSON value to put there.
void check_changed(std::string_view input) {
  if (input.empty()) return;
  Json body = genuine(static_cast<unsigned char>(input[0]));
  input.remove_prefix(1);
  bool changed = false;
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const Result<Json> value = assay::parse_json(line.substr(tab + 1), "fuzz", {.depth_max = 16});
    if (!value.ok() || has_float(*value)) continue;
    try {
      const Json::json_pointer pointer{std::string(line.substr(0, tab))};
      if (!body.contains(pointer)) continue;
      body[pointer] = *value;
      changed = true;
    } catch (const Json::exception&) {
      continue;  // not a pointer
    }
  }
  if (changed && body.is_object()) check(assay::certificate_body::seal(body, key()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (!text.starts_with('{')) {
    check_changed(text);
    return 0;
  }
  check(text);
  const Result<Json> json = assay::parse_json(text, "fuzz", {.depth_max = 16});
  if (json.ok() && json->contains("body") && !has_float(*json)) {
    check(assay::certificate_body::seal(json->at("body"), key()));
  }
  return 0;
}
