// What goes wrong in a simulated world, and when it ends. Time, steps and effects: world.cc.
#include <algorithm>

#include "bft/codec.h"
#include "sim/world.h"

namespace assay::sim {
namespace {

constexpr size_t kFloodTransactions = 120;
constexpr uint64_t kFaultlessMs = 2000;  // of a world that need not go on, after it has healed

// At one of the next writes.
CrashAtWrite drawn_crash(uint64_t amount) {
  constexpr uint64_t kWrites = 24;
  constexpr CrashAtWrite::When kWhen[] = {CrashAtWrite::kNotDurable, CrashAtWrite::kDurable,
                                          CrashAtWrite::kWithEffects};
  const uint64_t rest = amount / kWrites;
  return {.write = 1 + amount % kWrites, .when = kWhen[rest % 3], .salt = rest};
}

}  // namespace

void World::begin(size_t place) {
  if (is_healed_) return;
  const Action& action = scenario_.actions[place];
  if (trace_) trace("begins: " + to_text(action));
  Slot& slot = slots_[action.target];
  switch (action.fault) {
    case Fault::kLoss:
      return network_.set_loss(action.amount);
    case Fault::kDuplicate:
      return network_.set_duplicates(action.amount);
    case Fault::kDelaySpikes:
      return network_.set_spikes(action.amount);
    case Fault::kPartition:
      return cut_in_two(place);
    case Fault::kIsolateLeader:
      return isolate_leader(place);
    case Fault::kIsolateDecider:
      isolates_decider_ = place;
      return;
    case Fault::kLoseCommits:
      return network_.set_commit_loss(action.amount);
    case Fault::kClockSkew:
      slot.skew_permille = action.amount;
      return count(Fault::kClockSkew);
    case Fault::kPause:
      slot.paused_until_ms = std::max(slot.paused_until_ms, now_ms_ + action.for_ms);
      return count(Fault::kPause);
    case Fault::kSlowNode:
      network_.set_slow(action.target, action.amount);
      return count(Fault::kSlowNode);
    case Fault::kCrash:
      count(Fault::kCrash);
      return crash(action.target, action.amount, action.for_ms);
    case Fault::kCrashAtPersist:
      slot.crash_at_write = action.crash ? *action.crash : drawn_crash(action.amount);
      slot.crash_for_ms = action.for_ms;
      return;
    case Fault::kRestartAll:
      count(Fault::kRestartAll);
      for (size_t i = 0; i < slots_.size(); ++i) {
        crash(i, action.amount * (2 * i + 1), action.for_ms + prng_.below(20));
      }
      return;
    case Fault::kOldImage:
      return slot.disk->take_image();
    case Fault::kSignStateLost:
      count(Fault::kSignStateLost);
      crash(action.target, action.amount, action.for_ms);
      slot.disk->lose_sign_state();
      // Whoever starts it again sees how far the others are.
      slot.observe_until = checker_->chain().height() + 2;
      return;
    case Fault::kSetChange:
      return change_set(action.amount);
    case Fault::kTransactionFlood:
      return flood(action.target);
    case Fault::kBadTransaction:
      return submit_bad(action.amount);
    case Fault::kClockJump:
      return jump_clock(action.target, action.amount);
    case Fault::kTwins:
      return count(Fault::kTwins);
    default:
      slot.adversary->begin(action.fault);
  }
}

void World::end(size_t place) {
  if (is_healed_) return;
  const Action& action = scenario_.actions[place];
  switch (action.fault) {
    case Fault::kLoss:
      return network_.set_loss(0);
    case Fault::kDuplicate:
      return network_.set_duplicates(0);
    case Fault::kDelaySpikes:
      return network_.set_spikes(0);
    case Fault::kPartition:
    case Fault::kIsolateLeader:
    case Fault::kIsolateDecider:
      return network_.mend(cuts_[place]);
    case Fault::kLoseCommits:
      return network_.set_commit_loss(0);
    case Fault::kSlowNode:
      return network_.set_slow(action.target, 0);
    case Fault::kOldImage:
      count(Fault::kOldImage);
      crash(action.target, action.amount, action.for_ms);
      slots_[action.target].disk->restore_image();
      slots_[action.target].has_old_image = true;
      slots_[action.target].durable_height = 0;
      return;
    default:
      return;
  }
}

void World::crash(size_t at, uint64_t amount, uint64_t for_ms) {
  crash(at, draw_loss(at, amount), for_ms);
}

Disk::Loss World::draw_loss(size_t at, uint64_t amount) const {
  return {.kept = amount % (slots_[at].disk->unsynced() + 1),
          .tail = static_cast<Disk::Tail>((amount >> 8) % 3),
          .salt = amount >> 16};
}

void World::crash(size_t at, const Disk::Loss& loss, uint64_t for_ms) {
  Slot& slot = slots_[at];
  if (!slot.core) return;
  if (trace_) trace("slot " + std::to_string(at) + " stops");
  ++totals_.crashes;
  totals_.messages_dropped += slot.core->status().messages_dropped;
  slot.core.reset();
  slot.waiting.clear();
  slot.disk->crash(loss);
  ++slot.incarnation;
  push(now_ms_ + for_ms, EventKind::kRestart, at, 0);
}

// With an operator who does what a refusal asks for.
Result<Disk::Image> World::restore(size_t at) {
  Slot& slot = slots_[at];
  Disk::RestoreOptions options = {.recent_blocks = scenario_.settings.recent_blocks,
                                  .observe_until = slot.observe_until};
  slot.observe_until.reset();
  auto image = slot.disk->restore(*slot.keys, options);
  // A log that was copied while its validator lay crashed may end in half a record. Beside a sign
  // state that knows of more it looks like damage, and is refused until it is cut.
  if (!image.ok() && slot.has_old_image) {
    options.repairs_log = true;
    image = slot.disk->restore(*slot.keys, options);
    options.repairs_log = false;
  }
  slot.has_old_image = false;
  if (!at_restart_) return image;
  const auto again = [&] {
    if (image.ok()) return false;
    const std::string& why = image.status().message();
    if (refusals_.empty() || refusals_.back() != why) refusals_.push_back(why);
    return true;
  };
  if (again()) {
    options.repairs_log = true;
    image = slot.disk->restore(*slot.keys, options);
  }
  if (again() && slot.disk->files().sign_state && image.status().code() == Code::kDataLoss) {
    slot.disk->replace_files({std::nullopt, slot.disk->files().sign_state});
    image = slot.disk->restore(*slot.keys, options);
  }
  if (again()) {
    options.observe_until = checker_->chain().height() + 2;
    image = slot.disk->restore(*slot.keys, options);
  }
  return image;
}

void World::restart(size_t at) {
  if (trace_) trace("slot " + std::to_string(at) + " starts");
  if (at_restart_) at_restart_(at, *slots_[at].disk);
  boot(at);
}

void World::cut_in_two(size_t place) {
  const uint64_t salt = scenario_.actions[place].amount;
  std::vector<uint8_t> group(slots_.size());
  for (size_t i = 0; i < group.size(); ++i) group[i] = (salt >> (i % 64)) & 1;
  cuts_[place] = network_.cut(std::move(group));
}

void World::isolate_leader(size_t place) {
  const Slot* newest = nullptr;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (!slot.core || !is_correct(i)) continue;
    if (newest == nullptr || slot.seen_height > newest->seen_height) newest = &slot;
  }
  if (newest == nullptr) return;
  const auto leader = newest->core->status().leader;
  if (!leader) return;
  std::vector<uint8_t> group(slots_.size(), 0);
  for (const size_t at : slots_of_[*registry_.find(*leader)]) group[at] = 1;
  cuts_[place] = network_.cut(std::move(group));
  count(Fault::kIsolateLeader);
}

// The first correct one at this height, if an action waits for it.
void World::isolate_decider(size_t at, bft::Height height) {
  newest_height_ = height;
  if (!isolates_decider_ || is_healed_) return;
  std::vector<uint8_t> group(slots_.size(), 0);
  group[at] = 1;
  cuts_[*isolates_decider_] = network_.cut(std::move(group));
  // Its time runs from here.
  push(now_ms_ + scenario_.actions[*isolates_decider_].for_ms, EventKind::kEnd, 0,
       *isolates_decider_);
  isolates_decider_.reset();
  count(Fault::kIsolateDecider);
}

// A change of the set that keeps the Byzantine ones below a third of it, approved by everybody.
void World::change_set(uint64_t salt) {
  const bft::Chain& chain = checker_->chain();
  const bft::ValidatorSet& set = chain.validators();
  bft::SetChange change;
  change.effective_epoch = chain.epoch() + 2 + salt % 2;
  const size_t correct =
      scenario_.byzantine + (salt >> 8) % (scenario_.nodes - scenario_.byzantine);
  bft::Validator validator = registry_.validator(correct);
  // Who has lost its sign state observes for a while. Were it to weigh more, or the others less,
  // too little could be left that votes.
  const bool has_observer =
      std::any_of(scenario_.actions.begin(), scenario_.actions.end(),
                  [](const Action& action) { return action.fault == Fault::kSignStateLost; });
  switch (has_observer ? 2 : (salt >> 4) % 3) {
    case 0:
      if (scenario_.nodes > 3 * scenario_.byzantine + 1) {
        validator.weight = 0;
      } else if (scenario_.byzantine > 0) {
        validator = registry_.validator(0);
        validator.weight = 0;
      } else {
        validator.weight = 2;
      }
      break;
    case 1:
      validator.weight = 2;
      break;
    default:
      if (scenario_.spares > 0) validator = registry_.validator(scenario_.nodes);
      break;
  }
  change.validators = {validator};
  bft::Certificate& approval = change.approval;
  approval.statement = {bft::Phase::kApproval, 0, 0, 0, bft::set_change_digest(change)};
  const Bytes message = bft::signing_bytes(chain.id(), chain.epoch(), approval.statement);
  for (size_t at = 0; at < set.size(); ++at) {
    const auto i = static_cast<bft::ValidatorIndex>(at);
    const size_t identity = *registry_.find(set.at(i).key);
    approval.votes.push_back({i, registry_.signature(identity, message), {}});
  }
  bft::Transaction transaction = {bft::TransactionKind::kSetChange, {}, {}};
  transaction.body = bft::encode_set_change(change);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].core) step(i, bft::TransactionSubmitted{transaction});
  }
  count(Fault::kSetChange);
}

// Changes and evidence that do not hold: nobody may stumble over them.
void World::submit_bad(uint64_t salt) {
  bft::Transaction transaction = {bft::TransactionKind::kSetChange, {}, {}};
  const bft::Chain& chain = checker_->chain();
  switch (salt % 4) {
    case 0:
      transaction.body = Bytes(salt % 97, 0xee);
      break;
    case 1: {
      bft::SetChange change;
      change.effective_epoch = chain.epoch() + 2;
      change.validators = {registry_.validator(0)};
      change.validators[0].weight = 1000;
      change.approval.statement = {bft::Phase::kApproval, 0, 0, 0, bft::set_change_digest(change)};
      transaction.body = bft::encode_set_change(change);
      break;
    }
    case 2:
      transaction.kind = bft::TransactionKind::kEvidence;
      transaction.body = Bytes(salt % 97, 0xee);
      break;
    default: {
      transaction.kind = bft::TransactionKind::kEvidence;
      bft::Vote first;
      first.statement = {bft::Phase::kPrepare, chain.height() + 1, 0, 0, {}};
      first.voter = static_cast<bft::ValidatorIndex>(salt % scenario_.nodes);
      bft::Vote second = first;
      second.statement.digest[0] = 1;
      transaction.body = bft::encode_evidence({chain.epoch(), first, second});
    }
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].core) step(i, bft::TransactionSubmitted{transaction});
  }
  count(Fault::kBadTransaction);
}

void World::flood(size_t target) {
  for (size_t i = 0; i < kFloodTransactions && slots_[target].core; ++i) submit(target, 56);
  count(Fault::kTransactionFlood);
}

void World::jump_clock(size_t at, uint64_t amount) {
  Slot& slot = slots_[at];
  if (!slot.core) return;
  count(Fault::kClockJump);
  if (amount % 2 == 0) {
    slot.timers_held_until_ms = now_ms_ + amount;
    return;
  }
  std::vector<std::pair<uint64_t, uint64_t>> due;
  due.swap(slot.timers);
  const uint32_t incarnation = slot.incarnation;
  for (const auto& [order, id] : due) {
    if (slot.core && slot.incarnation == incarnation) step(at, bft::TimerFired{id});
  }
}

// The faults of the surroundings end; Byzantine validators go on.
void World::heal() {
  if (is_healed_) return;
  is_healed_ = true;
  healed_ms_ = now_ms_;
  if (trace_) trace("healed");
  network_.heal();
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slot.paused_until_ms = 0;
    slot.timers_held_until_ms = 0;
    slot.crash_at_write.reset();
    if (is_correct(i)) target_ = std::max(target_, slot.seen_height + 3);
    if (!slot.core) push(now_ms_, EventKind::kRestart, i, 0);
  }
}

// Three heights and the one that was under way, each with as many views as can fail in a row, each
// of the longest time, by the slowest clock; and time for what is still on its way.
uint64_t World::liveness_bound_ms() const {
  constexpr uint64_t kHeights = 4;
  constexpr uint64_t kOnTheirWayMs = 10000;
  const uint64_t views = 2 * ((scenario_.nodes - 1) / 3) + 2;
  const uint64_t view_ms = scenario_.settings.view_timeout_max_ms * 3 / 2;
  const bool may_miss = scenario_.sampling && scenario_.sampling->sample < scenario_.nodes;
  return kOnTheirWayMs + kHeights * views * view_ms * (may_miss ? 10 : 1);
}

void World::check_liveness() {
  if (!is_healed_) return;
  if (!scenario_.is_live) {
    if (now_ms_ > healed_ms_ + kFaultlessMs) target_ = 0;
    return;
  }
  if (now_ms_ <= healed_ms_ + liveness_bound_ms()) return;
  std::string where;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!is_correct(i) || !slots_[i].core) continue;
    const bft::CoreStatus status = slots_[i].core->status();
    where += " " + std::to_string(i) + ":" + std::to_string(status.height) + "/" +
             std::to_string(status.view) + (status.entered ? "" : "-");
  }
  checker_->fail("liveness", "after " + std::to_string(now_ms_ - healed_ms_) +
                                 " ms without faults not all decide height " +
                                 std::to_string(target_) +
                                 "; slot:height/view (- not entered):" + where);
}

}  // namespace assay::sim
