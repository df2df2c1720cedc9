#include "base/json.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

std::string canonical(std::string_view text) {
  return canonical_json(parse_json(text, "test").value());
}

Status refusal(std::string_view text, const JsonLimits& limits = {}) {
  return parse_json(text, "test", limits).status();
}

TEST(Json, ReadsStrictJsonInOrder) {
  const Json value =
      parse_json(R"( {"b": [1, -2, 2.5, true, null], "a": "\u00e9\n"} )", "t").value();
  EXPECT_EQ(value.begin().key(), "b");
  EXPECT_EQ(value["b"][1], -2);
  EXPECT_EQ(value["a"], "\xc3\xa9\n");
}

TEST(Json, RefusesWhatIsNotStrict) {
  for (const std::string_view bad :
       {"", " ", "{", "[1,]", "{\"a\":1,}", "[1] 2", "// c\n1", "/* c */ 1", "{'a':1}", "[01]",
        "[+1]", "NaN", "[1e999]", "\"\xff\"", "\"\\ud800\"", "\"a\nb\"", "{\"a\" 1}", "nul",
        "[\"\\x\"]"}) {
    const Status status = refusal(bad);
    EXPECT_EQ(status.code(), Code::kDataLoss) << bad;
    EXPECT_TRUE(status.message().starts_with("test: ")) << status.message();
  }
}

// Members are found by a linear search: without a limit, 64 MiB of them would take hours.
TEST(Json, BoundsTheMembersOfAnObject) {
  const JsonLimits two{.members_max = 2};
  EXPECT_TRUE(refusal(R"({"a":1,"b":{"a":1,"b":2}})", two).ok());
  EXPECT_TRUE(refusal(R"([{"a":1,"b":1},{"c":1,"d":1}, 1, 2, 3])", two).ok());
  EXPECT_FALSE(refusal(R"({"a":1,"b":2,"c":3})", two).ok());
  EXPECT_FALSE(refusal(R"([{"a":{"a":1,"b":2,"c":3}}])", two).ok());
}

TEST(Json, RefusesDuplicateKeysAtEveryLevel) {
  EXPECT_FALSE(refusal(R"({"a":1,"a":1})").ok());
  EXPECT_FALSE(refusal(R"([{"x":{"a":1,"b":2,"a":3}}])").ok());
  EXPECT_FALSE(refusal(R"({"a":{"b":1},"a":2})").ok());
  // The same key, spelled with an escape.
  EXPECT_FALSE(refusal(R"({"a":1,"\u0061":2})").ok());
  EXPECT_NE(refusal(R"({"tensor":1,"tensor":1})").message().find("\"tensor\""), std::string::npos);
  EXPECT_TRUE(refusal(R"({"a":{"a":{"a":1}},"b":{"a":[{"a":1},{"a":1}]}})").ok());
}

TEST(Json, DepthIsBoundedExactly) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(refusal(nested(64)).ok());
  EXPECT_FALSE(refusal(nested(65)).ok());
  EXPECT_TRUE(refusal(nested(3), {.depth_max = 3}).ok());
  EXPECT_FALSE(refusal(nested(4), {.depth_max = 3}).ok());
  EXPECT_FALSE(refusal(R"({"a":{"a":[{}]}})", {.depth_max = 3}).ok());
  EXPECT_FALSE(refusal(std::string(10000000, '[')).ok());
  // Brackets in strings do not count.
  EXPECT_TRUE(refusal("[\"[[[[\\\"[[[[\"]", {.depth_max = 1}).ok());
}

TEST(Json, LengthIsBounded) {
  EXPECT_TRUE(refusal("[1]", {.bytes_max = 3}).ok());
  EXPECT_FALSE(refusal("[1] ", {.bytes_max = 3}).ok());
}

TEST(Json, MessagesAreShortPrintableText) {
  // They end up in logs, reports and other JSON.
  for (const std::string& bad :
       {std::string("[\"\xff\xfe\x1b[2J\"]"), "\"" + std::string(100000, 'x'),
        "{\"" + std::string(100000, 'k') + "\":1,\"" + std::string(100000, 'k') + "\":1}",
        std::string("{\"\xc3\xa9\":1,\"\xc3\xa9\":1}")}) {
    const std::string message = refusal(bad).message();
    EXPECT_LT(message.size(), 500u);
    for (const char c : message) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << message;
  }
}

TEST(CanonicalJson, SortsKeysAndDropsWhiteSpace) {
  EXPECT_EQ(canonical(R"( { "b" : [ 1 , {"z":null,"y":true} ] , "a" : -7, "" : "" } )"),
            R"({"":"","a":-7,"b":[1,{"y":true,"z":null}]})");
  // By bytes: upper before lower case, a prefix first, multi-byte characters last.
  EXPECT_EQ(canonical("{\"\xc3\xa9\":1,\"a\":2,\"Z\":3,\"aa\":4}"),
            "{\"Z\":3,\"a\":2,\"aa\":4,\"\xc3\xa9\":1}");
}

TEST(CanonicalJson, OneSpellingForAString) {
  EXPECT_EQ(canonical(R"("\u0041\/\u00e9\t\u001f\"\\")"), "\"A/\xc3\xa9\\t\\u001f\\\"\\\\\"");
}

TEST(CanonicalJson, OneSpellingForAnInteger) {
  EXPECT_EQ(canonical("-0"), "0");
  EXPECT_EQ(canonical("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(canonical("-9223372036854775808"), "-9223372036854775808");
}

TEST(CanonicalJson, IsAFixedPoint) {
  const std::string once = canonical(R"({"k":[{"b":"\n","a":[[],{}]},0],"j":"\u2028"})");
  EXPECT_EQ(canonical(once), once);
}

TEST(CanonicalJsonDeathTest, FloatsAreNeverSigned) {
  EXPECT_DEATH((void)canonical_json(Json(1.5)), "internal check failed");
}

}  // namespace
}  // namespace assay
