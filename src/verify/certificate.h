// The certificate (assay.certificate.v1, docs/formats/certificate.md): a verdict with what a third
// party needs to recompute it, signed with Ed25519. Tested in certificate_test.cc; fuzzed in
// certificate_fuzz.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/ed25519.h"
#include "verify/report.h"
#include "verify/session.h"

namespace assay {

inline constexpr size_t kCertificateTextMax = size_t{8} << 20;

// Canonical JSON, one line and a newline at the end. The prompts of a census go in when they are
// UTF-8 of at most 1 MiB together; of paths only the last component does.
// Pre: sites and evidence.sites go together (CHECK).
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
  std::string tool_version;  // of the program that made it
};

// Checks a certificate from its text alone. A false certificate is a CertificateCheck with ok ==
// false and the failing step. What the text alone cannot show (that the roots come from these
// models) is what replay_certificate is for.
// Errors: DATA_LOSS when the text is not a certificate at all (names the field).
// Cost: linear in the text; about 10 ms for 512 challenges. Threads: safe.
Result<CertificateCheck> check_certificate(const std::string& text);

// Replays: runs the verification again on the given files with the certificate's challenges and
// options, and compares digests, roots, distances and verdict. Returns the steps of
// check_certificate and, when all of those hold, one step for each comparison.
struct ReplayOptions {
  std::string reference;
  std::string target;
  uint64_t memory_bytes = 0;
  uint64_t threads = 0;
  std::optional<std::string> key_file{};  // when the challenges came from a key file
  // The prompts of a census that is too large to be carried in its certificate.
  std::optional<std::vector<std::string>> prompts{};
  ProgressFn progress{};
};
// Errors: those of check_certificate; INVALID_ARGUMENT when the certificate needs a key file or
// prompts and none are given; those of verify().
Result<CertificateCheck> replay_certificate(const std::string& text, const ReplayOptions& options);

}  // namespace assay
