#include "inference/governance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/json_fields.h"
#include "base/prng.h"
#include "base/schema_validator.h"
#include "base/utc_time.h"

namespace assay {
namespace {

using testing::HasSubstr;

const Digest kArtifact = sha256("artifact");
const Digest kCanonical = sha256("canonical");

Json approval(const Digest& digest) { return {{"digest", to_hex(digest)}, {"name", "a model"}}; }

Json document(const std::vector<Json>& approvals) {
  return {{"schema", "assay.governance.v1"}, {"approvals", approvals}};
}

Governance governance(const std::vector<Json>& approvals) {
  auto read = Governance::parse(document(approvals).dump(), "approved.json");
  EXPECT_TRUE(read.ok()) << read.status().message();
  return std::move(read).value();
}

Status check(const Json& one, const GovernanceMoment& moment) {
  return governance({one}).check(kArtifact, kCanonical, moment);
}

uint64_t seconds(const char* time) { return parse_utc_time(time).value(); }

bool conforms(const Json& json) {
  const auto text = read_text_file(
      std::string(ASSAY_SOURCE_DIR) + "/docs/formats/governance.schema.json", size_t{1} << 20);
  const Json rules = parse_json(text.value(), "schema").value();
  return SchemaValidator(rules).check(json).empty();
}

TEST(Governance, ApprovesByEitherDigestAndNothingElse) {
  EXPECT_TRUE(check(approval(kArtifact), {}).ok());
  EXPECT_TRUE(check(approval(kCanonical), {}).ok());
  const Status status = check(approval(sha256("another")), {});
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("approved.json"));
  EXPECT_THAT(status.message(), HasSubstr(to_hex(kArtifact)));
  EXPECT_THAT(status.message(), HasSubstr(to_hex(kCanonical)));
  EXPECT_FALSE(governance({}).check(kArtifact, kCanonical, {}).ok());
}

TEST(Governance, HoldsFromTheFirstSecondToTheLast) {
  Json one = approval(kArtifact);
  one["from_time"] = "2026-03-01T00:00:00Z";
  one["until_time"] = "2026-03-31T23:59:59Z";
  const uint64_t first = seconds("2026-03-01T00:00:00Z");
  const uint64_t last = seconds("2026-03-31T23:59:59Z");
  EXPECT_TRUE(check(one, {.unix_seconds = first}).ok());
  EXPECT_TRUE(check(one, {.unix_seconds = last}).ok());
  EXPECT_THAT(check(one, {.unix_seconds = first - 1}).message(),
              HasSubstr("approvals[0], \"a model\", holds from 2026-03-01T00:00:00Z on; it is "
                        "2026-02-28T23:59:59Z"));
  EXPECT_THAT(check(one, {.unix_seconds = last + 1}).message(),
              HasSubstr("held until 2026-03-31T23:59:59Z; it is 2026-04-01T00:00:00Z"));
  EXPECT_FALSE(check(one, {.unix_seconds = UINT64_MAX}).ok());
}

TEST(Governance, HoldsFromTheFirstHeightToTheLast) {
  Json one = approval(kArtifact);
  one["from_height"] = 100;
  one["until_height"] = 200;
  EXPECT_TRUE(check(one, {.height = 100}).ok());
  EXPECT_TRUE(check(one, {.height = 200}).ok());
  EXPECT_THAT(check(one, {.height = 99}).message(),
              HasSubstr("holds from height 100 on; the height is 99"));
  EXPECT_THAT(check(one, {.height = 201}).message(),
              HasSubstr("held until height 200; the height is 201"));
}

TEST(Governance, AHeightThatNobodyHasToldMeetsNoBound) {
  for (const char* bound : {"from_height", "until_height"}) {
    Json one = approval(kArtifact);
    one[bound] = bound[0] == 'f' ? uint64_t{0} : UINT64_MAX;
    EXPECT_THAT(check(one, {}).message(), HasSubstr("nobody has told the height")) << bound;
    EXPECT_TRUE(check(one, {.height = 0}).ok()) << bound;
    EXPECT_TRUE(check(one, {.height = UINT64_MAX}).ok()) << bound;
  }
}

TEST(Governance, OneApprovalThatHoldsIsEnough) {
  Json past = approval(kArtifact);
  past["until_time"] = "1970-01-01T00:00:09Z";
  Json later = approval(kCanonical);
  later["from_time"] = "1970-01-01T00:00:20Z";
  const Governance both = governance({past, later});
  EXPECT_TRUE(both.check(kArtifact, kCanonical, {.unix_seconds = 9}).ok());
  EXPECT_FALSE(both.check(kArtifact, kCanonical, {.unix_seconds = 10}).ok());
  EXPECT_FALSE(both.check(kArtifact, kCanonical, {.unix_seconds = 19}).ok());
  EXPECT_TRUE(both.check(kArtifact, kCanonical, {.unix_seconds = 20}).ok());
}

// Against the definition, over small bounds of all kinds.
TEST(Governance, HoldsWhenEachBoundDoes) {
  Prng prng(3);
  for (int i = 0; i < 3000; ++i) {
    Json one = approval(prng.below(8) == 0 ? sha256("another") : kArtifact);
    const uint64_t now = prng.below(6);
    const std::optional<uint64_t> height =
        prng.below(4) == 0 ? std::nullopt : std::optional<uint64_t>(prng.below(6));
    bool holds = one["digest"] == to_hex(kArtifact);
    const uint64_t from = prng.below(6);
    const uint64_t until = from + prng.below(3);
    if (prng.below(2) == 0) {
      one["from_time"] = format_utc_time(from);
      holds = holds && now >= from;
    }
    if (prng.below(2) == 0) {
      one["until_time"] = format_utc_time(until);
      holds = holds && now <= until;
    }
    if (prng.below(2) == 0) {
      one["from_height"] = from;
      holds = holds && height && *height >= from;
    }
    if (prng.below(2) == 0) {
      one["until_height"] = until;
      holds = holds && height && *height <= until;
    }
    ASSERT_EQ(check(one, {now, height}).ok(), holds) << one.dump() << " at " << now;
  }
}

struct Change {
  const char* pointer;
  const char* value;  // JSON; "": the field is taken out
  const char* message;
  bool schema_knows = true;
};

class GovernanceRefuses : public testing::TestWithParam<Change> {};

TEST_P(GovernanceRefuses, AndNamesThePlace) {
  const Change& change = GetParam();
  Json one = approval(kArtifact);
  one["from_time"] = "2026-03-01T00:00:00Z";
  one["until_height"] = 7;
  Json json = document({approval(kCanonical), one});
  ASSERT_TRUE(conforms(json));
  ASSERT_TRUE(Governance::parse(json.dump(), "f").ok());
  const Json::json_pointer pointer{change.pointer};
  if (*change.value == '\0') {
    json[pointer.parent_pointer()].erase(pointer.back());
  } else {
    json[pointer] = Json::parse(change.value);
  }
  const auto read = Governance::parse(json.dump(), "approved.json");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), Code::kDataLoss);
  EXPECT_THAT(read.status().message(), HasSubstr("approved.json: governance"));
  EXPECT_THAT(read.status().message(), HasSubstr(change.message));
  EXPECT_NE(conforms(json), change.schema_knows);
}

INSTANTIATE_TEST_SUITE_P(
    Files, GovernanceRefuses,
    testing::Values(
        Change{"/schema", R"("assay.governance.v2")", R"(.schema: "assay.governance.v2"; expec)"},
        Change{"/schema", "", ".schema: the field is missing"},
        Change{"/approvals", "", ".approvals: the field is missing"},
        Change{"/approvals", "{}", ".approvals: expected an array"},
        Change{"/signature", "1", ".signature: unknown field"},
        Change{"/approvals/1", "1", ".approvals[1]: expected an object"},
        Change{"/approvals/1/digest", "", ".approvals[1].digest: the field is missing"},
        Change{"/approvals/1/digest", R"("AB")", ".approvals[1].digest: character 0 is not"},
        Change{"/approvals/1/name", "", ".approvals[1].name: the field is missing"},
        Change{"/approvals/1/until", "1", ".approvals[1].until: unknown field"},
        Change{"/approvals/1/from_time", "5", ".approvals[1].from_time: expected a string"},
        Change{"/approvals/1/from_time", "null", ".approvals[1].from_time: expected a string"},
        Change{"/approvals/1/from_time", R"("2026-02-29T00:00:00Z")",
               R"(.approvals[1].from_time: "2026-02-29T00:00:00Z"; expected a time in UTC)", false},
        Change{"/approvals/1/until_time", R"("2026-02-28T23:59:59Z")",
               ".approvals[1].until_time: 2026-02-28T23:59:59Z is before from_time", false},
        Change{"/approvals/1/until_height", "-1", ".approvals[1].until_height: expected an unsig"},
        Change{"/approvals/1/until_height", R"("7")", ".approvals[1].until_height: expected an u"},
        Change{"/approvals/1/from_height", "8", ".approvals[1].until_height: 7 is below from_h",
               false}));

TEST(Governance, IsBounded) {
  Json one = approval(kArtifact);
  one["name"] = std::string(kApprovalNameBytesMax + 1, 'n');
  EXPECT_THAT(Governance::parse(document({one}).dump(), "f").status().message(),
              HasSubstr("256 bytes"));
  const std::vector<Json> many(kApprovalsMax + 1, approval(kArtifact));
  EXPECT_THAT(Governance::parse(document(many).dump(), "f").status().message(),
              HasSubstr("4096 elements"));
  EXPECT_FALSE(Governance::parse(std::string(kGovernanceBytesMax + 1, ' '), "f").ok());
  EXPECT_FALSE(Governance::parse("[[[[[", "f").ok());
}

TEST(Governance, ReadsAFile) {
  const std::string path = testing::TempDir() + "governance_test.json";
  std::filesystem::remove(path);
  EXPECT_EQ(Governance::read(path).status().code(), Code::kNotFound);
  const std::string text = document({approval(kArtifact)}).dump();
  ASSERT_TRUE(write_file_atomically(path, as_bytes(text)).ok());
  EXPECT_EQ(Governance::read(path).value().approvals().size(), 1U);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace assay
