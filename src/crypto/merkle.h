// Merkle tree over digests, domain-separated: leaf = H(0x00 || leaf bytes), node = H(0x01 || left
// || right); an odd node is promoted, not duplicated (as RFC 6962). Tested against a naive
// recursion in merkle_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "crypto/sha256.h"

namespace assay {

Digest merkle_leaf(ByteSpan content);
// Two leaves in little more time than one. Pre: contents of one length (CHECK).
std::array<Digest, 2> merkle_leaf_pair(ByteSpan first, ByteSpan second);
Digest merkle_node(const Digest& left, const Digest& right);

// Root over leaf hashes in order. The root of no leaves is H(0x02).
Digest merkle_root(std::span<const Digest> leaves);

// Sibling hashes from the leaf up.
struct MerkleProof {
  uint64_t index = 0;
  uint64_t count = 0;  // leaves in the tree
  std::vector<Digest> path;
};
// Pre: index < leaves.size() (CHECK).
MerkleProof merkle_prove(std::span<const Digest> leaves, uint64_t index);
// True when the proof leads from the leaf hash to the root; false on any malformed proof (a path
// that is too short or too long, index >= count). The root alone does not fix the number of leaves
// (index 0 has the same path in a tree of 3 and of 4): take count from where it is committed.
bool merkle_verify(const Digest& leaf, const MerkleProof& proof, const Digest& root);

}  // namespace assay
