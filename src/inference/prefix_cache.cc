#include "inference/prefix_cache.h"

#include <algorithm>

#include "base/check.h"

namespace assay {
namespace {

constexpr size_t kPage = KvPool::kPagePositions;

std::vector<TokenId> page_tokens(std::span<const TokenId> tokens, size_t page) {
  const auto of_page = tokens.subspan(page * kPage, kPage);
  return {of_page.begin(), of_page.end()};
}

}  // namespace

PrefixCache::~PrefixCache() { clear(); }

void PrefixCache::touch(Node& node) {
  if (node.used != 0) by_use_.erase(node.used);
  node.used = ++uses_;
  by_use_[node.used] = &node;
}

std::vector<uint32_t> PrefixCache::find(const std::string& scope, std::span<const TokenId> tokens) {
  std::vector<uint32_t> pages;
  const auto root = roots_.find(scope);
  if (root == roots_.end()) return pages;
  std::vector<Node*> path;
  Node* node = &root->second;
  for (size_t page = 0; (page + 1) * kPage <= tokens.size(); ++page) {
    const auto child = node->children.find(page_tokens(tokens, page));
    if (child == node->children.end()) break;
    node = child->second.get();
    path.push_back(node);
    pages.push_back(node->page);
  }
  // A parent is always younger than its children: whatever is old is a leaf.
  for (auto at = path.rbegin(); at != path.rend(); ++at) touch(**at);
  return pages;
}

void PrefixCache::insert(const std::string& scope, std::span<const TokenId> tokens,
                         std::span<const uint32_t> pages) {
  const size_t whole = tokens.size() / kPage;
  if (whole == 0) return;
  ASSAY_CHECK(pages.size() >= whole);
  std::vector<Node*> path;
  Node* node = &roots_[scope];
  for (size_t page = 0; page < whole; ++page) {
    std::unique_ptr<Node>& child = node->children[page_tokens(tokens, page)];
    if (child == nullptr) {
      child = std::make_unique<Node>();
      child->parent = node;
      child->tokens = page_tokens(tokens, page);
      child->page = pages[page];
      pool_.share(child->page);
    }
    node = child.get();
    path.push_back(node);
  }
  for (auto at = path.rbegin(); at != path.rend(); ++at) touch(**at);
}

void PrefixCache::remove(Node& node) {
  by_use_.erase(node.used);
  pool_.release(node.page);
  Node* const parent = node.parent;
  // The key is found by a copy: erasing destroys the node's own.
  const std::vector<TokenId> tokens = node.tokens;
  parent->children.erase(tokens);
  if (parent->parent != nullptr || !parent->children.empty()) return;
  for (auto it = roots_.begin(); it != roots_.end(); ++it) {
    if (&it->second != parent) continue;
    roots_.erase(it);
    return;
  }
}

bool PrefixCache::free_up(size_t pages_free) {
  if (pool_.pages_free() >= pages_free) return true;
  const auto idle = std::count_if(by_use_.begin(), by_use_.end(), [this](const auto& entry) {
    return pool_.holders(entry.second->page) == 1;
  });
  if (pool_.pages_free() + static_cast<size_t>(idle) < pages_free) return false;
  for (const bool also_held : {false, true}) {
    auto oldest = by_use_.begin();
    while (pool_.pages_free() < pages_free && oldest != by_use_.end()) {
      Node& node = *oldest->second;
      ++oldest;
      const bool may_go = also_held || pool_.holders(node.page) == 1;
      if (node.children.empty() && may_go) remove(node);
    }
  }
  return true;
}

void PrefixCache::clear() {
  while (!by_use_.empty()) {
    // The oldest is a leaf.
    ASSAY_CHECK(by_use_.begin()->second->children.empty());
    remove(*by_use_.begin()->second);
  }
}

}  // namespace assay
