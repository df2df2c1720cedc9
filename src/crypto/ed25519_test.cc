#include "crypto/ed25519.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"

namespace assay {
namespace {

// RFC 8032, section 7.1.
struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "bbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "0303dca179c138ac17ad9bef1177331a704"},
};

SigningKey key_of(const Vector& vector) {
  return SigningKey::from_seed(array_from_hex<32>(vector.seed).value());
}

std::string key_text(const Vector& vector) {
  return std::string("assay-signing-key 1\nalgorithm ed25519\npublic ") + vector.public_key +
         "\nseed " + vector.seed + "\n";
}

class KeyFile : public ::testing::Test {
 protected:
  KeyFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "assay-key-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/signing.key";
  }
  ~KeyFile() override { std::filesystem::remove_all(folder_); }

  void write(std::string_view text, mode_t mode = 0600) const {
    std::ofstream(path_, std::ios::binary) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }

  std::string folder_;
  std::string path_;
};

TEST(Ed25519, MatchesRfc8032) {
  for (const Vector& v : kVectors) {
    const SigningKey key = key_of(v);
    const Bytes message = from_hex(v.message).value();
    EXPECT_EQ(to_hex(key.public_key()), v.public_key);
    EXPECT_EQ(to_hex(key.sign(message)), v.signature);
    EXPECT_TRUE(ed25519_verify(key.public_key(), message, key.sign(message)));
  }
}

TEST(Ed25519, EveryFlippedBitIsRefused) {
  const SigningKey key = key_of(kVectors[2]);
  const Bytes message = from_hex(kVectors[2].message).value();
  const Signature signature = key.sign(message);
  for (size_t bit = 0; bit < 512; ++bit) {
    Signature bad = signature;
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ed25519_verify(key.public_key(), message, bad)) << "signature bit " << bit;
  }
  for (size_t bit = 0; bit < 256; ++bit) {
    PublicKey bad = key.public_key();
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ed25519_verify(bad, message, signature)) << "key bit " << bit;
  }
  for (size_t bit = 0; bit < 8 * message.size(); ++bit) {
    Bytes bad = message;
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ed25519_verify(key.public_key(), bad, signature)) << "message bit " << bit;
  }
}

TEST(Ed25519, SmallOrderKeysAndUnreducedScalarsAreRefused) {
  // The identity point accepts (R = identity, S = 0) for every message in a naive verifier.
  PublicKey identity{};
  identity[0] = 1;
  Signature forged{};
  forged[0] = 1;
  EXPECT_FALSE(ed25519_verify(identity, as_bytes("any"), forged));

  // S + L verifies the same equation; accepting it would make signatures malleable.
  const SigningKey key = key_of(kVectors[1]);
  const Bytes message = from_hex(kVectors[1].message).value();
  const Bytes order =
      from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").value();
  Signature malleable = key.sign(message);
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    const unsigned sum = malleable[32 + i] + order[i] + carry;
    malleable[32 + i] = static_cast<uint8_t>(sum);
    carry = sum >> 8;
  }
  ASSERT_EQ(carry, 0u);
  EXPECT_FALSE(ed25519_verify(key.public_key(), message, malleable));
}

TEST(Ed25519, GeneratedKeysDifferAndSurviveMoves) {
  SigningKey a = SigningKey::generate();
  SigningKey b = SigningKey::generate();
  EXPECT_NE(a.public_key(), b.public_key());
  const PublicKey public_a = a.public_key();
  b = std::move(a);
  EXPECT_EQ(b.public_key(), public_a);
  EXPECT_EQ(a.public_key(), PublicKey{});  // wiped
  const SigningKey c = std::move(b);
  EXPECT_TRUE(ed25519_verify(public_a, as_bytes("m"), c.sign(as_bytes("m"))));
}

TEST_F(KeyFile, IsWrittenAsDocumentedAndReadBack) {
  const SigningKey key = key_of(kVectors[1]);
  ASSERT_TRUE(key.save(path_).ok());
  EXPECT_EQ(read_text_file(path_, 1000).value(), key_text(kVectors[1]));
  struct stat st{};
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  const auto loaded = SigningKey::load(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->sign(as_bytes("x")), key.sign(as_bytes("x")));
}

TEST_F(KeyFile, DocumentationShowsAValidFile) {
  std::string_view page_path = ASSAY_SOURCE_DIR "/docs/formats/key-file.md";
  const std::string page = read_text_file(std::string(page_path), 1 << 20).value();
  EXPECT_NE(page.find("```\n" + key_text(kVectors[1]) + "```"), std::string::npos);
}

TEST_F(KeyFile, AnExistingFileIsNeverReplaced) {
  write("precious");
  const Status status = key_of(kVectors[0]).save(path_);
  EXPECT_EQ(status.code(), Code::kAlreadyExists);
  EXPECT_EQ(read_text_file(path_, 100).value(), "precious");
  // Nothing is left beside it.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(KeyFile, OthersMustNotHaveAccess) {
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u, 0610u, 0601u, 0644u, 0777u}) {
    write(key_text(kVectors[0]), mode);
    const auto loaded = SigningKey::load(path_);
    ASSERT_FALSE(loaded.ok()) << std::oct << mode;
    EXPECT_EQ(loaded.status().code(), Code::kPermissionDenied);
    EXPECT_NE(loaded.status().message().find(path_), std::string::npos);
  }
  write(key_text(kVectors[0]), 0400);
  EXPECT_TRUE(SigningKey::load(path_).ok());
}

TEST_F(KeyFile, DamagedFilesAreRefusedWithoutShowingSecrets) {
  const std::string good = key_text(kVectors[0]);
  const std::string seed = kVectors[0].seed;
  std::vector<std::string> damaged = {"",
                                      "\n",
                                      "assay-signing-key 2\n",
                                      good + "\n",
                                      good.substr(0, good.size() - 1),
                                      "\n" + good,
                                      std::string(5000, 'a'),
                                      key_text({kVectors[0].seed, kVectors[1].public_key, "", ""})};
  for (size_t i = 0; i < good.size(); ++i) {  // every character changed, every one removed
    std::string bad = good;
    bad[i] = bad[i] == '0' ? '1' : (bad[i] == 'a' ? 'A' : '0');
    damaged.push_back(bad);
    bad[i] = '\0';
    damaged.push_back(bad);
    damaged.push_back(good.substr(0, i) + good.substr(i + 1));
  }
  for (const std::string& text : damaged) {
    write(text);
    const auto loaded = SigningKey::load(path_);
    ASSERT_FALSE(loaded.ok()) << text;
    EXPECT_EQ(loaded.status().code(), Code::kDataLoss) << text;
    for (size_t at = 0; at + 8 <= seed.size(); at += 4) {
      ASSERT_EQ(loaded.status().message().find(seed.substr(at, 8)), std::string::npos);
    }
  }
}

TEST_F(KeyFile, MissingFileIsNotFound) {
  EXPECT_EQ(SigningKey::load(path_).status().code(), Code::kNotFound);
  EXPECT_EQ(key_of(kVectors[0]).save(folder_ + "/no/such/folder").code(), Code::kNotFound);
}

}  // namespace
}  // namespace assay
