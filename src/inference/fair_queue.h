// FairQueue: what waits, fair among clients: whoever has been given the least comes first, and of
// one client what came first. When it is full, room is made at the cost of the client that has most
// in it. Source: virtual token counters, Sheng et al., OSDI 2024. Tested in fair_queue_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace assay {

template <typename T>
class FairQueue {
 public:
  explicit FairQueue(size_t items_max) : items_max_(items_max) {}

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // What had to go: the newest of the client that has most in the queue, when it is full. That may
  // be the item itself.
  std::optional<T> push(const std::string& client, T item) {
    std::optional<T> removed;
    if (size_ >= items_max_) {
      const auto longest = find_longest();
      const auto own = clients_.find(client);
      const size_t own_size = own == clients_.end() ? 0 : own->second.items.size();
      if (longest == clients_.end() || longest->second.items.size() <= own_size + 1) return item;
      removed = std::move(longest->second.items.back());
      longest->second.items.pop_back();
      --size_;
    }
    enter(client).items.push_back(std::move(item));
    ++size_;
    return removed;
  }
  // Back to the head of its client's: it has waited before. Never refused.
  void put_back(const std::string& client, T item) {
    enter(client).items.push_front(std::move(item));
    ++size_;
  }
  // The next. Pre: not empty. Ties go to the client whose name is first.
  T pop() {
    auto next = clients_.end();
    for (auto it = clients_.begin(); it != clients_.end(); ++it) {
      if (it->second.items.empty()) continue;
      if (next == clients_.end() || it->second.given < next->second.given) next = it;
    }
    T item = std::move(next->second.items.front());
    next->second.items.pop_front();
    ++next->second.running;
    --size_;
    return item;
  }
  // Looks at the next without taking it. Pre: not empty.
  const T& peek() const {
    const Client* next = nullptr;
    for (const auto& [name, client] : clients_) {
      if (client.items.empty()) continue;
      if (next == nullptr || client.given < next->given) next = &client;
    }
    return next->items.front();
  }
  // A client has been given so much, of what the machine has to give.
  void charge(const std::string& client, uint64_t amount) {
    const auto it = clients_.find(client);
    if (it != clients_.end()) it->second.given += amount;
  }
  // One that was popped is done, or goes back. A client that has nothing left is forgotten.
  void leave(const std::string& client) {
    const auto it = clients_.find(client);
    if (it == clients_.end()) return;
    --it->second.running;
    forget(it);
  }
  // Removes all for which matches(item) is true and hands them to take(item).
  template <typename Matches, typename Take>
  void remove_if(const Matches& matches, const Take& take) {
    for (auto it = clients_.begin(); it != clients_.end();) {
      auto& items = it->second.items;
      for (size_t i = 0; i < items.size();) {
        if (!matches(items[i])) {
          ++i;
          continue;
        }
        take(std::move(items[i]));
        items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
        --size_;
      }
      const auto at = it++;
      forget(at);
    }
  }

 private:
  struct Client {
    std::deque<T> items;
    size_t running = 0;
    uint64_t given = 0;
  };
  using Clients = std::map<std::string, Client>;

  // Whoever comes anew stands where the least served of those present stands: what somebody did not
  // ask for is not owed to him.
  Client& enter(const std::string& client) {
    const auto [it, is_new] = clients_.try_emplace(client);
    if (!is_new) return it->second;
    std::optional<uint64_t> least;
    for (const auto& [name, other] : clients_) {
      if (name == client) continue;
      if (!least || other.given < *least) least = other.given;
    }
    it->second.given = least.value_or(0);
    return it->second;
  }
  typename Clients::iterator find_longest() {
    auto longest = clients_.end();
    for (auto it = clients_.begin(); it != clients_.end(); ++it) {
      if (longest == clients_.end() || it->second.items.size() > longest->second.items.size()) {
        longest = it;
      }
    }
    return longest;
  }
  void forget(typename Clients::iterator it) {
    if (it->second.items.empty() && it->second.running == 0) clients_.erase(it);
  }

  size_t items_max_;
  size_t size_ = 0;
  Clients clients_;
};

}  // namespace assay
