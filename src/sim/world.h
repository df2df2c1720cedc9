// One schedule, run: the validators of a scenario with their cores, disks and adversaries, a queue
// of events in virtual time, and the checker that looks on. The same scenario is the same run, step
// for step. Tested in world_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "bft/core.h"
#include "sim/adversary.h"
#include "sim/checker.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "sim/scenario.h"
#include "sim/sim_keys.h"

namespace assay::sim {

struct Totals {
  uint64_t schedules = 0;
  uint64_t steps = 0;
  uint64_t heights = 0;       // decided by somebody correct
  uint64_t view_changes = 0;  // views above 0 that correct validators entered
  uint64_t crashes = 0;
  uint64_t checkpoints = 0;  // fetched and taken
  uint64_t evidence = 0;     // found by correct validators
  uint64_t forks = 0;        // beyond f faults
  uint64_t set_changes = 0;  // sets of validators after the first
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t messages_dropped = 0;
  uint64_t transactions_refused = 0;           // by a mempool that was full
  uint64_t ms = 0;                             // simulated
  uint64_t heal_ms_max = 0;                    // longest time to three more heights after healing
  std::array<uint64_t, kFaultKinds> faults{};  // how often each kind had an effect

  void add(const Totals& other);
};

class World {
 public:
  explicit World(const Scenario& scenario);
  ~World();

  // What happens, a line each, for --trace.
  using Trace = std::function<void(const std::string&)>;
  void set_trace(Trace trace) { trace_ = std::move(trace); }

  // Called before a validator that stopped starts again: what becomes of its files meanwhile. Where
  // it then refuses to start, its operator has the log repaired, or moves it away, or has it
  // observe.
  using AtRestart = std::function<void(size_t slot, Disk& disk)>;
  void set_at_restart(AtRestart at_restart) { at_restart_ = std::move(at_restart); }
  const std::vector<std::string>& refusals() const { return refusals_; }
  // Its files are changed on purpose: that it starts again below what it had decided is no loss.
  void forgive_lost_heights(size_t slot) { forgiven_ = slot; }

  // To the end of the schedule, or to the first violation.
  std::optional<Violation> run();
  const Totals& totals() const { return totals_; }
  const KeyRegistry& registry() const { return registry_; }
  const Disk& disk(size_t slot) const { return *slots_[slot].disk; }
  // By this validator, over all its lives.
  uint64_t writes(size_t slot) const { return slots_[slot].writes; }

 private:
  enum class EventKind : uint8_t {
    kMessage,
    kTimer,
    kSynced,
    kStateComputed,
    kFetched,
    kSubmit,
    kAct,
    kBegin,  // of an action
    kEnd,
    kRestart,
    kHeal,
  };
  struct Event {
    uint64_t at_ms;
    uint64_t order;
    EventKind kind;
    uint32_t slot;
    uint32_t incarnation;
    uint64_t argument;  // place in flights_, timer, seq, height, action
    bool operator>(const Event& other) const {
      return at_ms != other.at_ms ? at_ms > other.at_ms : order > other.order;
    }
  };
  struct Flight {
    size_t from = 0;  // identity
    SharedBytes bytes;
  };
  // What waits for a write to be durable.
  struct Waiting {
    uint64_t after_seq;
    bft::Effect effect;
  };
  // One running validator. Identities have one each; twins two.
  struct Slot {
    size_t identity = 0;
    bool is_byzantine = false;
    std::unique_ptr<SimKeys> keys;
    std::unique_ptr<bft::Core> core;  // nothing while it is down
    std::unique_ptr<Adversary> adversary;
    std::optional<Disk> disk;
    uint32_t incarnation = 0;
    uint64_t written_seq = 0;
    uint64_t durable_seq = 0;
    uint64_t sync_done_ms = 0;
    std::vector<Waiting> waiting;
    uint64_t skew_permille = 1000;
    std::vector<std::pair<uint64_t, uint64_t>> timers;  // that run: event's order, id
    uint64_t timers_held_until_ms = 0;                  // the clock went back
    uint64_t paused_until_ms = 0;
    uint64_t writes = 0;                         // over all incarnations
    std::optional<CrashAtWrite> crash_at_write;  // its write counts down
    uint64_t crash_for_ms = 0;
    bft::Height seen_height = 0;
    bft::View seen_view = 0;
    bft::Height durable_height = 0;            // delivered
    std::optional<bft::Height> observe_until;  // told at the next start
    bool has_old_image = false;                // its log is one of an older day
    bool is_fetching = false;
    bft::Height root_height = 0;  // of the application's state
    Digest root{};
    std::vector<std::pair<bft::Height, Digest>> roots_asked;
  };

  // ---- world.cc: time, steps and effects.
  void push(uint64_t at_ms, EventKind kind, size_t slot, uint64_t argument);
  void boot(size_t slot);
  void handle(const Event& event);
  void fire(const Event& event);
  void step(size_t slot, const bft::Input& input);
  void look_at(size_t slot);
  void carry_out(size_t slot, bft::Effects effects);
  void write(size_t slot, const bft::Persist& persist);
  void release(size_t slot, bft::Effect effect);
  void synced(size_t slot, uint64_t seq);
  void transmit(size_t slot, const std::optional<bft::Peer>& to, SharedBytes bytes);
  void transmit_all(size_t slot, const Adversary::Outbox& out);
  void transmit_to(size_t slot, size_t identity, const SharedBytes& bytes, uint64_t delay_ms);
  void deliver(size_t slot, const bft::Deliver& deliver);
  void serve_blocks(size_t slot, const bft::ServeBlocks& serve);
  void fetch_checkpoint(size_t slot, size_t from);
  void receive(size_t slot, const Flight& flight);
  void compute_state(size_t slot, bft::Height height);
  void submit(size_t slot, size_t bytes);
  void act(size_t slot);
  bool is_correct(size_t slot) const { return !slots_[slot].is_byzantine; }
  bool is_over();

  // ---- world_faults.cc: what goes wrong, and its end.
  void begin(size_t place);  // of the action
  void end(size_t place);
  void crash(size_t slot, uint64_t amount, uint64_t for_ms);
  void crash(size_t slot, const Disk::Loss& loss, uint64_t for_ms);
  Disk::Loss draw_loss(size_t slot, uint64_t amount) const;
  Result<Disk::Image> restore(size_t slot);
  void restart(size_t slot);
  void cut_in_two(size_t place);
  void isolate_leader(size_t place);
  void isolate_decider(size_t slot, bft::Height height);
  void change_set(uint64_t salt);
  void submit_bad(uint64_t salt);
  void flood(size_t slot);
  void jump_clock(size_t slot, uint64_t amount);
  void heal();
  uint64_t liveness_bound_ms() const;
  void check_liveness();

  void trace(const std::string& line) const {
    if (trace_) trace_(std::to_string(now_ms_) + " ms: " + line);
  }
  void count(Fault fault, uint64_t times = 1) {
    totals_.faults[static_cast<size_t>(fault)] += times;
  }

  Scenario scenario_;
  KeyRegistry registry_;
  SimKeys observer_keys_;
  std::optional<bft::Chain> genesis_;
  std::unique_ptr<Checker> checker_;
  Network network_;
  Prng prng_;
  std::vector<Slot> slots_;
  std::vector<std::vector<size_t>> slots_of_;  // by identity
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Flight> flights_;
  std::vector<uint64_t> flights_free_;
  std::vector<uint64_t> cuts_;  // by action: id of its cut
  uint64_t order_ = 0;
  uint64_t now_ms_ = 0;
  bft::Height newest_height_ = 0;
  std::optional<size_t> isolates_decider_;  // the action that waits for one
  bool is_healed_ = false;
  uint64_t healed_ms_ = 0;
  bft::Height target_ = 0;
  Totals totals_;
  Trace trace_;
  AtRestart at_restart_;
  std::vector<std::string> refusals_;
  std::optional<size_t> forgiven_;
};

}  // namespace assay::sim
