#include "net/http_target.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

TEST(HttpTargetTest, SplitsPathAndQuery) {
  const auto target = parse_target("/a%20b/c+d?x=1&y=%26+%3D&flag&=empty&&x=2");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/a b/c+d");
  EXPECT_EQ(target->query,
            (Query{{"x", "1"}, {"y", "& ="}, {"flag", ""}, {"", "empty"}, {"x", "2"}}));
}

TEST(HttpTargetTest, TakesTheFormsOfTheStandard) {
  EXPECT_EQ(parse_target("*")->path, "*");
  EXPECT_EQ(parse_target("http://host:80/a?b=c")->path, "/a");
  EXPECT_EQ(parse_target("http://host:80/a?b=c")->host, "host:80");
  EXPECT_EQ(parse_target("https://[::1]")->path, "/");
  EXPECT_EQ(parse_target("http://host?b=c")->query, (Query{{"b", "c"}}));
}

TEST(HttpTargetTest, RefusesWhatCannotBeMeant) {
  for (const char* target :
       {"",        "a",         "?a",          "/%",         "/%4",           "/%4x",    "/%00",
        "/%0A",    "/%FF",      "/%C0%AF",     "/%ED%A0%80", "/%F5%80%80%80", "/%E2%82", "/a#b",
        "http://", "http:///a", "http://a b/", "ftp://a/",   "/?a=%",         "/a\tb"}) {
    EXPECT_EQ(parse_target(target).status().code(), Code::kInvalidArgument) << target;
  }
  std::string many = "/?";
  for (size_t i = 0; i < kQueryParametersMax; ++i) many += "a&";
  EXPECT_TRUE(parse_target(many).ok());
  EXPECT_FALSE(parse_target(many + "a").ok());
}

TEST(HttpTargetTest, DecodingUndoesEncoding) {
  std::string text;
  for (char c = ' '; c < '\x7F'; ++c) text += c;
  text += "\xC3\xA9\xF0\x9F\x98\x80";
  const auto decoded = percent_decode(percent_encode(text));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, text);
  EXPECT_EQ(percent_encode("a/b c~"), "a%2Fb%20c~");
}

TEST(HttpTargetTest, KnowsHosts) {
  for (const char* host :
       {"a", "a.example", "a.example:80", "127.0.0.1:8000", "[::1]", "[::1]:80", "a:", "A_b-c"}) {
    EXPECT_TRUE(is_host(host)) << host;
  }
  for (const char* host : {"", ":80", "a b", "a/b", "a:b", "a:123456", "[]", "[::1", "[::1]x",
                           "[g::1]", "a@b", "a:1:2", "a\r\nb"}) {
    EXPECT_FALSE(is_host(host)) << host;
  }
}

}  // namespace
}  // namespace assay
