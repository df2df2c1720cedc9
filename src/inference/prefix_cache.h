// PrefixCache: whole pages of keys and values by the tokens that they were computed from, so that
// prompts with a common beginning compute it once. The bits are those of computing it again
// (02-determinism), so nobody can tell from an answer; the time it takes can tell that somebody had
// asked with the same beginning, which is why prompts of different scopes never share.
// Tested in prefix_cache_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/kv_pool.h"
#include "model/tokenizer.h"

namespace assay {

// Threads: one owner, that of the pool.
class PrefixCache {
 public:
  // pool has to outlive this.
  explicit PrefixCache(KvPool& pool) : pool_(pool) {}
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // The pages of the longest known beginning of tokens, in whole pages. The caller shares them
  // before anything else happens to the cache.
  std::vector<uint32_t> find(const std::string& scope, std::span<const TokenId> tokens);
  // Keeps the whole pages of tokens that it does not know yet: pages[i] holds tokens
  // [i, i + 1) * KvPool::kPagePositions. Pre: there are that many pages (CHECK).
  void insert(const std::string& scope, std::span<const TokenId> tokens,
              std::span<const uint32_t> pages);
  // Gives up the pages that were needed least recently and that nobody else holds, until so many
  // are free in the pool; then also what others hold, because pages that nobody holds may stand
  // before it. False: there are not so many, and nothing was given up. Cost: O(pages()).
  bool free_up(size_t pages_free);
  void clear();
  size_t pages() const { return by_use_.size(); }

 private:
  struct Node {
    Node* parent = nullptr;
    std::vector<TokenId> tokens;  // of its page; empty: the root of a scope
    uint32_t page = 0;
    uint64_t used = 0;
    std::map<std::vector<TokenId>, std::unique_ptr<Node>> children;
  };
  void touch(Node& node);
  void remove(Node& node);

  KvPool& pool_;
  std::map<std::string, Node> roots_;
  std::map<uint64_t, Node*> by_use_;  // all but the roots
  uint64_t uses_ = 0;
};

}  // namespace assay
