// A schedule, drawn whole from one seed: how many validators, which of them are Byzantine, and the
// list of what goes wrong when. The world adds only the network's dice, which are drawn from the
// same seed. A failing schedule is cut down by leaving out parts of the list. Tested in
// scenario_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bft/core.h"
#include "sim/disk.h"

namespace assay::sim {

// What can go wrong. Down to kClockJump: the surroundings of correct validators; from there on
// what Byzantine ones do (adversary.h).
enum class Fault : uint8_t {
  kLoss,         // amount: permille of the messages
  kDuplicate,    // amount: permille
  kDelaySpikes,  // amount: permille that take long, and so overtake and are overtaken
  kPartition,    // amount: salt of the groups
  kIsolateLeader,
  kIsolateDecider,  // who decides a height first is cut off, once
  kLoseCommits,     // amount: permille
  kClockSkew,       // amount: permille that timers take of what was asked
  kPause,
  kSlowNode,        // amount: ms added to what it sends
  kCrash,           // amount: salt of what the disk keeps of what was not synced
  kCrashAtPersist,  // amount: which write; what of it survives
  kRestartAll,
  kOldImage,       // the disk, but for the sign state, goes back to an earlier image
  kSignStateLost,  // restarts as observer
  kSetChange,      // amount: salt of the change
  kTransactionFlood,
  kBadTransaction,  // amount: salt; clients submit changes and evidence that do not hold
  kClockJump,       // amount: odd, the clock goes ahead, and timers fire; even, so many ms back

  kSilence,
  kWithhold,    // does not propose, whatever its VRF output
  kEquivocate,  // proposes two blocks, and votes for both
  kDoubleVote,
  kAmnesia,         // NewLeaders that forget what was prepared
  kForgedPrepared,  // NewLeaders that name what never was
  kLyingLeader,     // proposes anew although a value is prepared
  kReplay,
  kGarbage,
  kForgedVotes,  // in others' names
  kOutOfSample,  // sends its votes to those whom it has not drawn, too
  kDelay,
  kForgedEvidence,
  kEvidenceStorm,
  kVoteFlood,
  kForgedBlocks,  // decisions and checkpoints nobody made
  kViewJump,
  kTwins,  // runs twice
};
constexpr size_t kFaultKinds = static_cast<size_t>(Fault::kTwins) + 1;
std::string_view fault_name(Fault fault);
inline bool is_attack(Fault fault) { return fault >= Fault::kSilence; }

// Where a validator stops, and what its disk keeps of the writes that were not synced.
struct CrashAtWrite {
  enum When : uint8_t {
    kNotDurable,   // the write is begun
    kDurable,      // and synced, but nothing that follows has happened
    kWithEffects,  // all that follows in the step has happened that need not wait for it
  };
  uint64_t write = 1;  // the first one is 1
  When when = kNotDurable;
  // The newest so many of the writes that were not synced are lost, and of the first of these is
  // left what the tail says; nothing: drawn from the salt.
  std::optional<size_t> loses;
  Disk::Tail tail = Disk::Tail::kLost;
  uint64_t salt = 0;
};

struct Action {
  Fault fault = Fault::kLoss;
  size_t target = 0;  // identity
  uint64_t at_ms = 0;
  uint64_t for_ms = 0;
  uint64_t amount = 0;
  std::optional<CrashAtWrite> crash;  // kCrashAtPersist: this one; else drawn from the amount
};
std::string to_text(const Action& action);

// Validators are identities 0 to nodes - 1, of which the first `byzantine` are; then the spares,
// which follow and may join.
struct Scenario {
  uint64_t seed = 0;
  size_t nodes = 4;
  size_t spares = 0;
  size_t byzantine = 0;
  bool is_beyond_faults = false;  // more Byzantine than f: a fork may happen, and must name them
  // Whether all have to go on after the network has healed. Not where more than f are Byzantine, or
  // where the samples leave no room for those that are.
  bool is_live = true;
  bft::Height heights = 6;   // the last three of them after the network has healed
  uint64_t window_ms = 800;  // of faults, if the heights do not come sooner
  uint64_t epoch_blocks = 1000;
  std::optional<bft::Sampling> sampling;
  bool is_disk_slow = false;  // writes take time, and what is not synced may be lost
  bool prunes = false;        // blocks below a checkpoint are dropped
  size_t transactions = 0;
  bft::Settings settings;
  std::vector<Action> actions;

  size_t identities() const { return nodes + spares; }
  bool is_byzantine(size_t identity) const { return identity < byzantine; }
};

// What a command line fixes; the rest follows from the seed.
struct ScenarioOptions {
  std::optional<size_t> nodes;
  std::optional<bft::Height> heights;
  bool twins = false;   // the Byzantine validators run twice, in two halves, and do nothing else
  bool beyond = false;  // more than f of them
  std::optional<std::vector<size_t>> keep;  // these places of the list of actions only
};
Scenario make_scenario(uint64_t seed, const ScenarioOptions& options);

// The arguments of probft-sim that draw the scenario again.
std::string to_arguments(uint64_t seed, const ScenarioOptions& options);

}  // namespace assay::sim
