#include "crypto/seeded_stream.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

// draft-agl-tls-chacha20poly1305-04, section 7, first vector: key and nonce of zeros.
TEST(SeededStream, IsTheKeystreamOfChaCha20) {
  Bytes out(64);
  seeded_stream(Digest{}, 0, out);
  EXPECT_EQ(to_hex(ByteSpan(out)),
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
}

TEST(SeededStream, BlocksAreTheSameOneByOneAndTogether) {
  const Digest seed = sha256("seed");
  Bytes whole(5 * kSeededBlockBytes);
  seeded_stream(seed, 0, whole);
  for (size_t block = 0; block < 5; ++block) {
    Bytes one(kSeededBlockBytes);
    seeded_stream(seed, block, one);
    EXPECT_TRUE(std::equal(one.begin(), one.end(),
                           whole.begin() + static_cast<ptrdiff_t>(block * kSeededBlockBytes)));
  }
  Bytes other(kSeededBlockBytes);
  seeded_stream(sha256("another"), 0, other);
  EXPECT_FALSE(std::equal(other.begin(), other.end(), whole.begin()));
}

}  // namespace
}  // namespace assay
