// The simulated network: what becomes of one message between two slots. Links lose, duplicate and
// delay; partitions cut them. After heal() every message arrives once, soon. Tested in
// network_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"

namespace assay::sim {

struct NetworkTotals {
  uint64_t sent = 0;
  uint64_t bytes = 0;
  uint64_t lost = 0;
  uint64_t commits_lost = 0;
  uint64_t cut = 0;
  uint64_t duplicated = 0;
  uint64_t late = 0;
};

class Network {
 public:
  Network(uint64_t seed, size_t slots) : prng_(seed), slow_ms_(slots, 0) {}

  // How long the message takes: nothing, one delay, or two when it is duplicated.
  struct Fate {
    size_t copies = 0;
    uint64_t delay_ms[2] = {0, 0};
  };
  Fate fate(size_t from, size_t to, const Bytes& bytes);

  // Faults of the links, in permille; the latest one counts.
  void set_loss(uint64_t permille) { loss_ = permille; }
  void set_commit_loss(uint64_t permille) { commit_loss_ = permille; }
  void set_duplicates(uint64_t permille) { duplicates_ = permille; }
  void set_spikes(uint64_t permille) { spikes_ = permille; }
  void set_slow(size_t slot, uint64_t added_ms) { slow_ms_[slot] = added_ms; }
  // group: by slot; messages pass within a group only. Cuts add up until they are mended by id.
  uint64_t cut(std::vector<uint8_t> group);
  void mend(uint64_t id);
  void heal();

  const NetworkTotals& totals() const { return totals_; }

 private:
  struct Cut {
    uint64_t id;
    std::vector<uint8_t> group;
  };
  uint64_t draw_delay();

  Prng prng_;
  std::vector<uint64_t> slow_ms_;
  std::vector<Cut> cuts_;
  uint64_t cut_id_ = 0;
  uint64_t loss_ = 0;
  uint64_t commit_loss_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t spikes_ = 0;
  NetworkTotals totals_;
};

}  // namespace assay::sim
