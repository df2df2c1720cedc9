#include "net/redact.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace assay {
namespace {

TEST(RedactTest, KnowsNamesOfSecrets) {
  for (const char* name : {"authorization", "Authorization", "api_key", "API-Key", "apiKey",
                           "x-auth-token", "password", "db_passwd", "client_secret", "Set-Cookie",
                           "rpcpassword", "private_key", "refresh_token"}) {
    EXPECT_TRUE(is_secret_name(name)) << name;
  }
  for (const char* name : {"path", "status", "model", "author", "key", "pass", ""}) {
    EXPECT_FALSE(is_secret_name(name)) << name;
  }
}

TEST(RedactTest, TakesOutWhatLooksLikeASecret) {
  // The planted secret is S3CRET in each.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"Authorization: Bearer S3CRET", "Authorization: Bearer [redacted]"},
      {"authorization=bearer   S3CRET, next", "authorization=bearer   [redacted], next"},
      {"got Basic dXNlcjpTM0NSRVQ= from", "got Basic [redacted] from"},
      {"api_key=S3CRET&x=1", "api_key=[redacted]&x=1"},
      {"{\"password\": \"S3CRET with spaces\", \"a\": 1}",
       "{\"password\": \"[redacted]\", \"a\": 1}"},
      {"{\\\"token\\\": \\\"S3CRET\\\"}", "{\\\"token\\\": \\\"[redacted]\"}"},
      {"password: S3CRET", "password: [redacted]"},
      {"postgres://user:S3CRET@host/db", "postgres://user:[redacted]@host/db"},
      {"redis://:S3CRET@host", "redis://:[redacted]@host"},
      {"key sk-S3CRETS3CRETS3CRET done", "key [redacted] done"},
      {"-----BEGIN PRIVATE KEY-----\nS3CRET\n-----END PRIVATE KEY-----",
       "[redacted]-----END PRIVATE KEY-----"},
      {"-----BEGIN PRIVATE KEY-----\nS3CRET", "[redacted]"},
      {"token=S3CRET", "token=[redacted]"},
      {"?access_token=S3CRET#x", "?access_token=[redacted]"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(redact_text(text), expected);
    EXPECT_EQ(redact_text(text).find("S3CRET"), std::string::npos) << text;
  }
}

TEST(RedactTest, LeavesOtherTextAlone) {
  for (const char* text :
       {"", "the model /models/a.gguf was loaded in 3.5 s", "http://host:8000/v1/models?limit=3",
        "tokens per second: 12", "basically fine", "the key is missing", "sk-short",
        "-----BEGIN CERTIFICATE-----\nMIIB", "a:b@c", "mask-detector-of-the-model"}) {
    EXPECT_EQ(redact_text(text), text);
  }
}

}  // namespace
}  // namespace assay
