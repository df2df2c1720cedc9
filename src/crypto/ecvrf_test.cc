#include "crypto/ecvrf.h"

#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/json.h"

namespace assay {
namespace {

// One list of a file of testdata/crypto, by value.
Json fixture(const std::string& name, const char* list) {
  const std::string path = std::string(ASSAY_TESTDATA) + "/crypto/" + name;
  Json cases = parse_json(read_text_file(path, 1 << 20).value(), path).value().at(list);
  EXPECT_FALSE(cases.empty());
  return cases;
}

std::string text(const Json& object, const char* field) {
  return object.at(field).get<std::string>();
}
Bytes bytes(const Json& object, const char* field) { return from_hex(text(object, field)).value(); }
template <size_t N>
std::array<uint8_t, N> array(const Json& object, const char* field) {
  return array_from_hex<N>(text(object, field)).value();
}

// One key, one input and its proof, to damage.
struct Sample {
  VrfKey key = VrfKey::from_seed(std::array<uint8_t, 32>{7, 7, 7});
  Bytes alpha = {1, 2, 3};
  PublicKey public_key = key.public_key();
  VrfProof proof = key.prove(alpha);
};

// a + b as little-endian numbers of 32 bytes, modulo 2^256.
std::array<uint8_t, 32> sum(std::span<const uint8_t, 32> a, std::span<const uint8_t, 32> b) {
  std::array<uint8_t, 32> out{};
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += unsigned{a[i]} + b[i];
    out[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  return out;
}

// p + k: the encodings of y that are no field elements, for k = 0 to 18; sign is bit 255.
std::array<uint8_t, 32> unreduced(uint8_t k, bool sign) {
  std::array<uint8_t, 32> out;
  out.fill(0xff);
  out[0] = static_cast<uint8_t>(0xed + k);
  out[31] = sign ? 0xff : 0x7f;
  return out;
}

VrfProof with_gamma(VrfProof proof, std::span<const uint8_t, 32> gamma) {
  std::ranges::copy(gamma, proof.begin());
  return proof;
}
VrfProof with_s(VrfProof proof, std::span<const uint8_t, 32> s) {
  std::ranges::copy(s, proof.begin() + 48);
  return proof;
}

TEST(Ecvrf, MatchesRfc9381) {
  for (const Json& vector : fixture("ecvrf_rfc9381.json", "vectors")) {
    const VrfKey key = VrfKey::from_seed(array<32>(vector, "sk"));
    const Bytes alpha = bytes(vector, "alpha");
    EXPECT_EQ(to_hex(key.public_key()), text(vector, "pk"));
    const VrfProof proof = key.prove(alpha);
    EXPECT_EQ(to_hex(proof), text(vector, "tai_pi"));
    const auto beta = ecvrf_verify(key.public_key(), alpha, proof);
    ASSERT_TRUE(beta.has_value());
    EXPECT_EQ(to_hex(*beta), text(vector, "tai_beta"));
    EXPECT_EQ(ecvrf_proof_to_hash(proof), beta);
  }
}

TEST(Ecvrf, ProofsOfTheOtherSuiteAreRefused) {
  for (const Json& vector : fixture("ecvrf_rfc9381.json", "vectors")) {
    const auto proof = array<80>(vector, "ell2_pi");
    EXPECT_FALSE(ecvrf_verify(array<32>(vector, "pk"), bytes(vector, "alpha"), proof));
  }
}

TEST(Ecvrf, AgreesWithAnIndependentProgram) {
  std::set<std::string> betas;
  size_t own_proofs = 0;
  for (const Json& one : fixture("ecvrf_cases.json", "accepted")) {
    const VrfKey key = VrfKey::from_seed(array<32>(one, "sk"));
    const Bytes alpha = bytes(one, "alpha");
    const auto proof = array<80>(one, "pi");
    const auto beta = ecvrf_verify(key.public_key(), alpha, proof);
    ASSERT_TRUE(beta.has_value()) << one.dump();
    EXPECT_EQ(to_hex(*beta), text(one, "beta"));
    // Unique: proofs with other nonces are valid too, and have the same output.
    EXPECT_EQ(ecvrf_proof_to_hash(key.prove(alpha)), beta);
    if (key.prove(alpha) == proof) ++own_proofs;
    betas.insert(to_hex(*beta));
  }
  EXPECT_EQ(own_proofs, 13u);
  EXPECT_EQ(betas.size(), 13u);
}

// Each satisfies the equations of the proof: the older challenge without the key, s + L, keys and
// Gammas with a part of small order where the challenge makes it vanish, keys of small order.
TEST(Ecvrf, ProofsThatOnlySeemValidAreRefused) {
  const Json cases = fixture("ecvrf_cases.json", "refused");
  EXPECT_EQ(cases.size(), 24u);
  for (const Json& one : cases) {
    EXPECT_FALSE(ecvrf_verify(array<32>(one, "pk"), bytes(one, "alpha"), array<80>(one, "pi")))
        << text(one, "note");
  }
}

TEST(Ecvrf, TorsionDoesNotChangeTheOutput) {
  const Sample sample;
  const auto beta = ecvrf_proof_to_hash(sample.proof);
  for (const Json& torsion : fixture("ecvrf_cases.json", "torsion")) {
    const auto point = array_from_hex<32>(torsion.get<std::string>()).value();
    std::array<uint8_t, 32> gamma{};
    ASSERT_EQ(crypto_core_ed25519_add(gamma.data(), sample.proof.data(), point.data()), 0);
    const VrfProof shifted = with_gamma(sample.proof, gamma);
    EXPECT_EQ(ecvrf_proof_to_hash(shifted), beta);
    const bool same = shifted == sample.proof;  // the identity is the first of the eight
    EXPECT_EQ(ecvrf_verify(sample.public_key, sample.alpha, shifted).has_value(), same);
  }
}

TEST(Ecvrf, EveryFlippedBitIsRefused) {
  const Sample sample;
  ASSERT_TRUE(ecvrf_verify(sample.public_key, sample.alpha, sample.proof));
  for (size_t bit = 0; bit < 640; ++bit) {
    VrfProof bad = sample.proof;
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ecvrf_verify(sample.public_key, sample.alpha, bad)) << "proof bit " << bit;
  }
  for (size_t bit = 0; bit < 256; ++bit) {
    PublicKey bad = sample.public_key;
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ecvrf_verify(bad, sample.alpha, sample.proof)) << "key bit " << bit;
  }
  for (size_t bit = 0; bit < 24; ++bit) {
    Bytes bad = sample.alpha;
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ecvrf_verify(sample.public_key, bad, sample.proof)) << "alpha bit " << bit;
  }
  EXPECT_FALSE(ecvrf_verify(sample.public_key, {}, sample.proof));
}

TEST(Ecvrf, UnreducedScalarsAreRefused) {
  const auto order =
      array_from_hex<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
          .value();
  const Sample sample;
  const auto s = std::span(sample.proof).last<32>();
  // s + L gives the same points; L itself and above are refused, L - 1 is a scalar.
  EXPECT_FALSE(ecvrf_proof_to_hash(with_s(sample.proof, sum(s, order))));
  EXPECT_FALSE(ecvrf_verify(sample.public_key, sample.alpha, with_s(sample.proof, sum(s, order))));
  EXPECT_FALSE(ecvrf_proof_to_hash(with_s(sample.proof, order)));
  std::array<uint8_t, 32> minus_one;
  minus_one.fill(0xff);
  EXPECT_FALSE(ecvrf_proof_to_hash(with_s(sample.proof, minus_one)));
  EXPECT_TRUE(ecvrf_proof_to_hash(with_s(sample.proof, sum(order, minus_one))));
}

TEST(Ecvrf, ScalarsThatAreZeroAreRefusedWithoutACrash) {
  const Sample sample;
  VrfProof zero_c = sample.proof;
  std::fill(zero_c.begin() + 32, zero_c.begin() + 48, uint8_t{0});
  EXPECT_FALSE(ecvrf_verify(sample.public_key, sample.alpha, zero_c));
  EXPECT_FALSE(ecvrf_verify(sample.public_key, sample.alpha,
                            with_s(sample.proof, std::array<uint8_t, 32>{})));
  EXPECT_FALSE(
      ecvrf_verify(sample.public_key, sample.alpha, with_s(zero_c, std::array<uint8_t, 32>{})));
}

TEST(Ecvrf, EncodingsThatAreNotCanonicalAreRefused) {
  const Sample sample;
  std::vector<std::array<uint8_t, 32>> encodings;
  for (uint8_t k = 0; k < 19; ++k) {
    encodings.push_back(unreduced(k, false));
    encodings.push_back(unreduced(k, true));
  }
  std::array<uint8_t, 32> negative_zero{1};  // y = 1, x = "-0"
  negative_zero[31] = 0x80;
  encodings.push_back(negative_zero);
  encodings.push_back(unreduced(0, true));
  encodings.back()[0] = 0xec;  // y = p - 1, x = "-0"
  std::array<uint8_t, 32> off_curve{2};
  encodings.push_back(off_curve);
  for (const auto& encoding : encodings) {
    EXPECT_FALSE(ecvrf_validate_key(encoding)) << to_hex(encoding);
    EXPECT_FALSE(ecvrf_proof_to_hash(with_gamma(sample.proof, encoding))) << to_hex(encoding);
    EXPECT_FALSE(ecvrf_verify(encoding, sample.alpha, sample.proof)) << to_hex(encoding);
    EXPECT_FALSE(ecvrf_verify(sample.public_key, sample.alpha, with_gamma(sample.proof, encoding)));
  }
}

TEST(Ecvrf, KeysOfSmallOrderAndWithTorsionAreRefused) {
  const Sample sample;
  EXPECT_TRUE(ecvrf_validate_key(sample.public_key));
  const Json torsion = fixture("ecvrf_cases.json", "torsion");
  ASSERT_EQ(torsion.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    const auto point = array_from_hex<32>(torsion[i].get<std::string>()).value();
    EXPECT_FALSE(ecvrf_validate_key(point));
    PublicKey shifted{};
    ASSERT_EQ(crypto_core_ed25519_add(shifted.data(), sample.public_key.data(), point.data()), 0);
    EXPECT_EQ(ecvrf_validate_key(shifted), i == 0);
  }
}

TEST(Ecvrf, OutputsOfDifferentInputsAndKeysDiffer) {
  std::set<VrfOutput> outputs;
  for (uint8_t seed = 0; seed < 8; ++seed) {
    const VrfKey key = VrfKey::from_seed(std::array<uint8_t, 32>{seed});
    for (uint8_t alpha = 0; alpha < 8; ++alpha) {
      const auto beta = ecvrf_verify(key.public_key(), Bytes{alpha}, key.prove(Bytes{alpha}));
      ASSERT_TRUE(beta.has_value());
      outputs.insert(*beta);
    }
  }
  EXPECT_EQ(outputs.size(), 64u);
}

TEST(EcvrfSelfTest, PassesHere) {
  const Status status = ecvrf_self_test();
  EXPECT_TRUE(status.ok()) << status.message();
}

// What libsodium did before the fix: multiply by L and look at x alone, which (0, -1) has too.
bool validates_without_sign(const PublicKey& key) {
  PublicKey half_turn = unreduced(0, false);
  half_turn[0] = 0xec;  // (0, -1)
  PublicKey other{};
  return ecvrf_validate_key(key) ||
         (crypto_core_ed25519_add(other.data(), key.data(), half_turn.data()) == 0 &&
          ecvrf_validate_key(other));
}

TEST(EcvrfSelfTest, SeesALibraryThatAcceptsTorsion) {
  const Status status = ecvrf_self_test(validates_without_sign);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("1.0.18-1+deb12u1"), std::string::npos) << status.message();
  EXPECT_FALSE(ecvrf_self_test([](const PublicKey&) { return false; }).ok());
}

TEST(VrfKey, GeneratedKeysDifferAndMovesLeaveNothing) {
  VrfKey a = VrfKey::generate();
  VrfKey b = VrfKey::generate();
  EXPECT_NE(a.public_key(), b.public_key());
  const PublicKey public_a = a.public_key();
  b = std::move(a);
  EXPECT_EQ(b.public_key(), public_a);
  EXPECT_EQ(a.public_key(), PublicKey{});  // wiped
  EXPECT_DEATH(static_cast<void>(a.prove({})), "");
  EXPECT_TRUE(ecvrf_verify(public_a, as_bytes("m"), b.prove(as_bytes("m"))));
}

TEST(VrfKey, FileIsReadBackAndIsNoSigningKey) {
  std::string folder = testing::TempDir() + "assay-vrf-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/vrf.key";
  const Sample sample;
  const VrfKey& key = sample.key;
  ASSERT_TRUE(key.save(path).ok());
  EXPECT_EQ(key.save(path).code(), Code::kAlreadyExists);
  struct stat st{};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  EXPECT_EQ(read_text_file(path, 1000).value().size(), 198u);
  EXPECT_TRUE(read_text_file(path, 1000)
                  .value()
                  .starts_with("assay-vrf-key 1\nalgorithm ecvrf-edwards25519-sha512-tai\npublic " +
                               to_hex(key.public_key()) + "\nseed 070707"));
  const auto loaded = VrfKey::load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->prove({}), key.prove({}));

  EXPECT_EQ(SigningKey::load(path).status().code(), Code::kDataLoss);
  ASSERT_TRUE(SigningKey::generate().save(folder + "/signing.key").ok());
  EXPECT_EQ(VrfKey::load(folder + "/signing.key").status().code(), Code::kDataLoss);
  EXPECT_EQ(VrfKey::load(folder + "/none").status().code(), Code::kNotFound);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace assay
