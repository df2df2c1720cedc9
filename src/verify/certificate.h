// The certificate (assay.certificate.v1, docs/formats/certificate.md): a verdict with what a third
// party needs to recompute it, signed with Ed25519. Tested in certificate_test.cc; fuzzed in
// certificate_fuzz.cc.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/ed25519.h"
#include "verify/report.h"

namespace assay {

// Canonical JSON, one line and a newline at the end.
std::string make_certificate(const VerifyReport& report, const SigningKey& key);

struct CertificateCheck {
  // Each step in order, with what was recomputed: "signature", "challenge set root", "root of model
  // a", "verdict" …
  struct Step {
    std::string name;
    bool ok = false;
    std::string detail;
  };
  std::vector<Step> steps;
  bool ok = false;      // every step
  VerifyReport report;  // what the certificate states, when it could be read
  PublicKey signer{};
};

// Checks a certificate from its text alone. A false certificate is a CertificateCheck with ok ==
// false and the failing step. Errors: DATA_LOSS when the text is not a certificate at all (names
// the field).
Result<CertificateCheck> check_certificate(const std::string& text);

// Replays: runs the verification again on the given files with the certificate's challenges and
// options, and compares digests, roots and verdict. Returns the steps as above.
struct ReplayOptions {
  std::string reference;
  std::string target;
  uint64_t memory_bytes = 0;
  uint64_t threads = 0;
};
Result<CertificateCheck> replay_certificate(const std::string& text, const ReplayOptions& options);

}  // namespace assay
