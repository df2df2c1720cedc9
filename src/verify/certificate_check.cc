// check_certificate: everything in a certificate that follows from something else in it is computed
// again and compared. Steps do not stop at the first failure, so that a person sees what else is
// wrong. docs/formats/certificate.md lists the steps.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/decimal.h"
#include "base/json_fields.h"
#include "verify/certificate.h"
#include "verify/certificate_body.h"
#include "verify/certificate_steps.h"
#include "verify/challenge.h"
#include "verify/challenge_set.h"
#include "verify/transcript.h"
#include "verify/waves.h"

namespace assay {
namespace {

using namespace certificate_steps;
using certificate_body::Stated;

struct Envelope {
  Json json;
  std::string body;  // canonical
  PublicKey signer{};
  Signature signature{};
  Stated stated;
};

Result<Envelope> read_envelope(const std::string& text) {
  Envelope out;
  ASSAY_ASSIGN_OR_RETURN(out.json, parse_json(text, "certificate",
                                              {.depth_max = 8, .bytes_max = kCertificateTextMax}));
  JsonFields fields(out.json, "certificate");
  const Json& body = fields.object("body");
  JsonFields signature(fields.object("signature"), "certificate: signature");
  if (!fields.ok()) return fields.finish();
  if (signature.text("algorithm", 16) != "ed25519") {
    signature.fail("algorithm", "expected ed25519");
  }
  out.signer = signature.bytes<sizeof(PublicKey)>("public_key");
  out.signature = signature.bytes<sizeof(Signature)>("value");
  fields.adopt(signature.finish());
  ASSAY_RETURN_IF_ERROR(fields.finish());
  ASSAY_ASSIGN_OR_RETURN(out.stated, certificate_body::read_body(body));
  // Every field was read as a string, integer or flag: nothing is left that has no canonical form.
  out.body = canonical_json(body);
  return out;
}

class Checker {
 public:
  Checker(const VerifyReport& report, CertificateCheck& out)
      : r_(report), e_(report.evidence), out_(out) {}

  void step(std::string name, const Fault& fault, std::string detail) {
    out_.steps.push_back({.name = std::move(name),
                          .ok = fault.empty(),
                          .detail = fault.empty() ? std::move(detail) : fault});
  }

  void run() {
    const Fault fault = options();
    step("options", fault,
         "error rate " + to_decimal(r_.alpha) + ", margin " + to_decimal(r_.delta) + ", " +
             count_of(r_.challenges_requested, "challenge") + " asked for");
    // The test's constructor takes valid options only.
    if (!fault.empty()) return;
    if (r_.tier == Tier::kArtifact) {
      artifact_steps();
    } else {
      execution_steps();
    }
  }

 private:
  Fault options() const {
    const Status status = check_options({.alpha = r_.alpha, .delta = r_.delta});
    if (!status.ok()) return status.message();
    if (r_.challenges_requested == 0) return "no challenges were asked for";
    if (r_.challenge_tokens_max < 2) return "challenges of fewer than 2 tokens";
    if (r_.run_id.empty()) return "the run id is empty";
    if (r_.profile.empty()) return "the arithmetic profile is empty";
    return {};
  }

  // --- artifact tier ----------------------------------------------------------------------------

  void artifact_steps() {
    step("models", equal_artifacts(), "equal weights as values, equal tokenizer");
    step("root of model a", compare("root_a", r_.root_a, r_.model_a.canonical_digest),
         "is the canonical digest " + short_hex(r_.root_a));
    step("root of model b", compare("root_b", r_.root_b, r_.model_b.canonical_digest),
         "is the canonical digest " + short_hex(r_.root_b));
    step("challenges", nothing_executed(), "none: equal artifacts need no execution");
    step("statistics",
         first_of({compare("mean", r_.effect.mean, 0.0), compare("lower", r_.effect.lower, 0.0),
                   compare("upper", r_.effect.upper, 0.0),
                   compare("log_e_value", r_.log_e_value, 0.0),
                   compare("more_needed", r_.more_needed, 0), compare("kl_nats", r_.kl_nats, 0.0),
                   compare("top1_agreement", r_.top1_agreement, 1.0)}),
         "none: the distance of a model to itself is zero");
    const bool same = r_.verdict == Decision::kSame && r_.exact;
    step("verdict", same ? Fault() : "equal artifacts give SAME, exact", "SAME, exact");
  }

  bool artifacts_are_equal() const {
    return r_.model_a.canonical_digest == r_.model_b.canonical_digest &&
           r_.model_a.has_tokenizer == r_.model_b.has_tokenizer &&
           r_.model_a.tokenizer_digest == r_.model_b.tokenizer_digest;
  }

  Fault equal_artifacts() const {
    if (r_.model_a.canonical_digest != r_.model_b.canonical_digest) {
      return "the canonical digests differ, so the artifacts alone give no verdict";
    }
    if (!artifacts_are_equal()) {
      return "the tokenizers differ, so the artifacts alone give no verdict";
    }
    return equal_shapes();
  }

  // The canonical digest covers the shape of the model.
  Fault equal_shapes() const {
    if (r_.model_a.canonical_digest != r_.model_b.canonical_digest) return {};
    if (r_.model_a.layers != r_.model_b.layers || r_.model_a.parameters != r_.model_b.parameters ||
        r_.model_a.family != r_.model_b.family) {
      return "equal canonical digests, but another family, number of layers or of parameters";
    }
    return {};
  }

  Fault nothing_executed() const {
    if (!e_.challenges.empty() || !e_.unused_commitments.empty() || e_.challenges_committed != 0 ||
        r_.challenges_used != 0 || r_.tokens != 0) {
      return "the tier is artifact, but there are challenges";
    }
    if (!e_.sites.empty() || r_.first_divergence) {
      return "the tier is artifact, but there are sites";
    }
    if (r_.scope == Scope::kSample && !e_.prompts.empty()) return "a sample carries no prompts";
    return compare("challenge_set_root", e_.challenge_set_root, digest_list_root({}));
  }

  // --- execution tier ---------------------------------------------------------------------------

  void execution_steps() {
    step("models", equal_shapes(),
         "a " + short_hex(r_.model_a.canonical_digest) + ", b " +
             short_hex(r_.model_b.canonical_digest));
    step("challenges", challenges(),
         std::to_string(e_.challenges.size()) + " used of " +
             std::to_string(e_.challenges_committed) + " committed, " +
             count_of(r_.tokens, "token"));
    step("seeds", seeds(), seeds_detail());
    step("challenge set root",
         compare("challenge_set_root", e_.challenge_set_root, challenge_set_root(e_)),
         short_hex(e_.challenge_set_root) + " over " +
             count_of(e_.challenges.size() + e_.unused_commitments.size(), "commitment"));
    step("root of model a", compare("root_a", r_.root_a, root_of(r_.model_a, Side::kA)),
         root_detail(r_.root_a));
    step("root of model b", compare("root_b", r_.root_b, root_of(r_.model_b, Side::kB)),
         root_detail(r_.root_b));
    step("sites", check_sites(r_), sites_detail(r_));
    step("first divergence", check_first_divergence(r_), divergence_detail(r_));
    const MeanTest test = replayed();
    step("stopping rule", stopping_, stopping_detail());
    step("statistics", statistics(test),
         "mean " + to_decimal(r_.effect.mean) + " in [" + to_decimal(r_.effect.lower) + ", " +
             to_decimal(r_.effect.upper) + "], log e-value " + to_decimal(r_.log_e_value));
    step("exactness", exactness(),
         r_.exact ? "every digest and every distance says equal" : "not claimed, and not so");
    step("verdict", verdict(test), verdict_detail());
  }

  Fault challenges() const {
    if (e_.challenges.empty()) return "no challenge was used";
    const size_t used = e_.challenges.size();
    uint64_t tokens = 0;
    std::set<Digest> commitments;
    for (size_t i = 0; i < used; ++i) {
      if (e_.challenges[i].tokens == 0) {
        return "challenge " + std::to_string(i) + " has no scored token";
      }
      if (e_.challenges[i].tokens > r_.challenge_tokens_max) {
        return "challenge " + std::to_string(i) + " has " +
               std::to_string(e_.challenges[i].tokens) + " tokens; at most " +
               std::to_string(r_.challenge_tokens_max) + " were asked for";
      }
      tokens += e_.challenges[i].tokens;
      commitments.insert(e_.challenges[i].commitment);
    }
    commitments.insert(e_.unused_commitments.begin(), e_.unused_commitments.end());
    const size_t all = used + e_.unused_commitments.size();
    // A caller's own list may hold a prompt twice; drawn challenges have distinct seeds.
    if (r_.scope == Scope::kSample && commitments.size() != all) {
      return "a commitment appears twice";
    }
    if (r_.scope == Scope::kCensus && !e_.prompts.empty() && e_.prompts.size() != all) {
      return count_of(e_.prompts.size(), "prompt") + " for " + count_of(all, "challenge");
    }
    if (r_.scope == Scope::kSample && !e_.prompts.empty()) return "a sample carries no prompts";
    return first_of({compare("challenges_used", r_.challenges_used, used),
                     compare("challenges_committed", e_.challenges_committed, all),
                     compare("challenges_requested", r_.challenges_requested, all),
                     compare("tokens", r_.tokens, tokens)});
  }

  Fault seeds() const {
    if (r_.scope == Scope::kCensus) return {};
    std::set<Digest> distinct;
    const Bytes key = key_of_files(r_.model_a.digest, r_.model_b.digest);
    for (size_t i = 0; i < e_.challenges.size(); ++i) {
      const Digest& seed = e_.challenges[i].seed;
      if (!distinct.insert(seed).second) {
        return "the seed of challenge " + std::to_string(i) + " appears twice";
      }
      if (r_.key_source == KeySource::kFiles && seed != challenge_seed(key, r_.run_id, i)) {
        return "the seed of challenge " + std::to_string(i) +
               " does not follow from the digests of both files and the run id";
      }
    }
    return {};
  }

  std::string seeds_detail() const {
    if (r_.scope == Scope::kCensus) return "none: the prompts are the caller's own";
    const std::string count = count_of(e_.challenges.size(), "seed");
    if (r_.key_source == KeySource::kFiles) {
      return count + " derived again from the digests of both files: nobody picked the challenges";
    }
    return count + ", distinct, taken as stated: their key is in a key file (replay checks it)";
  }

  Digest root_of(const ModelSummary& model, Side side) const {
    return run_root({.profile = r_.profile,
                     .model = model.canonical_digest,
                     .tokenizer = model.tokenizer_digest},
                    e_, side);
  }

  std::string root_detail(const Digest& root) const {
    return short_hex(root) + " over " + count_of(e_.challenges.size(), "challenge") + " and " +
           count_of(e_.sites.size(), "site");
  }

  // Feeds the distances to the test in order, and looks at the end of each wave as the run did.
  MeanTest replayed() {
    MeanTest test({.alpha = r_.alpha, .delta = r_.delta});
    const size_t used = e_.challenges.size();
    const std::vector<uint64_t> ends = wave_ends(r_.challenges_requested);
    size_t wave = 0;
    for (size_t i = 0; i < used; ++i) {
      test.add(e_.challenges[i].tv);
      if (wave == ends.size() || i + 1 != ends[wave]) continue;
      ++wave;
      if (i + 1 < used && r_.scope == Scope::kSample && test.decision() != Decision::kUndecided &&
          stopping_.empty()) {
        stopping_ = "the decision stood after " + count_of(i + 1, "challenge") +
                    ", yet the run went on to " + std::to_string(used);
      }
    }
    if (!stopping_.empty()) return test;
    if (r_.scope == Scope::kCensus) {
      if (used != r_.challenges_requested) stopping_ = "a census must use its whole list";
    } else if (wave == 0 || ends[wave - 1] != used) {
      stopping_ = count_of(used, "challenge") + " is not the end of a wave";
    } else if (used < r_.challenges_requested && test.decision() == Decision::kUndecided) {
      stopping_ = "the run stopped after " + count_of(used, "challenge") + " of " +
                  std::to_string(r_.challenges_requested) + " without a decision";
    }
    return test;
  }

  std::string stopping_detail() const {
    if (r_.scope == Scope::kCensus) return "a census: the whole list";
    return "after " + count_of(e_.challenges.size(), "challenge") +
           (e_.challenges.size() < r_.challenges_requested ? ", the first wave with a decision"
                                                           : ", the whole budget");
  }

  Fault statistics(const MeanTest& test) const {
    if (!(r_.top1_agreement >= 0 && r_.top1_agreement <= 1)) {
      return "top1_agreement is outside [0, 1]";
    }
    if (r_.scope == Scope::kCensus) {
      return first_of({compare("mean", r_.effect.mean, test.mean()),
                       compare("lower", r_.effect.lower, test.mean()),
                       compare("upper", r_.effect.upper, test.mean()),
                       compare("log_e_value", r_.log_e_value, 0.0),
                       compare("more_needed", r_.more_needed, 0)});
    }
    const bool undecided = r_.verdict == Decision::kUndecided;
    const double log_e = r_.verdict == Decision::kSame ? test.log_e_same()
                         : undecided ? std::max(test.log_e_same(), test.log_e_different())
                                     : test.log_e_different();
    return first_of({compare("mean", r_.effect.mean, test.mean()),
                     compare("lower", r_.effect.lower, test.lower()),
                     compare("upper", r_.effect.upper, test.upper()),
                     compare("log_e_value", r_.log_e_value, log_e),
                     compare("more_needed", r_.more_needed, undecided ? test.more_needed() : 0)});
  }

  bool distances_are_zero() const {
    return std::all_of(e_.challenges.begin(), e_.challenges.end(),
                       [](const ChallengeEvidence& challenge) { return challenge.tv == 0; });
  }
  bool everything_is_equal() const {
    return distances_are_zero() &&
           std::all_of(e_.sites.begin(), e_.sites.end(), [](const SiteEvidence& site) {
             return site.in_a && site.in_b && site.column_a == site.column_b;
           });
  }

  Fault exactness() const {
    const bool equal = everything_is_equal();
    if (r_.exact && !equal) {
      return "claimed, but a column or a distance says that the models differ";
    }
    if (!r_.exact && equal) return "not claimed, but every digest and every distance says equal";
    if (r_.exact && (r_.kl_nats != 0 || r_.top1_agreement != 1)) {
      return "claimed, but kl_nats or top1_agreement says that the models differ";
    }
    if (!r_.exact && artifacts_are_equal()) {
      return "equal canonical digests and tokenizers cannot execute differently";
    }
    const bool one_tokenizer = r_.model_a.has_tokenizer == r_.model_b.has_tokenizer &&
                               r_.model_a.tokenizer_digest == r_.model_b.tokenizer_digest;
    if (!distances_are_zero() && one_tokenizer && !e_.sites.empty() &&
        e_.sites.back().column_a == e_.sites.back().column_b) {
      return "equal logits of one tokenizer cannot be at a distance";
    }
    return {};
  }

  Fault verdict(const MeanTest& test) const {
    Decision computed = r_.exact ? Decision::kSame : test.decision();
    if (r_.scope == Scope::kCensus) {
      uint64_t sum = 0;  // room for 2^31 challenges
      for (const ChallengeEvidence& challenge : e_.challenges) sum += challenge.tv;
      const Fixed margin = fixed_from_unit(r_.delta) * e_.challenges.size();
      computed = sum <= margin ? Decision::kSame : Decision::kDifferent;
    }
    if (r_.verdict == computed) return {};
    return not_equal("the verdict", decision_name(r_.verdict), decision_name(computed));
  }

  std::string verdict_detail() const {
    return std::string(decision_name(r_.verdict)) + (r_.exact ? ", exact" : "") +
           (r_.scope == Scope::kCensus ? ", about exactly these prompts" : "");
  }

  const VerifyReport& r_;
  const RunEvidence& e_;
  CertificateCheck& out_;
  Fault stopping_;
};

}  // namespace

Result<CertificateCheck> check_certificate(const std::string& text) {
  ASSAY_ASSIGN_OR_RETURN(Envelope envelope, read_envelope(text));
  CertificateCheck out;
  out.report = std::move(envelope.stated.report);
  out.tool_version = std::move(envelope.stated.tool_version);
  out.signer = envelope.signer;
  Checker checker(out.report, out);
  checker.step("canonical form",
               canonical_json(envelope.json) + "\n" == text
                   ? Fault()
                   : "the text is not the canonical spelling of its content",
               "the one spelling of this content, " + count_of(text.size(), "byte"));
  checker.step(
      "signature",
      ed25519_verify(envelope.signer, as_bytes(certificate_body::signed_bytes(envelope.body)),
                     envelope.signature)
          ? Fault()
          : "the signature is not of this body by this key",
      "ed25519, key " + to_hex(ByteSpan(envelope.signer)));
  checker.run();
  out.ok = std::all_of(out.steps.begin(), out.steps.end(),
                       [](const CertificateCheck::Step& step) { return step.ok; });
  return out;
}

}  // namespace assay
