// replay_certificate: the verification run again, and what it gives compared with what is stated.
#include <algorithm>

#include "verify/certificate.h"

namespace assay {
namespace {

Result<VerifyOptions> options_of(const VerifyReport& stated, const ReplayOptions& replay) {
  VerifyOptions options;
  options.reference = replay.reference;
  options.target = replay.target;
  options.challenges = stated.challenges_requested;
  options.challenge_tokens = stated.challenge_tokens_max;
  options.alpha = stated.alpha;
  options.delta = stated.delta;
  options.memory_bytes = replay.memory_bytes;
  options.threads = replay.threads;
  options.run_id = stated.run_id;
  options.execute_always = stated.tier == Tier::kExecution;
  if (stated.tier == Tier::kArtifact) return options;
  if (stated.scope == Scope::kCensus) {
    options.prompts = replay.prompts;
    if (!options.prompts && !stated.evidence.prompts.empty()) {
      options.prompts = stated.evidence.prompts;
    }
    if (!options.prompts) {
      return invalid_argument(
          "the certificate is about a list of prompts that it does not carry; give the list with "
          "--prompts");
    }
  } else if (stated.key_source == KeySource::kKeyFile) {
    if (!replay.key_file) {
      return invalid_argument(
          "the challenges of this certificate come from a key file; give it with --key-file");
    }
    options.key_file = replay.key_file;
  }
  return options;
}

class Comparison {
 public:
  Comparison(const VerifyReport& stated, const VerifyReport& found, CertificateCheck& out)
      : stated_(stated), found_(found), out_(out) {}

  void run() {
    // An artifact verdict is about values: another file of the same model replays it as well.
    if (stated_.tier == Tier::kExecution) {
      digest("replay: digest of model a", stated_.model_a.digest, found_.model_a.digest);
      digest("replay: digest of model b", stated_.model_b.digest, found_.model_b.digest);
    }
    digest("replay: canonical digest of model a", stated_.model_a.canonical_digest,
           found_.model_a.canonical_digest);
    digest("replay: canonical digest of model b", stated_.model_b.canonical_digest,
           found_.model_b.canonical_digest);
    digest("replay: tokenizer of model a", stated_.model_a.tokenizer_digest,
           found_.model_a.tokenizer_digest);
    digest("replay: tokenizer of model b", stated_.model_b.tokenizer_digest,
           found_.model_b.tokenizer_digest);
    digest("replay: challenge set root", stated_.evidence.challenge_set_root,
           found_.evidence.challenge_set_root);
    digest("replay: root of model a", stated_.root_a, found_.root_a);
    digest("replay: root of model b", stated_.root_b, found_.root_b);
    distances();
    const bool same = stated_.verdict == found_.verdict && stated_.exact == found_.exact &&
                      stated_.tier == found_.tier;
    step("replay: verdict", same, verdict_text(stated_),
         verdict_text(stated_) + " is stated; the replay gives " + verdict_text(found_));
  }

 private:
  static std::string verdict_text(const VerifyReport& report) {
    return std::string(decision_name(report.verdict)) + (report.exact ? ", exact" : "") +
           ", tier " + std::string(tier_name(report.tier));
  }

  void step(std::string name, bool ok, std::string detail, std::string fault) {
    out_.steps.push_back(
        {.name = std::move(name), .ok = ok, .detail = ok ? std::move(detail) : std::move(fault)});
  }
  void digest(std::string name, const Digest& stated, const Digest& found) {
    step(std::move(name), stated == found, to_hex(found),
         "stated " + to_hex(stated) + ", found " + to_hex(found));
  }
  void distances() {
    const std::vector<ChallengeEvidence>& stated = stated_.evidence.challenges;
    const std::vector<ChallengeEvidence>& found = found_.evidence.challenges;
    const auto differs = std::mismatch(
        stated.begin(), stated.end(), found.begin(), found.end(),
        [](const ChallengeEvidence& x, const ChallengeEvidence& y) { return x.tv == y.tv; });
    const bool ok = differs.first == stated.end() && differs.second == found.end();
    step("replay: distances", ok,
         std::to_string(stated.size()) + " total variations, equal to the last bit",
         std::to_string(stated.size()) + " stated and " + std::to_string(found.size()) +
             " found; the first that differs is that of challenge " +
             std::to_string(differs.first - stated.begin()));
  }

  const VerifyReport& stated_;
  const VerifyReport& found_;
  CertificateCheck& out_;
};

}  // namespace

Result<CertificateCheck> replay_certificate(const std::string& text, const ReplayOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(CertificateCheck out, check_certificate(text));
  if (!out.ok) return out;
  ASSAY_ASSIGN_OR_RETURN(const VerifyOptions verify_options, options_of(out.report, options));
  ASSAY_ASSIGN_OR_RETURN(const VerifyReport found, verify(verify_options, options.progress));
  Comparison(out.report, found, out).run();
  out.ok = std::all_of(out.steps.begin(), out.steps.end(),
                       [](const CertificateCheck::Step& step) { return step.ok; });
  return out;
}

}  // namespace assay
