// Level by level, bottom up. Promoting the odd node of each level gives the same tree as RFC 6962's
// "split at the largest power of two below n" (merkle_test.cc compares the two).
#include "crypto/merkle.h"

#include <cstring>

#include "base/check.h"
#include "crypto/sha256_pair.h"

namespace assay {
namespace {

constexpr uint8_t kLeafTag = 0;
constexpr uint8_t kNodeTag = 1;
constexpr uint8_t kEmptyTag = 2;

// Replaces a level of at least two nodes by the level above it.
void fold_level(std::vector<Digest>& level) {
  const size_t pairs = level.size() / 2;
  // Two nodes at once.
  std::array<uint8_t, 4 * sizeof(Digest)> children;
  size_t i = 0;
  for (; i + 2 <= pairs; i += 2) {
    std::memcpy(children.data(), &level[2 * i], children.size());
    const auto nodes = sha256_pair(kNodeTag, ByteSpan(children).first(2 * sizeof(Digest)),
                                   ByteSpan(children).last(2 * sizeof(Digest)));
    level[i] = nodes[0];
    level[i + 1] = nodes[1];
  }
  if (i < pairs) level[i] = merkle_node(level[2 * i], level[2 * i + 1]);
  if (level.size() % 2 != 0) {
    level[pairs] = level.back();
    level.resize(pairs + 1);
  } else {
    level.resize(pairs);
  }
}

}  // namespace

Digest merkle_leaf(ByteSpan content) {
  thread_local Sha256 hasher;
  return hasher.update(ByteSpan(&kLeafTag, 1)).update(content).finish();
}

std::array<Digest, 2> merkle_leaf_pair(ByteSpan first, ByteSpan second) {
  return sha256_pair(kLeafTag, first, second);
}

Digest merkle_node(const Digest& left, const Digest& right) {
  std::array<uint8_t, 1 + 2 * sizeof(Digest)> preimage;
  preimage[0] = kNodeTag;
  std::memcpy(&preimage[1], left.data(), left.size());
  std::memcpy(&preimage[1 + sizeof(Digest)], right.data(), right.size());
  return sha256(ByteSpan(preimage));
}

Digest merkle_root(std::span<const Digest> leaves) {
  if (leaves.empty()) return sha256(ByteSpan(&kEmptyTag, 1));
  std::vector<Digest> level(leaves.begin(), leaves.end());
  while (level.size() > 1) fold_level(level);
  return level[0];
}

MerkleProof merkle_prove(std::span<const Digest> leaves, uint64_t index) {
  ASSAY_CHECK(index < leaves.size());
  MerkleProof proof{.index = index, .count = leaves.size(), .path = {}};
  std::vector<Digest> level(leaves.begin(), leaves.end());
  for (uint64_t at = index; level.size() > 1; at /= 2) {
    const uint64_t sibling = at ^ 1;
    if (sibling < level.size()) proof.path.push_back(level[sibling]);
    fold_level(level);
  }
  return proof;
}

bool merkle_verify(const Digest& leaf, const MerkleProof& proof, const Digest& root) {
  if (proof.index >= proof.count) return false;
  Digest node = leaf;
  size_t used = 0;
  uint64_t at = proof.index;
  // At most 64 levels, whatever the proof claims.
  for (uint64_t last = proof.count - 1; last > 0; last /= 2, at /= 2) {
    if ((at ^ 1) > last) continue;  // promoted: no sibling on this level
    if (used == proof.path.size()) return false;
    const Digest& sibling = proof.path[used++];
    node = at % 2 == 0 ? merkle_node(node, sibling) : merkle_node(sibling, node);
  }
  return used == proof.path.size() && node == root;
}

}  // namespace assay
