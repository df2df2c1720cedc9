#include "sim/network.h"

#include <algorithm>

namespace assay::sim {
namespace {

constexpr uint64_t kPermille = 1000;
constexpr uint64_t kDelayMax = 10;
constexpr uint64_t kSpikeMax = 400;
constexpr uint64_t kLongSpikeMax = 3000;

// A VoteMessage of kCommit: version, kind, phase.
bool is_commit(const Bytes& bytes) { return bytes.size() > 2 && bytes[1] == 1 && bytes[2] == 3; }

}  // namespace

uint64_t Network::draw_delay() {
  const uint64_t delay = 1 + prng_.below(kDelayMax);
  if (spikes_ == 0 || prng_.below(kPermille) >= spikes_) return delay;
  ++totals_.late;
  const uint64_t longest = prng_.below(20) == 0 ? kLongSpikeMax : kSpikeMax;
  return delay + prng_.below(longest);
}

Network::Fate Network::fate(size_t from, size_t to, const Bytes& bytes) {
  ++totals_.sent;
  totals_.bytes += bytes.size();
  Fate fate;
  for (const Cut& cut : cuts_) {
    if (cut.group[from] == cut.group[to]) continue;
    ++totals_.cut;
    return fate;
  }
  if (loss_ > 0 && prng_.below(kPermille) < loss_) {
    ++totals_.lost;
    return fate;
  }
  if (commit_loss_ > 0 && is_commit(bytes) && prng_.below(kPermille) < commit_loss_) {
    ++totals_.commits_lost;
    return fate;
  }
  fate.copies = 1;
  fate.delay_ms[0] = slow_ms_[from] + draw_delay();
  if (duplicates_ > 0 && prng_.below(kPermille) < duplicates_) {
    ++totals_.duplicated;
    fate.copies = 2;
    fate.delay_ms[1] = slow_ms_[from] + draw_delay();
  }
  return fate;
}

uint64_t Network::cut(std::vector<uint8_t> group) {
  cuts_.push_back({++cut_id_, std::move(group)});
  return cut_id_;
}

void Network::mend(uint64_t id) {
  std::erase_if(cuts_, [id](const Cut& cut) { return cut.id == id; });
}

void Network::heal() {
  cuts_.clear();
  loss_ = commit_loss_ = duplicates_ = spikes_ = 0;
  std::fill(slow_ms_.begin(), slow_ms_.end(), 0);
}

}  // namespace assay::sim
