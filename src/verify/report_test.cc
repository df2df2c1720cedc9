// report_json must give exactly what docs/formats/report.schema.json promises.
#include "verify/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/schema_validator.h"

namespace assay {
namespace {

Json schema() {
  const auto text =
      read_text_file(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/report.schema.json", 1 << 20);
  EXPECT_TRUE(text.ok()) << text.status().message();
  auto json = parse_json(*text, "report.schema.json");
  EXPECT_TRUE(json.ok()) << json.status().message();
  return *json;
}

Digest filled(uint8_t byte) {
  Digest digest{};
  digest.fill(byte);
  return digest;
}

VerifyReport different_report() {
  VerifyReport report;
  report.verdict = Decision::kDifferent;
  report.challenges_requested = 512;
  report.challenges_used = 64;
  report.challenge_tokens_max = 24;
  report.tokens = 1472;
  report.effect = {0.29, 0.25, 0.33};
  report.log_e_value = 94.5;
  report.kl_nats = 0.37;
  report.top1_agreement = 0.55;
  report.first_divergence = FirstDivergence{"L0.post_attn", 0, "L0.post_mlp"};
  report.sites = {{"L0.post_attn", 0.0123, 0.9999, 0.004, false},
                  {"L0.post_mlp", 0.034, 0.9991, 0.011, false},
                  {"L9.post_mlp", std::nullopt, std::nullopt, std::nullopt, false}};
  report.model_a = {"a.gguf", "GGUF v3", "llama",   "F32",     330000, 4,
                    1 << 20,  filled(1), filled(2), filled(3), true};
  report.model_b = {"b.gguf", "GGUF v3", "llama",   "F16 + F32", 330000, 4,
                    1 << 19,  filled(4), filled(5), filled(3),   true};
  report.root_a = filled(6);
  report.root_b = filled(7);
  report.profile = "f32-fma16-v1";
  report.isa = "avx2";
  report.threads = 2;
  report.peak_rss_bytes = 40 << 20;
  report.memory_bound_bytes = 512 << 20;
  report.bytes_read = 3 << 20;
  report.seconds = 1.25;
  report.run_id = "default";
  report.notes = {"Only behaviour on these challenges was seen."};
  return report;
}

VerifyReport artifact_report() {
  VerifyReport report = different_report();
  report.verdict = Decision::kSame;
  report.exact = true;
  report.tier = Tier::kArtifact;
  report.effect = {0, 0, 0};
  report.log_e_value = std::numeric_limits<double>::infinity();
  report.kl_nats = 0;
  report.top1_agreement = 1;
  report.first_divergence.reset();
  report.sites.clear();
  report.challenges_used = report.tokens = 0;
  report.root_a = report.root_b = Digest{};
  report.model_a.has_tokenizer = report.model_b.has_tokenizer = false;
  return report;
}

Json parsed(const VerifyReport& report) {
  auto json = parse_json(report_json(report), "report");
  EXPECT_TRUE(json.ok()) << json.status().message();
  return *json;
}

TEST(ReportJson, ConformsToTheSchema) {
  const Json rules = schema();
  for (const VerifyReport& report : {different_report(), artifact_report()}) {
    EXPECT_EQ(SchemaValidator(rules).check(parsed(report)), std::vector<std::string>{});
  }
}

TEST(ReportJson, HasItsKeysInTheOrderThatTheSchemaLists) {
  const Json report = parsed(different_report());
  std::vector<std::string> keys;
  for (const auto& [key, ignored] : report.items()) keys.push_back(key);
  EXPECT_EQ(keys, schema().at("required").get<std::vector<std::string>>());
}

TEST(ReportJson, NestedObjectsHaveTheirKeysInTheListedOrder) {
  const Json rules = schema();
  const Json report = parsed(different_report());
  const auto keys = [](const Json& object) {
    std::vector<std::string> out;
    for (const auto& [key, ignored] : object.items()) out.push_back(key);
    return out;
  };
  const auto required = [](const Json& rule) {
    return rule.at("required").get<std::vector<std::string>>();
  };
  const Json& properties = rules.at("properties");
  EXPECT_EQ(keys(report.at("effect")), required(properties.at("effect")));
  EXPECT_EQ(keys(report.at("first_divergence")),
            required(properties.at("first_divergence").at("anyOf").at(1)));
  EXPECT_EQ(keys(report.at("sites").at(0)), required(properties.at("sites").at("items")));
  EXPECT_EQ(keys(report.at("model_a")), required(rules.at("$defs").at("model")));
}

TEST(ReportJson, DigestsAreLowerCaseHexadecimalAndAbsentOnesNull) {
  const Json report = parsed(artifact_report());
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "01";
  EXPECT_EQ(report.at("model_a").at("digest"), hex);
  EXPECT_TRUE(report.at("root_a").is_null());
  EXPECT_TRUE(report.at("model_b").at("tokenizer_digest").is_null());
}

TEST(ReportJson, WhatIsNoNumberIsNull) {
  VerifyReport report = different_report();
  report.kl_nats = std::numeric_limits<double>::infinity();
  report.sites[0].cosine = std::nan("");
  const Json json = parsed(report);
  EXPECT_TRUE(json.at("kl_nats").is_null());
  EXPECT_TRUE(json.at("sites").at(0).at("cosine").is_null());
  EXPECT_EQ(SchemaValidator(schema()).check(json), std::vector<std::string>{});
}

TEST(ReportJson, AnEValueIsGivenOnlyWhereTheVerdictRestsOnOne) {
  EXPECT_DOUBLE_EQ(parsed(different_report()).at("log_e_value").get<double>(), 94.5);
  EXPECT_TRUE(parsed(artifact_report()).at("log_e_value").is_null());
  VerifyReport census = different_report();
  census.scope = Scope::kCensus;
  EXPECT_TRUE(parsed(census).at("log_e_value").is_null());
}

TEST(ReportJson, APathThatIsNotUtf8StillGivesValidJson) {
  VerifyReport report = different_report();
  report.model_a.path = "caf\xe9.gguf";
  EXPECT_EQ(parsed(report).at("model_a").at("path"), "caf\xEF\xBF\xBD.gguf");
}

TEST(ReportJson, NumbersSurviveTheRoundTrip) {
  VerifyReport report = different_report();
  report.effect.mean = 0.1 + 0.2;
  EXPECT_EQ(parsed(report).at("effect").at("mean").get<double>(), 0.1 + 0.2);
}

// The validator itself: each planted fault is found.
TEST(ReportSchema, RejectsPlantedFaults) {
  const Json rules = schema();
  const Json good = parsed(different_report());
  SchemaValidator validator(rules);
  ASSERT_TRUE(validator.check(good).empty());

  const auto patch = [](const char* pointer, Json value) {
    return Json::array({{{"op", "replace"}, {"path", pointer}, {"value", std::move(value)}}});
  };
  const std::vector<std::pair<const char*, Json>> faults = {
      {"/schema", "assay.report.v2"},
      {"/verdict", "MAYBE"},
      {"/verdict", nullptr},
      {"/exact", 1},
      {"/tier", "text"},
      {"/alpha", 0},
      {"/alpha", 0.6},
      {"/delta", 1},
      {"/challenges_used", -1},
      {"/challenges_used", 1.5},
      {"/tokens", "12"},
      {"/effect/name", "kl"},
      {"/effect/mean", 1.25},
      {"/effect/lower", -0.1},
      {"/log_e_value", "inf"},
      {"/first_divergence", "L0.post_attn"},
      {"/first_divergence/site", ""},
      {"/first_divergence/challenge", -3},
      {"/first_divergence/beyond_margin_site", 7},
      {"/sites", Json::object()},
      {"/sites/0/relative_l2", -1},
      {"/sites/0/sketch_hamming", 2},
      {"/sites/1/digest_equal", nullptr},
      {"/sites/2/cosine", 1.5},
      {"/model_a/digest", "ABCDEF"},
      {"/model_a/digest", std::string(64, 'A')},
      {"/model_a/digest", std::string(65, 'a')},
      {"/model_b/canonical_digest", nullptr},
      {"/model_b/path", ""},
      {"/model_b/parameters", 0},
      {"/root_a", std::string(63, '0')},
      {"/profile", ""},
      {"/seconds", -1},
      {"/scope", "all"},
      {"/key_source", "env"},
      {"/top1_agreement", 1.1},
      {"/threads", 0},
      {"/notes", "one"},
      {"/notes/0", 1},
  };
  for (const auto& [pointer, value] : faults) {
    const Json bad = good.patch(patch(pointer, value));
    EXPECT_FALSE(validator.check(bad).empty()) << pointer << " = " << value.dump();
  }
}

TEST(ReportSchema, RejectsAMissingAndAnAddedKeyAnywhere) {
  const Json rules = schema();
  const Json good = parsed(different_report());
  SchemaValidator validator(rules);
  size_t tried = 0;
  for (const char* parent : {"", "/effect", "/first_divergence", "/sites/0", "/model_a"}) {
    const Json::json_pointer at(parent);
    Json more = good;
    more[at]["surprise"] = 1;
    EXPECT_FALSE(validator.check(more).empty()) << parent;
    for (const auto& [key, ignored] : good.at(at).items()) {
      Json less = good;
      less[at].erase(key);
      EXPECT_FALSE(validator.check(less).empty()) << parent << "/" << key;
      ++tried;
    }
  }
  EXPECT_EQ(tried, 32U + 4 + 3 + 5 + 10);
}

}  // namespace
}  // namespace assay
