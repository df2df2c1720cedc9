#include "sim/sim_keys.h"

#include <gtest/gtest.h>

namespace assay::sim {
namespace {

TEST(SimKeys, OnlyTheSignersSignatureOfThisMessageVerifies) {
  const KeyRegistry registry(7, 4);
  const SimKeys own(registry, 2);
  const Bytes message = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const Signature signature = own.sign(message);
  const auto key = [&](size_t i) { return registry.validator(i).key; };
  EXPECT_TRUE(own.verify(key(2), message, signature));
  EXPECT_FALSE(own.verify(key(1), message, signature));
  EXPECT_FALSE(own.verify(PublicKey{}, message, signature));
  for (size_t i = 0; i < message.size(); ++i) {
    Bytes other = message;
    other[i] ^= 1;
    EXPECT_FALSE(own.verify(key(2), other, signature));
  }
  Bytes longer = message;
  longer.push_back(0);
  EXPECT_FALSE(own.verify(key(2), longer, signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    Signature other = signature;
    other[i] ^= 0x80;
    EXPECT_FALSE(own.verify(key(2), message, other));
  }
  PublicKey near = key(2);
  near[31] ^= 1;
  EXPECT_FALSE(own.verify(near, message, signature));
}

TEST(SimKeys, AVrfHasOneProofAndOneOutput) {
  const KeyRegistry registry(7, 4);
  const SimKeys own(registry, 0);
  const Bytes input = {9};
  const VrfProof proof = own.vrf_prove(input);
  const auto output = own.vrf_verify(registry.validator(0).vrf_key, input, proof);
  ASSERT_TRUE(output.has_value());
  EXPECT_EQ(own.vrf_verify(registry.validator(0).vrf_key, input, own.vrf_prove(input)), output);
  EXPECT_FALSE(own.vrf_verify(registry.validator(1).vrf_key, input, proof).has_value());
  EXPECT_FALSE(own.vrf_verify(registry.validator(0).vrf_key, Bytes{8}, proof).has_value());
  for (size_t i = 0; i < proof.size(); ++i) {
    VrfProof other = proof;
    other[i] ^= 1;
    EXPECT_FALSE(own.vrf_verify(registry.validator(0).vrf_key, input, other).has_value());
  }
}

TEST(SimKeys, WorldsOfOneSeedAreTheSame) {
  const KeyRegistry a(3, 5);
  const KeyRegistry b(3, 5);
  const KeyRegistry c(4, 5);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.validator(i), b.validator(i));
    EXPECT_NE(a.validator(i).key, c.validator(i).key);
    EXPECT_EQ(a.find(a.validator(i).key), i);
  }
}

}  // namespace
}  // namespace assay::sim
