#include "app/signing_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

namespace assay {
namespace {

class OpenSigningKey : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "assay-key-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  Environment environment(const char* name) const {
    return [name = std::string(name), home = home_](const char* wanted) {
      return name == wanted ? home.c_str() : nullptr;
    };
  }

  std::string home_;
};

TEST_F(OpenSigningKey, IsMadeOnFirstUseForItsOwnerOnlyAndThenKept) {
  const auto first = open_signing_key("", environment("HOME"));
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_TRUE(first->made);
  EXPECT_EQ(first->path, home_ + "/.config/assay/signing.key");
  struct stat info{};
  ASSERT_EQ(stat(first->path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);

  const auto second = open_signing_key("", environment("HOME"));
  ASSERT_TRUE(second.ok()) << second.status().message();
  EXPECT_FALSE(second->made);
  EXPECT_EQ(second->key.public_key(), first->key.public_key());
}

TEST_F(OpenSigningKey, XdgConfigHomeComesFirst) {
  const auto path = default_signing_key_path(environment("XDG_CONFIG_HOME"));
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(*path, home_ + "/assay/signing.key");
}

TEST_F(OpenSigningKey, AKeyThatWasNamedIsNeverMade) {
  const auto key = open_signing_key(home_ + "/lab.key", environment("HOME"));
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.status().code(), Code::kNotFound);
  EXPECT_THAT(key.status().message(), testing::HasSubstr("assay keygen"));
  EXPECT_FALSE(std::filesystem::exists(home_ + "/lab.key"));
}

TEST_F(OpenSigningKey, WithoutAHomeTheErrorSaysWhatToDo) {
  const auto key = open_signing_key("", environment("NOTHING"));
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(key.status().message(), testing::HasSubstr("--signing-key FILE"));
}

}  // namespace
}  // namespace assay
