#include "verify/certificate_forging.h"

#include <gtest/gtest.h>

#include "verify/certificate.h"
#include "verify/certificate_body.h"
#include "verify/transcript.h"

namespace assay::forging {
namespace {

Json parsed(const std::string& text) { return std::move(parse_json(text, "test")).value(); }

void fit_roots(Json& body) {
  body = parsed(body.dump());  // numbers as a reader types them
  Result<certificate_body::Stated> stated = certificate_body::read_body(body);
  ASSERT_TRUE(stated.ok()) << stated.status().message();
  VerifyReport& report = stated->report;
  report.evidence.challenge_set_root = challenge_set_root(report.evidence);
  const auto root = [&](const ModelSummary& m, Side side) {
    return to_hex(run_root(
        {.profile = report.profile, .model = m.canonical_digest, .tokenizer = m.tokenizer_digest},
        report.evidence, side));
  };
  body["challenge_set_root"] = to_hex(report.evidence.challenge_set_root);
  body["root_a"] = root(report.model_a, Side::kA);
  body["root_b"] = root(report.model_b, Side::kB);
}
}  // namespace

SigningKey key_of(uint8_t byte) {
  std::array<uint8_t, 32> seed;
  seed.fill(byte);
  return SigningKey::from_seed(seed);
}
const SigningKey& honest_key() {
  static const SigningKey key = key_of(1);
  return key;
}

std::string certificate(const VerifyReport& report) {
  return make_certificate(report, honest_key());
}

std::string faults(const std::string& text) {
  const Result<CertificateCheck> check = check_certificate(text);
  if (!check.ok()) return "DATA_LOSS: " + check.status().message();
  std::string out;
  for (const CertificateCheck::Step& step : check->steps) {
    if (!step.ok) out += step.name + ": " + step.detail + "\n";
  }
  EXPECT_EQ(check->ok, out.empty());
  return out;
}

std::string forged(const std::string& genuine, const Edit& edit) {
  Json body = parsed(genuine).at("body");
  edit(body);
  static const SigningKey key = key_of(66);
  return certificate_body::seal(body, key);
}

std::string forged_fitting(const std::string& genuine, const Edit& edit) {
  return forged(genuine, [&](Json& body) {
    edit(body);
    fit_roots(body);
  });
}

std::string other_digest() { return std::string(64, 'a'); }

double far(Prng& prng) { return 0.2 + 0.3 * prng.uniform(); }
double near_margin(Prng& prng) { return prng.uniform() * 0.04; }
double zero(Prng&) { return 0; }

}  // namespace assay::forging
