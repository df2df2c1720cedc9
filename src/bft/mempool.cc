#include "bft/mempool.h"

#include <algorithm>

#include "bft/codec.h"

namespace assay::bft {

Status Mempool::add(Transaction transaction) {
  const size_t bytes = transaction_bytes(transaction);
  if (transaction.body.size() > kTransactionBytesMax || bytes > limits_.sender_bytes_max) {
    return invalid_argument(
        "a transaction of " + std::to_string(bytes) + " bytes is above the limit of " +
        std::to_string(std::min(kTransactionBytesMax, limits_.sender_bytes_max)));
  }
  const Digest digest = transaction_digest(transaction);
  if (digests_.contains(digest) || remembered_.contains(digest)) {
    return {Code::kAlreadyExists, "the transaction waits or was committed already"};
  }
  const auto sender = senders_.find(transaction.sender);
  const size_t sender_bytes = sender == senders_.end() ? 0 : sender->second.bytes;
  if (sender_bytes + bytes > limits_.sender_bytes_max) {
    return resource_exhausted("the sender's transactions that wait are at their limit of " +
                              std::to_string(limits_.sender_bytes_max) + " bytes; try again later");
  }
  if (bytes_ + bytes > limits_.bytes_max) {
    return resource_exhausted("the transactions that wait are at their limit of " +
                              std::to_string(limits_.bytes_max) + " bytes; try again later");
  }
  Queue& queue = senders_[transaction.sender];
  queue.bytes += bytes;
  queue.transactions.push_back(std::move(transaction));
  bytes_ += bytes;
  digests_.insert(digest);
  return ok_status();
}

std::vector<Transaction> Mempool::take(size_t payload_bytes_max) const {
  std::vector<Transaction> taken;
  size_t bytes = 4;  // the count
  for (size_t round = 0;; ++round) {
    bool any = false;
    for (const auto& [sender, queue] : senders_) {
      if (round >= queue.transactions.size() || taken.size() == kTransactionsMax) continue;
      const Transaction& next = queue.transactions[round];
      if (bytes + transaction_bytes(next) > payload_bytes_max) continue;
      bytes += transaction_bytes(next);
      taken.push_back(next);
      any = true;
    }
    if (!any) return taken;
  }
}

void Mempool::committed(const std::vector<Transaction>& transactions) {
  for (const Transaction& transaction : transactions) {
    const Digest digest = transaction_digest(transaction);
    if (remembered_.insert(digest).second) remembered_order_.push_back(digest);
    if (digests_.erase(digest) == 0) continue;
    const auto sender = senders_.find(transaction.sender);
    ASSAY_CHECK(sender != senders_.end());
    Queue& queue = sender->second;
    const auto at = std::find(queue.transactions.begin(), queue.transactions.end(), transaction);
    ASSAY_CHECK(at != queue.transactions.end());
    const size_t bytes = transaction_bytes(transaction);
    queue.bytes -= bytes;
    bytes_ -= bytes;
    queue.transactions.erase(at);
    if (queue.transactions.empty()) senders_.erase(sender);
  }
  while (remembered_order_.size() > limits_.remembered_max) {
    remembered_.erase(remembered_order_.front());
    remembered_order_.pop_front();
  }
}

}  // namespace assay::bft
