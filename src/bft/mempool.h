// Transactions that wait for a block: bounded, each once, and fair: a sender who floods waits for
// itself. Tested in mempool_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/result.h"
#include "bft/types.h"

namespace assay::bft {

class Mempool {
 public:
  struct Limits {
    size_t bytes_max = size_t{16} << 20;
    size_t sender_bytes_max = size_t{4} << 20;
    size_t remembered_max = 65536;  // digests of committed transactions
  };
  explicit Mempool(const Limits& limits) : limits_(limits) {}

  // Errors: ALREADY_EXISTS when it waits or was committed lately; RESOURCE_EXHAUSTED when the pool,
  // or the sender's share, is full: try again later; INVALID_ARGUMENT when it is too large for any.
  Status add(Transaction transaction);

  // Up to this many bytes of a payload, one of each sender in turn, the oldest first. They stay.
  std::vector<Transaction> take(size_t payload_bytes_max) const;

  // Drops what a block committed, and remembers it for a while.
  void committed(const std::vector<Transaction>& transactions);

  size_t size() const { return digests_.size(); }
  size_t bytes() const { return bytes_; }
  bool empty() const { return digests_.empty(); }

 private:
  using Sender = std::array<uint8_t, 32>;
  struct Queue {
    std::deque<Transaction> transactions;
    size_t bytes = 0;
  };

  Limits limits_;
  std::map<Sender, Queue> senders_;
  std::set<Digest> digests_;
  std::set<Digest> remembered_;
  std::deque<Digest> remembered_order_;
  size_t bytes_ = 0;
};

}  // namespace assay::bft
