// Tampering with a key of one's own: the signature holds, so the step that is there for the lie has
// to catch it. Every lie names that step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/certificate.h"
#include "verify/certificate_forging.h"
#include "verify/synthetic_report.h"

namespace assay {
namespace {

using namespace forging;  // the words of these tests
using synthetic::Shape;
using ::testing::HasSubstr;

struct Lie {
  std::string what;
  std::function<void(Json&)> edit;
  std::string caught;  // the step that must fail, and what it must say
};

// Each lie must be caught by the step that is there for it; `genuine` must hold before.
void expect_caught(const std::string& genuine, const std::vector<Lie>& lies, bool fit) {
  ASSERT_EQ(faults(genuine), "");
  for (const Lie& lie : lies) {
    const std::string text = fit ? forged_fitting(genuine, lie.edit) : forged(genuine, lie.edit);
    EXPECT_THAT(faults(text), HasSubstr(lie.caught)) << lie.what;
    EXPECT_THAT(faults(text), ::testing::Not(HasSubstr("signature:"))) << lie.what;
  }
}

TEST(CertificateLies, AnUnchangedBodySignedByAnotherKeyHoldsAndNamesThatKey) {
  const std::string genuine = certificate(synthetic::report({}));
  const Result<CertificateCheck> check = check_certificate(forged(genuine, [](Json&) {}));
  ASSERT_TRUE(check.ok() && check->ok);
  EXPECT_NE(check->signer, honest_key().public_key());
}

TEST(CertificateLies, RootsAndCommitments) {
  expect_caught(
      certificate(synthetic::report({.tv = far})),
      {
          {"root of a", [](Json& b) { b["root_a"] = other_digest(); }, "root of model a: root_a"},
          {"root of b", [](Json& b) { b["root_b"] = other_digest(); }, "root of model b: root_b"},
          {"roots swapped", [](Json& b) { std::swap(b["root_a"], b["root_b"]); },
           "root of model a: root_a"},
          {"set root", [](Json& b) { b["challenge_set_root"] = other_digest(); },
           "challenge set root: challenge_set_root"},
          {"a commitment", [](Json& b) { b["challenges"][3]["commitment"] = other_digest(); },
           "challenge set root: challenge_set_root"},
          {"an unused commitment", [](Json& b) { b["unused_commitments"][3] = other_digest(); },
           "challenge set root: challenge_set_root"},
          {"unused commitments reordered",
           [](Json& b) { std::swap(b["unused_commitments"][0], b["unused_commitments"][1]); },
           "challenge set root: challenge_set_root"},
          {"a challenge's root of a",
           [](Json& b) { b["challenges"][7]["root_a"] = other_digest(); }, "root of model a: "},
          {"a challenge's root of b",
           [](Json& b) { b["challenges"][7]["root_b"] = other_digest(); }, "root of model b: "},
          {"a column of a", [](Json& b) { b["sites"][4]["column_a"] = other_digest(); },
           "root of model a: "},
          {"a column of b", [](Json& b) { b["sites"][4]["column_b"] = other_digest(); },
           "root of model b: "},
          {"a canonical digest", [](Json& b) { b["model_a"]["canonical_digest"] = other_digest(); },
           "root of model a: "},
          {"a tokenizer", [](Json& b) { b["model_b"]["tokenizer_digest"] = other_digest(); },
           "root of model b: "},
          {"a tokenizer taken away", [](Json& b) { b["model_b"]["tokenizer_digest"] = nullptr; },
           "root of model b: "},
          {"the profile", [](Json& b) { b["profile"] = "f64-v1"; }, "root of model a: "},
          {"a site's name", [](Json& b) { b["sites"][1]["site"] = "L0.post_xyz"; },
           "root of model a: "},
      },
      /*fit=*/false);
}

TEST(CertificateLies, ChallengesAndSeeds) {
  expect_caught(
      certificate(synthetic::report({.tv = far})),
      {
          {"one challenge fewer", [](Json& b) { b["challenges"].erase(63); },
           "challenges: challenges_used"},
          {"an unused commitment fewer", [](Json& b) { b["unused_commitments"].erase(0); },
           "challenges: challenges_committed"},
          {"a smaller budget", [](Json& b) { b["challenges_requested"] = 511; },
           "challenges: challenges_requested"},
          {"tokens", [](Json& b) { b["tokens"] = 5; }, "challenges: tokens is stated as 5"},
          {"tokens of one challenge", [](Json& b) { b["challenges"][0]["tokens"] = 24; },
           "challenges: tokens is stated as"},
          {"a challenge that is too long", [](Json& b) { b["challenges"][0]["tokens"] = 9999; },
           "challenges: challenge 0 has 9999 tokens; at most 24"},
          {"a challenge of no tokens", [](Json& b) { b["challenges"][0]["tokens"] = 0; },
           "has no scored token"},
          {"a challenge used twice", [](Json& b) { b["challenges"][9] = b["challenges"][8]; },
           "challenges: a commitment"},
          {"a seed used twice",
           [](Json& b) { b["challenges"][9]["seed"] = b["challenges"][8]["seed"]; },
           "seeds: the seed of challenge 9 appears twice"},
          {"a picked seed", [](Json& b) { b["challenges"][9]["seed"] = other_digest(); },
           "seeds: the seed of challenge 9 does not follow"},
          {"challenges reordered",
           [](Json& b) { std::swap(b["challenges"][1], b["challenges"][2]); },
           "seeds: the seed of challenge 1 does not follow"},
          {"another run's id", [](Json& b) { b["run_id"] = "nightly-8"; },
           "seeds: the seed of challenge 0 does not follow"},
          {"another file a", [](Json& b) { b["model_a"]["digest"] = other_digest(); },
           "seeds: the seed of challenge 0 does not follow"},
          {"another file b", [](Json& b) { b["model_b"]["digest"] = other_digest(); },
           "seeds: the seed of challenge 0 does not follow"},
          {"prompts in a sample", [](Json& b) { b["prompts"] = {"hello"}; },
           "challenges: a sample carries no prompts"},
      },
      /*fit=*/true);
}

TEST(CertificateLies, SeedsOfAKeyFileAreTakenAsStatedButMustBeDistinct) {
  const std::string genuine =
      certificate(synthetic::report({.key_source = KeySource::kKeyFile, .tv = far}));
  EXPECT_EQ(
      faults(forged_fitting(genuine, [](Json& b) { b["challenges"][9]["seed"] = other_digest(); })),
      "");
  expect_caught(
      genuine,
      {{"claims the files as source", [](Json& b) { b["key_source"] = "files"; },
        "seeds: the seed of challenge 0 does not follow"},
       {"a seed twice", [](Json& b) { b["challenges"][9]["seed"] = b["challenges"][8]["seed"]; },
        "seeds: the seed of challenge 9 appears twice"}},
      /*fit=*/true);
}

TEST(CertificateLies, DistancesAndStatistics) {
  expect_caught(
      certificate(synthetic::report({})),
      {
          {"a distance by one unit",
           [](Json& b) { b["challenges"][3]["tv"] = b["challenges"][3]["tv"].get<uint64_t>() + 1; },
           "statistics: mean"},
          {"the mean", [](Json& b) { b["effect"]["mean"] = "0.001"; }, "statistics: mean"},
          {"the lower end", [](Json& b) { b["effect"]["lower"] = "0.001"; }, "statistics: lower"},
          {"the upper end", [](Json& b) { b["effect"]["upper"] = "0.005"; }, "statistics: upper"},
          {"the e-value", [](Json& b) { b["log_e_value"] = "99"; }, "statistics: log_e_value"},
          {"more needed", [](Json& b) { b["more_needed"] = 3; }, "statistics: more_needed"},
          {"the margin", [](Json& b) { b["delta"] = "0.5"; },
           "stopping rule: the decision stood after 64"},
          {"the error rate", [](Json& b) { b["alpha"] = "0.001"; }, "statistics: "},
          {"agreement above one", [](Json& b) { b["top1_agreement"] = "1.5"; },
           "statistics: top1_agreement"},
          {"the verdict", [](Json& b) { b["verdict"] = "DIFFERENT"; },
           "verdict: the verdict is stated as DIFFERENT; it computes to SAME"},
          {"no verdict", [](Json& b) { b["verdict"] = "UNDECIDED"; },
           "verdict: the verdict is stated as UNDECIDED"},
          {"a census",
           [](Json& b) {
             b["scope"] = "census";
             for (Json& c : b["challenges"]) c["seed"] = nullptr;
           },
           "statistics: lower"},
      },
      /*fit=*/true);
}

TEST(CertificateLies, ADifferenceSoldAsTheSame) {
  const VerifyReport report = synthetic::report({.tv = far});
  expect_caught(certificate(report),
                {{"verdict", [](Json& b) { b["verdict"] = "SAME"; },
                  "verdict: the verdict is stated as SAME; it computes to DIFFERENT"},
                 {"verdict, and exact",
                  [](Json& b) {
                    b["verdict"] = "SAME";
                    b["exact"] = true;
                  },
                  "exactness: claimed"},
                 {"distances set to zero",
                  [](Json& b) {
                    for (Json& c : b["challenges"]) c["tv"] = 0;
                    b["verdict"] = "SAME";
                  },
                  "statistics: mean"},
                 {"tier artifact",
                  [](Json& b) {
                    b["tier"] = "artifact";
                    b["verdict"] = "SAME";
                    b["exact"] = true;
                  },
                  "models: the canonical digests differ"}},
                /*fit=*/true);
}

TEST(CertificateLies, OptionsOutOfRange) {
  expect_caught(
      certificate(synthetic::report({})),
      {
          {"alpha 0", [](Json& b) { b["alpha"] = "0"; }, "options: alpha"},
          {"alpha 0.9", [](Json& b) { b["alpha"] = "0.9"; }, "options: alpha"},
          {"alpha -1", [](Json& b) { b["alpha"] = "-1"; }, "options: alpha"},
          {"delta 0", [](Json& b) { b["delta"] = "0"; }, "options: delta"},
          {"delta 1", [](Json& b) { b["delta"] = "1"; }, "options: delta"},
          {"no challenges", [](Json& b) { b["challenges_requested"] = 0; },
           "options: no challenges"},
          {"tokens of one", [](Json& b) { b["challenge_tokens_max"] = 1; },
           "options: challenges of"},
          {"no run id", [](Json& b) { b["run_id"] = ""; }, "options: the run id"},
          {"no profile", [](Json& b) { b["profile"] = ""; }, "options: the arithmetic profile"},
      },
      /*fit=*/false);
}

TEST(CertificateLies, StoppingRule) {
  // 0.04 uniform: undecided for long. Cutting the run where it looked best is not allowed.
  const std::string undecided =
      certificate(synthetic::report({.requested = 400, .tv = near_margin}));
  const auto cut_at = [](size_t used) {
    return [used](Json& b) {
      uint64_t tokens = 0;
      Json unused = Json::array();
      for (size_t i = used; i < b["challenges"].size(); ++i) {
        unused.push_back(b["challenges"][i]["commitment"]);
      }
      b["unused_commitments"] = unused;
      while (b["challenges"].size() > used) b["challenges"].erase(b["challenges"].size() - 1);
      for (const Json& c : b["challenges"]) tokens += c["tokens"].get<uint64_t>();
      b["tokens"] = tokens;
      b["challenges_used"] = used;
    };
  };
  expect_caught(undecided,
                {{"cut inside a wave", cut_at(200), "stopping rule: 200 challenges is not the end"},
                 {"cut at a wave without a decision", cut_at(64),
                  "stopping rule: the run stopped after 64 challenges of 400 without a decision"}},
                /*fit=*/true);
  // Going on after the decision stood.
  VerifyReport late = synthetic::report({.requested = 64, .tv = far});
  VerifyReport longer = synthetic::report({.requested = 320, .scope = Scope::kCensus, .tv = far});
  ASSERT_EQ(late.challenges_used, 64u);
  longer.scope = Scope::kSample;
  longer.key_source = KeySource::kKeyFile;
  longer.evidence.prompts.clear();
  Prng prng(3);
  for (ChallengeEvidence& c : longer.evidence.challenges) c.seed = synthetic::random_digest(prng);
  EXPECT_THAT(faults(certificate(longer)),
              HasSubstr("stopping rule: the decision stood after 64 challenges, yet the run went "
                        "on to 320"));
}

TEST(CertificateLies, Sites) {
  const Shape shape{.layers_a = 3, .layers_b = 2, .tv = far};  // sites 0-5, final 6, logits 7
  expect_caught(
      certificate(synthetic::report(shape)),
      {
          {"digest_equal claimed", [](Json& b) { b["sites"][3]["digest_equal"] = true; },
           "sites: L1.post_mlp: digest_equal does not follow"},
          {"digest_equal denied", [](Json& b) { b["sites"][0]["digest_equal"] = false; },
           "sites: L0.post_attn: digest_equal does not follow"},
          {"columns made equal",
           [](Json& b) { b["sites"][3]["column_b"] = b["sites"][3]["column_a"]; },
           "sites: L1.post_mlp: digest_equal does not follow"},
          {"a distance where digests are equal",
           [](Json& b) { b["sites"][0]["relative_l2"] = "0.1"; },
           "sites: L0.post_attn: equal digests, but a distance"},
          {"sketch bits where digests are equal",
           [](Json& b) { b["sites"][0]["sketch_hamming"] = "0.1"; },
           "sites: L0.post_attn: equal digests, but a distance"},
          {"a negative distance", [](Json& b) { b["sites"][3]["relative_l2"] = "-1"; },
           "sites: L1.post_mlp: a negative"},
          {"a cosine of two", [](Json& b) { b["sites"][3]["cosine"] = "2"; },
           "sites: L1.post_mlp: a cosine outside"},
          {"a share above one", [](Json& b) { b["sites"][3]["sketch_hamming"] = "1.25"; },
           "sites: L1.post_mlp: a share"},
          {"a distance where only one has the site", [](Json& b) { b["sites"][4]["cosine"] = "1"; },
           "sites: L2.post_attn: only one model has it"},
          {"a site that b cannot have", [](Json& b) { b["sites"][4]["column_b"] = other_digest(); },
           "sites: L2.post_attn: model b has 2 layers"},
          {"a site taken from a", [](Json& b) { b["sites"][1]["column_a"] = nullptr; },
           "sites: L0.post_mlp: model a has 3 layers"},
          {"fewer layers", [](Json& b) { b["model_a"]["layers"] = 2; },
           "sites: L2.post_attn is not a site"},
          {"more layers", [](Json& b) { b["model_a"]["layers"] = 4; },
           "sites: L3.post_attn is missing before final"},
          {"order", [](Json& b) { std::swap(b["sites"][0], b["sites"][1]); },
           "sites: L0.post_attn is missing before L0.post_mlp"},
          {"a site twice", [](Json& b) { b["sites"][1] = b["sites"][0]; },
           "sites: L0.post_attn is out of order"},
          {"a layer left out",
           [](Json& b) {
             b["sites"].erase(2);
             b["sites"].erase(2);
           },
           "sites: L1.post_attn is missing before L2.post_attn"},
          {"an unknown site", [](Json& b) { b["sites"][0]["site"] = "L0.post_norm"; },
           "sites: L0.post_norm is not a site"},
          {"a padded number", [](Json& b) { b["sites"][0]["site"] = "L00.post_attn"; },
           "sites: L00.post_attn is not a site"},
          {"no logits", [](Json& b) { b["sites"].erase(7); }, "sites: the last two sites"},
      },
      /*fit=*/true);
}

TEST(CertificateLies, FirstDivergence) {
  const Shape shape{.layers_a = 5, .layers_b = 5, .tv = far};
  const VerifyReport report = synthetic::report(shape);
  ASSERT_EQ(report.first_divergence->site, "L1.post_mlp");
  ASSERT_EQ(report.first_divergence->beyond_margin_site, "L3.post_mlp");
  expect_caught(
      certificate(report),
      {
          {"later", [](Json& b) { b["first_divergence"]["site"] = "L2.post_attn"; },
           "first divergence: the site is stated as L2.post_attn; it computes to L1.post_mlp"},
          {"earlier", [](Json& b) { b["first_divergence"]["site"] = "L0.post_attn"; },
           "first divergence: the site is stated as L0.post_attn"},
          {"none", [](Json& b) { b["first_divergence"] = nullptr; },
           "first divergence: none is named, but L1.post_mlp differs"},
          {"a challenge that was not used",
           [](Json& b) { b["first_divergence"]["challenge"] = 64; },
           "first divergence: challenge 64 was not used"},
          {"no site beyond the margin",
           [](Json& b) { b["first_divergence"]["beyond_margin_site"] = nullptr; },
           "first divergence: the site beyond the margin is stated as none"},
          {"another site beyond the margin",
           [](Json& b) { b["first_divergence"]["beyond_margin_site"] = "logits"; },
           "first divergence: the site beyond the margin is stated as logits"},
          {"a distance beyond the margin, earlier",
           [](Json& b) { b["sites"][3]["relative_l2"] = "0.5"; },
           "first divergence: the site beyond the margin"},
      },
      /*fit=*/true);
  expect_caught(certificate(synthetic::report({.equal_sites = 99, .tv = zero})),
                {{"one named where all are equal",
                  [](Json& b) {
                    b["first_divergence"] = {
                        {"site", "logits"}, {"challenge", 0}, {"beyond_margin_site", nullptr}};
                  },
                  "first divergence: every shared site is equal, but one is named"}},
                /*fit=*/true);
}

TEST(CertificateLies, Exactness) {
  expect_caught(
      certificate(synthetic::report({.equal_sites = 99, .tv = zero})),
      {
          {"exact not claimed", [](Json& b) { b["exact"] = false; }, "exactness: not claimed"},
          {"a distance", [](Json& b) { b["challenges"][0]["tv"] = 1; },
           "exactness: claimed, but a column or a distance"},
          {"a column", [](Json& b) { b["sites"][5]["column_b"] = other_digest(); },
           "exactness: claimed, but a column or a distance"},
          {"kl", [](Json& b) { b["kl_nats"] = "0.1"; }, "exactness: claimed, but kl_nats"},
          {"kl without bound", [](Json& b) { b["kl_nats"] = nullptr; },
           "exactness: claimed, but kl_nats"},
          {"top 1", [](Json& b) { b["top1_agreement"] = "0.5"; },
           "exactness: claimed, but kl_nats"},
          {"DIFFERENT all the same", [](Json& b) { b["verdict"] = "DIFFERENT"; },
           "verdict: the verdict is stated as DIFFERENT"},
      },
      /*fit=*/true);
  expect_caught(
      certificate(synthetic::report({})),
      {{"logits equal at a distance",
        [](Json& b) {
          Json& logits = b["sites"][5];
          logits["column_b"] = logits["column_a"];
        },
        "exactness: equal logits of one tokenizer cannot be at a distance"},
       {"one model on both sides",
        [](Json& b) { b["model_b"]["canonical_digest"] = b["model_a"]["canonical_digest"]; },
        "exactness: equal canonical digests and tokenizers cannot execute differently"},
       {"one model of two sizes",
        [](Json& b) {
          b["model_b"]["canonical_digest"] = b["model_a"]["canonical_digest"];
          b["model_b"]["parameters"] = 1;
        },
        "models: equal canonical digests, but"}},
      /*fit=*/true);
}

TEST(CertificateLies, Artifacts) {
  expect_caught(
      certificate(synthetic::artifact_report()),
      {
          {"another model", [](Json& b) { b["model_b"]["canonical_digest"] = other_digest(); },
           "models: the canonical digests differ"},
          {"another tokenizer", [](Json& b) { b["model_b"]["tokenizer_digest"] = other_digest(); },
           "models: the tokenizers differ"},
          {"no tokenizer", [](Json& b) { b["model_b"]["tokenizer_digest"] = nullptr; },
           "models: the tokenizers differ"},
          {"another depth", [](Json& b) { b["model_b"]["layers"] = 5; }, "models: equal canonical"},
          {"a root", [](Json& b) { b["root_a"] = other_digest(); }, "root of model a: root_a"},
          {"b root", [](Json& b) { b["root_b"] = other_digest(); }, "root of model b: root_b"},
          {"not exact", [](Json& b) { b["exact"] = false; }, "verdict: equal artifacts give SAME"},
          {"different", [](Json& b) { b["verdict"] = "DIFFERENT"; },
           "verdict: equal artifacts give SAME"},
          {"execution that was not", [](Json& b) { b["tier"] = "execution"; },
           "challenges: no challenge was used"},
          {"tokens", [](Json& b) { b["tokens"] = 100; }, "challenges: the tier is artifact"},
          {"commitments", [](Json& b) { b["challenges_committed"] = 512; },
           "challenges: the tier is artifact"},
          {"a set root", [](Json& b) { b["challenge_set_root"] = other_digest(); },
           "challenges: challenge_set_root"},
          {"prompts", [](Json& b) { b["prompts"] = {"hello"}; }, "challenges: a sample carries no"},
          {"an e-value", [](Json& b) { b["log_e_value"] = "7"; }, "statistics: log_e_value"},
          {"a distance", [](Json& b) { b["effect"]["upper"] = "1"; }, "statistics: upper"},
          {"kl without bound", [](Json& b) { b["kl_nats"] = nullptr; }, "statistics: kl_nats"},
      },
      /*fit=*/false);
}

TEST(CertificateLies, Census) {
  expect_caught(
      certificate(synthetic::report({.requested = 40, .scope = Scope::kCensus, .tv = far})),
      {
          {"the verdict", [](Json& b) { b["verdict"] = "SAME"; },
           "verdict: the verdict is stated as SAME; it computes to DIFFERENT"},
          {"no verdict", [](Json& b) { b["verdict"] = "UNDECIDED"; },
           "verdict: the verdict is stated as UNDECIDED"},
          {"a bound", [](Json& b) { b["effect"]["upper"] = "1"; }, "statistics: upper"},
          {"an e-value", [](Json& b) { b["log_e_value"] = "7"; }, "statistics: log_e_value"},
          {"a prompt fewer", [](Json& b) { b["prompts"].erase(0); },
           "challenges: 39 prompts for 40 challenges"},
          {"an answer left out",
           [](Json& b) {
             b["unused_commitments"] = {b["challenges"][39]["commitment"]};
             b["challenges"].erase(39);
           },
           "stopping rule: a census must use its whole list"},
          {"seeds", [](Json& b) { b["scope"] = "sample"; }, "seed: a sample has seeds"},
          {"no prompts, in another spelling", [](Json& b) { b["prompts"] = Json::array(); },
           "prompts: expected null or a prompt"},
          {"prompts of two megabytes",
           [](Json& b) { b["prompts"][0] = b["prompts"][1] = std::string(size_t{1} << 20, 'x'); },
           "prompts: more than 1048576 bytes together"},
      },
      /*fit=*/false);
}

// The margin itself is SAME, one unit more is DIFFERENT: integers, without rounding.
TEST(CertificateLies, CensusIsExactAtTheMargin) {
  const auto at = [](Fixed extra) {
    VerifyReport report = synthetic::report(
        {.requested = 4, .scope = Scope::kCensus, .tv = [](Prng&) { return 0.02; }});
    report.evidence.challenges[2].tv += extra;
    MeanTest test({.alpha = report.alpha, .delta = report.delta});
    for (const ChallengeEvidence& c : report.evidence.challenges) test.add(c.tv);
    report.effect = {.mean = test.mean(), .lower = test.mean(), .upper = test.mean()};
    report.verdict = Decision::kSame;
    return faults(certificate(report));
  };
  EXPECT_EQ(at(0), "");
  EXPECT_THAT(at(1), HasSubstr("it computes to DIFFERENT"));
}

}  // namespace
}  // namespace assay
