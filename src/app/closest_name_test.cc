#include "app/closest_name.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

const std::vector<std::string> kNames = {"verify", "check", "inspect", "--challenges", "--memory"};

TEST(ClosestName, FindsSlipsOfTheFingers) {
  EXPECT_EQ(closest_name("verfy", kNames), "verify");
  EXPECT_EQ(closest_name("chekc", kNames), "check");
  EXPECT_EQ(closest_name("--chalenges", kNames), "--challenges");
  EXPECT_EQ(closest_name("--mem", kNames), "");
  EXPECT_EQ(closest_name("--memry", kNames), "--memory");
}

TEST(ClosestName, SaysNothingAboutAnotherWord) {
  EXPECT_EQ(closest_name("banana", kNames), "");
  EXPECT_EQ(closest_name("", kNames), "");
  EXPECT_EQ(closest_name(std::string(5000, 'v'), kNames), "");
  EXPECT_EQ(closest_name("verify", {}), "");
}

}  // namespace
}  // namespace assay
