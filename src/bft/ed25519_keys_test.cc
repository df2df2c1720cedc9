#include "bft/ed25519_keys.h"

#include <gtest/gtest.h>

namespace assay::bft {
namespace {

Ed25519Keys make(uint8_t number, size_t valid_max = 64) {
  std::array<uint8_t, 32> seed{};
  seed[0] = number;
  std::array<uint8_t, 32> vrf_seed{};
  vrf_seed[1] = number;
  return {SigningKey::from_seed(seed), VrfKey::from_seed(vrf_seed), valid_max};
}

TEST(Ed25519Keys, WhatIsValidIsRememberedAndWhatIsNotIsNever) {
  const Ed25519Keys keys = make(1);
  const Ed25519Keys other = make(2);
  const Signature signature = other.sign(as_bytes("message"));
  EXPECT_TRUE(keys.verify(other.public_key(), as_bytes("message"), signature));
  EXPECT_TRUE(keys.verify(other.public_key(), as_bytes("message"), signature));
  EXPECT_EQ(keys.counts().verified, 1U);
  EXPECT_EQ(keys.counts().remembered, 1U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(keys.verify(other.public_key(), as_bytes("massage"), signature));
    EXPECT_FALSE(keys.verify(keys.public_key(), as_bytes("message"), signature));
  }
  EXPECT_EQ(keys.counts().verified, 5U);
}

TEST(Ed25519Keys, AProofGivesOneOutputRememberedOrNot) {
  const Ed25519Keys keys = make(1);
  const Ed25519Keys prover = make(1);
  const VrfProof proof = prover.vrf_prove(as_bytes("input"));
  // What one has proved is known to hold, and its output is the one that verifying gives.
  const auto own = prover.vrf_verify(prover.vrf_public_key(), as_bytes("input"), proof);
  EXPECT_EQ(prover.counts().verified, 0U);
  const auto first = keys.vrf_verify(keys.vrf_public_key(), as_bytes("input"), proof);
  const auto second = keys.vrf_verify(keys.vrf_public_key(), as_bytes("input"), proof);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first, second);
  EXPECT_EQ(first, own);
  EXPECT_EQ(keys.counts().remembered, 1U);
  EXPECT_FALSE(keys.vrf_verify(keys.vrf_public_key(), as_bytes("another"), proof));
  EXPECT_FALSE(keys.vrf_verify(keys.public_key(), as_bytes("input"), proof));
}

TEST(Ed25519Keys, WhatOneHasSignedIsNotVerified) {
  const Ed25519Keys keys = make(1);
  const Signature signature = keys.sign(as_bytes("message"));
  EXPECT_TRUE(keys.verify(keys.public_key(), as_bytes("message"), signature));
  EXPECT_FALSE(keys.verify(keys.public_key(), as_bytes("another"), signature));
  EXPECT_EQ(keys.counts().remembered, 1U);
}

TEST(Ed25519Keys, TheMemoryIsBoundedAndKeepsWhatIsUsed) {
  const Ed25519Keys keys = make(1, 8);
  const Ed25519Keys signer = make(1);
  const Signature kept = signer.sign(as_bytes("kept"));
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(i);
    EXPECT_TRUE(keys.verify(keys.public_key(), as_bytes(text), signer.sign(as_bytes(text))));
    EXPECT_TRUE(keys.verify(keys.public_key(), as_bytes("kept"), kept));
  }
  EXPECT_EQ(keys.counts().verified, 101U);
}

}  // namespace
}  // namespace assay::bft
