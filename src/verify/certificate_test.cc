#include "verify/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "verify/certificate_body.h"
#include "verify/json_fields.h"
#include "verify/synthetic_report.h"

namespace assay {
namespace {

using synthetic::Shape;
using ::testing::HasSubstr;

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

// Everything that failed, "step: detail" a line; the status when it is not a certificate at all;
// empty when it holds.
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

Json parsed(const std::string& text) { return std::move(parse_json(text, "test")).value(); }

// The body changed by edit and signed again by somebody with a key of their own.
std::string forged(const std::string& genuine, const std::function<void(Json&)>& edit) {
  Json body = parsed(genuine).at("body");
  edit(body);
  static const SigningKey key = key_of(66);
  return certificate_body::seal(body, key);
}

// As forged, with the roots made to fit again: what a careful forger would do.
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
std::string forged_fitting(const std::string& genuine, const std::function<void(Json&)>& edit) {
  return forged(genuine, [&](Json& body) {
    edit(body);
    fit_roots(body);
  });
}

std::string other_digest() { return std::string(64, 'a'); }

double far(Prng& prng) { return 0.2 + 0.3 * prng.uniform(); }
double near_margin(Prng& prng) { return prng.uniform() * 0.04; }
double zero(Prng&) { return 0; }

// --- genuine certificates hold
// --------------------------------------------------------------------

TEST(Certificate, GenuineOnesHoldForEveryKindOfRun) {
  const std::vector<std::pair<std::string, VerifyReport>> reports = {
      {"SAME", synthetic::report({})},
      {"SAME", synthetic::report({.equal_sites = 99, .tv = zero})},
      {"SAME", synthetic::report({.requested = 10, .equal_sites = 99, .tv = zero})},
      {"DIFFERENT", synthetic::report({.tv = far})},
      {"DIFFERENT", synthetic::report({.layers_a = 3, .layers_b = 2, .tv = far})},
      {"DIFFERENT", synthetic::report({.layers_a = 1, .layers_b = 4, .tv = far})},
      {"UNDECIDED", synthetic::report({.requested = 100, .tv = near_margin})},
      {"UNDECIDED", synthetic::report({.requested = 1})},
      {"SAME", synthetic::report({.key_source = KeySource::kKeyFile})},
      {"SAME", synthetic::report({.requested = 40, .scope = Scope::kCensus})},
      {"DIFFERENT", synthetic::report({.requested = 70, .scope = Scope::kCensus, .tv = far})},
      {"SAME", synthetic::artifact_report()},
  };
  for (const auto& [verdict, report] : reports) {
    EXPECT_EQ(decision_name(report.verdict), verdict);
    EXPECT_EQ(faults(certificate(report)), "") << verdict;
  }
}

TEST(Certificate, ReadsBackWhatWasStated) {
  const VerifyReport report = synthetic::report({});
  const Result<CertificateCheck> check = check_certificate(certificate(report));
  ASSERT_TRUE(check.ok()) << check.status().message();
  EXPECT_EQ(check->signer, honest_key().public_key());
  EXPECT_NE(check->tool_version, "");
  EXPECT_EQ(check->report.model_a.path, "lexi nano.gguf");
  EXPECT_EQ(check->report.model_b.path, "other");
  EXPECT_EQ(check->report.effect.upper, report.effect.upper);
  EXPECT_EQ(check->report.evidence.challenges[5].tv, report.evidence.challenges[5].tv);
  EXPECT_EQ(check->report.sites[4].cosine, report.sites[4].cosine);
  EXPECT_EQ(check->report.first_divergence->site, report.first_divergence->site);
  // What was read makes the same certificate again.
  EXPECT_EQ(certificate(check->report), certificate(report));
}

TEST(Certificate, ReadsBackThePromptsOfACensus) {
  VerifyReport report = synthetic::report({.requested = 3, .scope = Scope::kCensus});
  Result<CertificateCheck> check = check_certificate(certificate(report));
  ASSERT_TRUE(check.ok() && check->ok);
  EXPECT_EQ(check->report.evidence.prompts, report.evidence.prompts);
  // Too many bytes, or bytes that JSON cannot hold: the prompts stay outside, the rest holds.
  report.evidence.prompts[1] = std::string(size_t{2} << 20, 'x');
  check = check_certificate(certificate(report));
  ASSERT_TRUE(check.ok() && check->ok);
  EXPECT_TRUE(check->report.evidence.prompts.empty());
  report.evidence.prompts[1] = "\xff";
  EXPECT_EQ(faults(certificate(report)), "");
}

TEST(Certificate, WhateverBytesNamesAndNotesHold) {
  VerifyReport report = synthetic::report({.requested = 5});
  report.model_a.path = "/x/\xff\xfe.gguf";
  report.notes = {std::string(5000, 'n'), "\xc3", std::string(2047, 'x') + "\xc3\xa9"};
  report.notes.resize(100, "more");
  EXPECT_EQ(faults(certificate(report)), "");
}

TEST(Certificate, StepsAreNamedInOrder) {
  const Result<CertificateCheck> check = check_certificate(certificate(synthetic::report({})));
  ASSERT_TRUE(check.ok());
  std::vector<std::string> names;
  for (const CertificateCheck::Step& step : check->steps) {
    names.push_back(step.name);
    EXPECT_NE(step.detail, "") << step.name;
  }
  EXPECT_THAT(
      names, ::testing::ElementsAre("canonical form", "signature", "options", "models",
                                    "challenges", "seeds", "challenge set root", "root of model a",
                                    "root of model b", "sites", "first divergence", "stopping rule",
                                    "statistics", "exactness", "verdict"));
}

// --- tampering without the key
// ----------------------------------------------------------------------

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Tampering, EveryChangedCharacterIsRejected) {
  for (const VerifyReport& report :
       {synthetic::report({.requested = 2, .layers_a = 1, .layers_b = 1, .equal_sites = 1}),
        synthetic::report({.requested = 1, .scope = Scope::kCensus, .layers_a = 1, .layers_b = 2}),
        synthetic::artifact_report()}) {
    const std::string genuine = certificate(report);
    ASSERT_EQ(faults(genuine), "");
    for (size_t i = 0; i < genuine.size(); ++i) {
      for (const unsigned flip : {1u, 2u}) {
        std::string changed = genuine;
        changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ flip);
        const Result<CertificateCheck> check = check_certificate(changed);
        ASSERT_FALSE(check.ok() && check->ok) << "character " << i << ": " << changed.substr(i, 20);
      }
    }
  }
}

TEST(Tampering, EveryRemovedOrDoubledCharacterIsRejected) {
  const std::string genuine = certificate(
      synthetic::report({.requested = 2, .layers_a = 1, .layers_b = 1, .equal_sites = 1}));
  for (size_t i = 0; i < genuine.size(); ++i) {
    std::string removed = genuine;
    removed.erase(i, 1);
    std::string doubled = genuine;
    doubled.insert(i, 1, genuine[i]);
    for (const std::string& changed : {removed, doubled}) {
      const Result<CertificateCheck> check = check_certificate(changed);
      ASSERT_FALSE(check.ok() && check->ok) << "character " << i;
    }
  }
}

TEST(Tampering, SampledCharactersOfALargeCertificateAreRejected) {
  const std::string genuine = certificate(synthetic::report({}));
  Prng prng(5);
  for (int i = 0; i < 150; ++i) {
    std::string changed = genuine;
    const size_t at = prng.below(genuine.size());
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + prng.below(127)));
    const Result<CertificateCheck> check = check_certificate(changed);
    ASSERT_FALSE(check.ok() && check->ok) << "character " << at;
  }
}

TEST(Tampering, AnotherSpellingOfTheSameContentIsRejected) {
  const std::string genuine = certificate(synthetic::report({.requested = 3}));
  const std::string spelling = "canonical form: the text is not the canonical spelling";
  EXPECT_THAT(faults(genuine + "\n"), HasSubstr(spelling));
  EXPECT_THAT(faults(genuine.substr(0, genuine.size() - 1)), HasSubstr(spelling));
  EXPECT_THAT(faults(" " + genuine), HasSubstr(spelling));
  EXPECT_THAT(faults(replaced(genuine, "\":", "\": ")), HasSubstr(spelling));
  EXPECT_THAT(faults(replaced(genuine, "lexi nano", "\\u006cexi nano")), HasSubstr(spelling));
  const Json json = parsed(genuine);
  EXPECT_THAT(faults(json.dump(2) + "\n"), HasSubstr(spelling));
  const Json swapped = {{"signature", json.at("signature")}, {"body", json.at("body")}};
  EXPECT_THAT(faults(swapped.dump() + "\n"), HasSubstr(spelling));
}

TEST(Tampering, WithoutTheKeyTheSignatureFails) {
  const std::string genuine = certificate(synthetic::report({}));
  const std::string broken = "signature: the signature is not of this body";
  EXPECT_THAT(faults(replaced(genuine, "\"verdict\":\"SAME\"", "\"verdict\":\"DIFFERENT\"")),
              HasSubstr(broken));
  EXPECT_THAT(faults(replaced(genuine, "lexi nano.gguf", "lexi nano.ggux")), HasSubstr(broken));
  EXPECT_THAT(faults(replaced(genuine, "A verdict about", "A Verdict about")), HasSubstr(broken));
  EXPECT_THAT(faults(replaced(genuine, "\"run_id\":\"nightly-7\"", "\"run_id\":\"nightly-8\"")),
              HasSubstr(broken));
  // Another signer's key or signature in place of the own.
  const Json other = parsed(make_certificate(synthetic::report({.requested = 3}), key_of(3)));
  for (const char* field : {"public_key", "value"}) {
    Json json = parsed(genuine);
    json["signature"][field] = other.at("signature").at(field);
    EXPECT_THAT(faults(canonical_json(json) + "\n"), HasSubstr(broken)) << field;
  }
  // A signature over the body without its domain is not a signature of a certificate.
  Json json = parsed(genuine);
  json["signature"]["value"] = to_hex(honest_key().sign(as_bytes(canonical_json(json.at("body")))));
  EXPECT_THAT(faults(canonical_json(json) + "\n"), HasSubstr(broken));
  json["signature"]["value"] = std::string(128, '0');
  json["signature"]["public_key"] = std::string(64, '0');
  EXPECT_THAT(faults(canonical_json(json) + "\n"), HasSubstr(broken));
}

// --- not a certificate at all
// -----------------------------------------------------------------------

// Calls visit with a path to every object of the document.
void each_object(Json& json, const std::function<void(Json& object)>& visit) {
  if (json.is_object()) visit(json);
  if (!json.is_structured()) return;
  for (auto& child : json) each_object(child, visit);
}

TEST(Malformed, EveryRemovedFieldIsNamed) {
  const Json genuine = parsed(certificate(synthetic::report({.requested = 2, .layers_a = 1})));
  std::vector<std::pair<size_t, std::string>> fields;  // object in order of visit, key
  Json walk = genuine;
  size_t index = 0;
  each_object(walk, [&](Json& object) {
    for (const auto& [key, ignored] : object.items()) fields.emplace_back(index, key);
    ++index;
  });
  ASSERT_GT(fields.size(), 100u);
  for (const auto& [object_index, key] : fields) {
    Json changed = genuine;
    size_t at = 0;
    std::vector<Json*> objects;
    each_object(changed, [&](Json& object) { objects.push_back(&object), ++at; });
    objects[object_index]->erase(key);
    const std::string fault = faults(changed.dump() + "\n");
    EXPECT_THAT(fault, HasSubstr("DATA_LOSS: certificate"));
    EXPECT_THAT(fault, HasSubstr("." + key + ": the field is missing"));
  }
}

TEST(Malformed, AnAddedFieldIsNamedWhereverItStands) {
  const Json genuine = parsed(certificate(synthetic::report({.requested = 2})));
  Json walk = genuine;
  size_t count = 0;
  each_object(walk, [&](Json&) { ++count; });
  for (size_t i = 0; i < count; ++i) {
    Json changed = genuine;
    std::vector<Json*> objects;
    each_object(changed, [&](Json& object) { objects.push_back(&object); });
    (*objects[i])["comment"] = "trust me";
    EXPECT_THAT(faults(changed.dump() + "\n"), HasSubstr("comment: unknown field")) << i;
  }
}

// Every value replaced by one of another type, by null, and by numbers that are too large.
TEST(Malformed, EveryValueOfAnotherTypeIsRejected) {
  const Json genuine = parsed(certificate(synthetic::report({.requested = 2})));
  const std::vector<Json> values = {nullptr,
                                    true,
                                    1.5,
                                    -1,
                                    18446744073709551615u,
                                    "",
                                    Json::array(),
                                    Json::object(),
                                    Json::array({nullptr})};
  Json walk = genuine;
  size_t objects_count = 0;
  each_object(walk, [&](Json&) { ++objects_count; });
  for (size_t i = 0; i < objects_count; ++i) {
    std::vector<std::string> keys;
    {
      Json copy = genuine;
      std::vector<Json*> objects;
      each_object(copy, [&](Json& object) { objects.push_back(&object); });
      for (const auto& [key, ignored] : objects[i]->items()) keys.push_back(key);
    }
    for (const std::string& key : keys) {
      for (const Json& value : values) {
        Json changed = genuine;
        std::vector<Json*> objects;
        each_object(changed, [&](Json& object) { objects.push_back(&object); });
        if ((*objects[i])[key] == value) continue;
        (*objects[i])[key] = value;
        EXPECT_NE(faults(changed.dump() + "\n"), "") << key << " = " << value;
      }
    }
  }
}

TEST(Malformed, TextThatIsNoCertificateGetsAnErrorThatSaysWhy) {
  const std::string genuine = certificate(synthetic::report({.requested = 3}));
  EXPECT_THAT(faults(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(faults("{}"), HasSubstr("certificate.body: the field is missing"));
  EXPECT_THAT(faults("[]"), HasSubstr("certificate: expected an object"));
  EXPECT_THAT(faults("null"), HasSubstr("certificate: expected an object"));
  EXPECT_THAT(faults(genuine + "x"), HasSubstr("not valid JSON"));
  EXPECT_THAT(faults(genuine + genuine), HasSubstr("not valid JSON"));
  EXPECT_THAT(faults(genuine.substr(0, genuine.size() / 2)), HasSubstr("not valid JSON"));
  EXPECT_THAT(faults(replaced(genuine, "\"exact\":false", "\"exact\":false,\"exact\":true")),
              HasSubstr("appears twice"));
  EXPECT_THAT(faults(replaced(genuine, "\"tokens\":", "\"tokens\":1e400,\"tokens\":")),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(faults(replaced(genuine, "\"tv\":", "\"tv\":99999999999999999999")),
              HasSubstr("tv: expected an unsigned integer"));
  EXPECT_THAT(faults(replaced(genuine, "\"delta\":\"0.02\"", "\"delta\":\"0.020\"")),
              HasSubstr("delta: not the shortest spelling"));
  EXPECT_THAT(faults(replaced(genuine, "\"delta\":\"0.02\"", "\"delta\":\"nan\"")),
              HasSubstr("delta: not a decimal number"));
  EXPECT_THAT(faults(replaced(genuine, "\"delta\":\"0.02\"", "\"delta\":0.02")),
              HasSubstr("delta: expected a string"));
  EXPECT_THAT(faults(replaced(genuine, "\"verdict\":\"UNDECIDED\"", "\"verdict\":\"undecided\"")),
              HasSubstr("verdict: expected one of SAME, DIFFERENT, UNDECIDED"));
  EXPECT_THAT(faults(replaced(genuine, "assay.certificate.v1", "assay.certificate.v2")),
              HasSubstr("schema: expected assay.certificate.v1"));
  EXPECT_THAT(faults(replaced(genuine, "\"ed25519\"", "\"rsa\"")), HasSubstr("expected ed25519"));
  EXPECT_THAT(faults(replaced(genuine, "lexi nano.gguf", "../nano.gguf")), HasSubstr("has no /"));
  EXPECT_THAT(faults(replaced(genuine, "lexi", "lexi\xff")), HasSubstr("not valid JSON"));
  std::string upper = genuine;
  const size_t root = upper.find("\"root_a\":\"") + 10;
  std::transform(upper.begin() + static_cast<std::ptrdiff_t>(root),
                 upper.begin() + static_cast<std::ptrdiff_t>(root + 64),
                 upper.begin() + static_cast<std::ptrdiff_t>(root),
                 [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c; });
  EXPECT_THAT(faults(upper), HasSubstr("DATA_LOSS: certificate: body.challenges[0].root_a"));
}

TEST(Malformed, HugeAndDeepTextsAreRefusedQuickly) {
  const std::string genuine = certificate(synthetic::report({.requested = 3}));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(faults(genuine + std::string(size_t{10} << 20, ' ')), HasSubstr("at most"));
  EXPECT_THAT(faults(std::string(1 << 20, '[')), HasSubstr("nested deeper"));
  EXPECT_THAT(faults(replaced(genuine, "\"notes\":[", "\"notes\":[" + std::string(20, '['))),
              HasSubstr("nested deeper"));
  const auto long_note = [](Json& body) { body["notes"] = {std::string(1 << 20, 'x')}; };
  EXPECT_THAT(faults(forged(genuine, long_note)), HasSubstr("notes: expected strings of at most"));
  const auto many = [](Json& body) {
    body["unused_commitments"] = Json::array();
    for (int i = 0; i < 10001; ++i) body["unused_commitments"].push_back(other_digest());
  };
  EXPECT_THAT(faults(forged(genuine, many)), HasSubstr("more than 10000 elements"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

// --- tampering with a key of one's own
// ----------------------------------------------------------------

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

TEST(Lying, AnUnchangedBodySignedByAnotherKeyHoldsAndNamesThatKey) {
  const std::string genuine = certificate(synthetic::report({}));
  const Result<CertificateCheck> check = check_certificate(forged(genuine, [](Json&) {}));
  ASSERT_TRUE(check.ok() && check->ok);
  EXPECT_NE(check->signer, honest_key().public_key());
}

TEST(Lying, RootsAndCommitments) {
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

TEST(Lying, ChallengesAndSeeds) {
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
          {"tokens of one challenge", [](Json& b) { b["challenges"][0]["tokens"] = 9999; },
           "challenges: tokens"},
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

TEST(Lying, SeedsOfAKeyFileAreTakenAsStatedButMustBeDistinct) {
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

TEST(Lying, DistancesAndStatistics) {
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

TEST(Lying, ADifferenceSoldAsTheSame) {
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

TEST(Lying, OptionsOutOfRange) {
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

TEST(Lying, StoppingRule) {
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

TEST(Lying, Sites) {
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
           "sites: a layer before final has no site"},
          {"order", [](Json& b) { std::swap(b["sites"][0], b["sites"][1]); },
           "sites: L0.post_attn is out of order"},
          {"a site twice", [](Json& b) { b["sites"][1] = b["sites"][0]; },
           "sites: L0.post_attn is out of order"},
          {"a layer left out",
           [](Json& b) {
             b["sites"].erase(2);
             b["sites"].erase(2);
           },
           "sites: a layer before L2.post_attn has no site"},
          {"an unknown site", [](Json& b) { b["sites"][0]["site"] = "L0.post_norm"; },
           "sites: L0.post_norm is not a site"},
          {"a padded number", [](Json& b) { b["sites"][0]["site"] = "L00.post_attn"; },
           "sites: L00.post_attn is not a site"},
          {"no logits", [](Json& b) { b["sites"].erase(7); }, "sites: the last two sites"},
      },
      /*fit=*/true);
}

TEST(Lying, FirstDivergence) {
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

TEST(Lying, Exactness) {
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

TEST(Lying, Artifacts) {
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
          {"an e-value", [](Json& b) { b["log_e_value"] = "7"; }, "statistics: log_e_value"},
          {"a distance", [](Json& b) { b["effect"]["upper"] = "1"; }, "statistics: upper"},
          {"kl without bound", [](Json& b) { b["kl_nats"] = nullptr; }, "statistics: kl_nats"},
      },
      /*fit=*/false);
}

TEST(Lying, Census) {
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
      },
      /*fit=*/false);
}

// The margin itself is SAME, one unit more is DIFFERENT: integers, without rounding.
TEST(Lying, CensusIsExactAtTheMargin) {
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

// --- cost
// ---------------------------------------------------------------------------------------------

TEST(Certificate, CheckingIsQuick) {
  const std::string text = certificate(synthetic::report({.tv = near_margin}));
  const auto start = std::chrono::steady_clock::now();
  constexpr int kRuns = 5;
  for (int i = 0; i < kRuns; ++i) EXPECT_EQ(faults(text), "");
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() /
      kRuns;
  RecordProperty("milliseconds", std::to_string(ms));
  std::cout << "512 challenges, " << text.size() << " bytes: " << ms << " ms a check\n";
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(ms, 100);
#endif
}

}  // namespace
}  // namespace assay
