#include "app/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/session.h"

namespace assay {
namespace {

using Prompts = std::vector<std::string>;

TEST(Prompts, OneALineWithoutEmptyOnesAndLineEnds) {
  const auto prompts = parse_prompts("\xEF\xBB\xBFone\r\n\n  \t\n two \nthree", "p.txt");
  ASSERT_TRUE(prompts.ok());
  EXPECT_EQ(*prompts, (Prompts{"one", " two ", "three"}));
}

TEST(Prompts, ErrorsNameTheLine) {
  const auto status = [](const std::string& text) {
    const auto prompts = parse_prompts(text, "p.txt");
    EXPECT_FALSE(prompts.ok());
    EXPECT_EQ(prompts.status().code(), Code::kDataLoss);
    return prompts.status().message();
  };
  EXPECT_THAT(status("good\nb\xFF"
                     "ad\n"),
              testing::HasSubstr("p.txt, line 2: not UTF-8"));
  EXPECT_THAT(status("a\n" + std::string(kPromptBytesMax + 1, 'x')), testing::HasSubstr("line 2"));
  EXPECT_THAT(status("\n \n"), testing::HasSubstr("no prompt"));
  EXPECT_THAT(status(""), testing::HasSubstr("no prompt"));
}

TEST(Prompts, AsManyAsAllowedAndNotOneMore) {
  std::string text;
  for (uint64_t i = 0; i < kChallengesMax; ++i) text += "x\n";
  EXPECT_EQ(parse_prompts(text, "p")->size(), kChallengesMax);
  EXPECT_FALSE(parse_prompts(text + "x", "p").ok());
}

}  // namespace
}  // namespace assay
