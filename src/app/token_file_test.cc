#include "app/token_file.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

using Ids = std::vector<TokenId>;

TEST(TokenFile, CommasAndWhiteSpaceSeparate) {
  for (const char* text : {"1,2,3", "1 2 3", "1\n2\n3\n", " 1,\n2 ,\t3\r\n", "1,2,3,"}) {
    const auto ids = parse_token_ids(text, "f");
    ASSERT_TRUE(ids.ok()) << text << ": " << ids.status().message();
    EXPECT_EQ(*ids, (Ids{1, 2, 3})) << text;
  }
}

TEST(TokenFile, WhatIsNoIdIsNamedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"1,2\nx", "f, line 2: 'x' is not a token id"},
      {"1\n\n-2", "f, line 3: '-2' is not a token id"},
      {"1,,2", "f, line 1: a comma without a token id before it"},
      {",1", "f, line 1: a comma without a token id before it"},
      {"1.5", "f, line 1: '1.5' is not a token id"},
      {"99999999999", "f, line 1: '99999999999' is not a token id"},
      {"\x1b[2J" + std::string(100, 'y'), "f, line 1: '?[2Jyyyyyyyyyyyyyyyy...' is not a token id"},
      {"", "f holds no token id"},
      {" \n\n", "f holds no token id"},
  };
  for (const auto& [text, says] : cases) {
    const auto ids = parse_token_ids(text, "f");
    ASSERT_FALSE(ids.ok()) << text;
    EXPECT_EQ(ids.status().code(), Code::kDataLoss);
    EXPECT_EQ(ids.status().message(), says);
  }
}

TEST(TokenFile, TheNumberOfIdsIsBounded) {
  std::string text;
  for (size_t i = 0; i < kTokenFileIdsMax; ++i) text += "7\n";
  const auto most = parse_token_ids(text, "f");
  ASSERT_TRUE(most.ok());
  EXPECT_EQ(most->size(), kTokenFileIdsMax);
  EXPECT_EQ(parse_token_ids(text + "7", "f").status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace assay
