#include "verify/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "base/file.h"
#include "base/schema_validator.h"
#include "verify/certificate_forging.h"
#include "verify/synthetic_report.h"

namespace assay {
namespace {

using namespace forging;  // the words of these tests
using ::testing::HasSubstr;

Json parsed(const std::string& text) { return std::move(parse_json(text, "test")).value(); }

// --- genuine certificates hold ----------------------------------------------------------

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

TEST(Certificate, FollowsItsSchema) {
  const auto text = read_text_file(
      std::string(ASSAY_SOURCE_DIR) + "/docs/formats/certificate.schema.json", 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status().message();
  const Json schema = parsed(*text);
  const std::vector<std::string> none;
  for (const VerifyReport& report :
       {synthetic::report({.requested = 5}), synthetic::artifact_report(),
        synthetic::report({.layers_a = 1, .layers_b = 3, .tv = far}),
        synthetic::report({.requested = 5, .scope = Scope::kCensus}),
        synthetic::report({.requested = 5, .equal_sites = 99, .tv = zero})}) {
    Json certificate_json = parsed(certificate(report));
    EXPECT_EQ(SchemaValidator(schema).check(certificate_json), none);
    certificate_json["body"]["comment"] = "trust me";
    EXPECT_NE(SchemaValidator(schema).check(certificate_json), none);
  }
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

// --- tampering without the key ----------------------------------------------------------

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CertificateTampering, EveryChangedCharacterIsRejected) {
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

TEST(CertificateTampering, EveryRemovedOrDoubledCharacterIsRejected) {
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

TEST(CertificateTampering, SampledCharactersOfALargeCertificateAreRejected) {
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

TEST(CertificateTampering, AnotherSpellingOfTheSameContentIsRejected) {
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

TEST(CertificateTampering, WithoutTheKeyTheSignatureFails) {
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

// --- not a certificate at all -----------------------------------------------------------

// Calls visit with a path to every object of the document.
void each_object(Json& json, const std::function<void(Json& object)>& visit) {
  if (json.is_object()) visit(json);
  if (!json.is_structured()) return;
  for (auto& child : json) each_object(child, visit);
}

TEST(CertificateMalformed, EveryRemovedFieldIsNamed) {
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

TEST(CertificateMalformed, AnAddedFieldIsNamedWhereverItStands) {
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
TEST(CertificateMalformed, EveryValueOfAnotherTypeIsRejected) {
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

TEST(CertificateMalformed, TextThatIsNoCertificateGetsAnErrorThatSaysWhy) {
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

TEST(CertificateMalformed, HugeAndDeepTextsAreRefusedQuickly) {
  const std::string genuine = certificate(synthetic::report({.requested = 3}));
  const std::clock_t start = std::clock();
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
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

// --- cost -------------------------------------------------------------------------------

TEST(Certificate, CheckingIsQuick) {
  const std::string text = certificate(synthetic::report({.tv = near_margin}));
  constexpr int kRuns = 5;
  const std::clock_t start = std::clock();  // processor time: the machine may be busy
  for (int i = 0; i < kRuns; ++i) EXPECT_EQ(faults(text), "");
  const double ms = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / kRuns;
  RecordProperty("milliseconds", std::to_string(ms));
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(ms, 100);
#endif
}

}  // namespace
}  // namespace assay
