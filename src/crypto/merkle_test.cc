#include "crypto/merkle.h"

#include <gtest/gtest.h>

#include <string>

namespace assay {
namespace {

constexpr uint64_t kExhaustiveMax = 20;

std::vector<Digest> leaves_of(uint64_t count) {
  std::vector<Digest> leaves;
  for (uint64_t i = 0; i < count; ++i) {
    leaves.push_back(merkle_leaf(as_bytes("leaf " + std::to_string(i))));
  }
  return leaves;
}

// RFC 6962, section 2.1, as it is written there: split at the largest power of two below n.
uint64_t split_of(uint64_t count) {
  uint64_t k = 1;
  while (2 * k < count) k *= 2;
  return k;
}

Digest naive_root(std::span<const Digest> leaves) {
  if (leaves.size() == 1) return leaves[0];
  const uint64_t k = split_of(leaves.size());
  return merkle_node(naive_root(leaves.first(k)), naive_root(leaves.subspan(k)));
}

// RFC 6962, section 2.1.1: PATH(m, D[n]).
std::vector<Digest> naive_path(std::span<const Digest> leaves, uint64_t index) {
  if (leaves.size() == 1) return {};
  const uint64_t k = split_of(leaves.size());
  std::vector<Digest> path =
      index < k ? naive_path(leaves.first(k), index) : naive_path(leaves.subspan(k), index - k);
  path.push_back(naive_root(index < k ? leaves.subspan(k) : leaves.first(k)));
  return path;
}

TEST(Merkle, HashesAreDomainSeparated) {
  EXPECT_EQ(merkle_leaf(as_bytes("abc")), sha256(std::string("\0abc", 4)));
  EXPECT_EQ(merkle_leaf_pair(as_bytes("abc"), as_bytes("abd")),
            (std::array{merkle_leaf(as_bytes("abc")), merkle_leaf(as_bytes("abd"))}));
  const Digest a = sha256("a");
  const Digest b = sha256("b");
  Bytes node = {1};
  append_bytes(node, a);
  append_bytes(node, b);
  EXPECT_EQ(merkle_node(a, b), sha256(node));
  EXPECT_EQ(merkle_root({}), sha256("\x02"));
}

TEST(Merkle, EqualsTheNaiveRecursion) {
  const std::vector<Digest> leaves = leaves_of(130);
  for (uint64_t count = 1; count <= leaves.size(); ++count) {
    const std::span<const Digest> tree(leaves.data(), count);
    ASSERT_EQ(merkle_root(tree), naive_root(tree)) << count << " leaves";
    for (const uint64_t index : {uint64_t{0}, count / 3, count / 2, count - 1}) {
      ASSERT_EQ(merkle_prove(tree, index).path, naive_path(tree, index))
          << "leaf " << index << " of " << count;
    }
  }
}

TEST(Merkle, EveryProofVerifiesAndEveryTamperedOneFails) {
  const std::vector<Digest> all = leaves_of(kExhaustiveMax);
  for (uint64_t count = 1; count <= kExhaustiveMax; ++count) {
    const std::span<const Digest> leaves(all.data(), count);
    const Digest root = merkle_root(leaves);
    for (uint64_t index = 0; index < count; ++index) {
      const MerkleProof proof = merkle_prove(leaves, index);
      EXPECT_EQ(proof.index, index);
      EXPECT_EQ(proof.count, count);
      ASSERT_TRUE(merkle_verify(leaves[index], proof, root)) << index << " of " << count;

      Digest wrong = leaves[index];
      wrong[31] ^= 1;
      ASSERT_FALSE(merkle_verify(wrong, proof, root));
      wrong = root;
      wrong[0] ^= 0x80;
      ASSERT_FALSE(merkle_verify(leaves[index], proof, wrong));

      for (size_t step = 0; step < proof.path.size(); ++step) {
        MerkleProof bad = proof;
        bad.path[step][7] ^= 4;
        ASSERT_FALSE(merkle_verify(leaves[index], bad, root));
        bad = proof;
        bad.path.erase(bad.path.begin() + static_cast<std::ptrdiff_t>(step));
        ASSERT_FALSE(merkle_verify(leaves[index], bad, root));
      }
      MerkleProof longer = proof;
      longer.path.push_back(root);
      ASSERT_FALSE(merkle_verify(leaves[index], longer, root));

      // Another place in the same tree, and every place outside of it.
      for (uint64_t other = 0; other < count + 3; ++other) {
        if (other == index) continue;
        MerkleProof moved = proof;
        moved.index = other;
        ASSERT_FALSE(merkle_verify(leaves[index], moved, root))
            << index << " as " << other << " of " << count;
      }
    }
  }
}

TEST(Merkle, TreesOfDifferentSizeHaveDifferentRoots) {
  // Duplicating the odd node instead of promoting it makes {a, b, c} and {a, b, c, c} collide.
  const std::vector<Digest> all = leaves_of(7);
  for (uint64_t count = 1; count <= 7; ++count) {
    std::vector<Digest> leaves(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
    const Digest root = merkle_root(leaves);
    leaves.push_back(leaves.back());
    EXPECT_NE(merkle_root(leaves), root) << count;
  }
}

TEST(Merkle, HostileProofsAreRefusedInBoundedTime) {
  const Digest leaf = merkle_leaf(as_bytes("x"));
  EXPECT_FALSE(merkle_verify(leaf, {.index = 0, .count = 0, .path = {}}, leaf));
  EXPECT_FALSE(merkle_verify(leaf, {.index = UINT64_MAX, .count = UINT64_MAX, .path = {}}, leaf));
  EXPECT_FALSE(merkle_verify(leaf, {.index = 5, .count = UINT64_MAX, .path = {}}, leaf));
  const std::vector<Digest> path(100000, leaf);
  EXPECT_FALSE(merkle_verify(leaf, {.index = 5, .count = UINT64_MAX, .path = path}, leaf));
  EXPECT_TRUE(merkle_verify(leaf, {.index = 0, .count = 1, .path = {}}, leaf));
}

}  // namespace
}  // namespace assay
