// Time, steps and effects of a simulated world. What goes wrong is in world_faults.cc.
#include "sim/world.h"

#include <algorithm>

#include "base/check.h"
#include "bft/codec.h"
#include "bft/mutation.h"

namespace assay::sim {
namespace {

constexpr size_t kPayloadBytesMax = 1024;
constexpr uint64_t kSyncMsMax = 4;
constexpr uint64_t kSlowSyncMs = 60;
constexpr uint64_t kStepsMax = 2000000;  // of one schedule: far above what any needs

bft::Genesis make_genesis(const Scenario& scenario, const KeyRegistry& registry) {
  bft::Genesis genesis;
  genesis.name = "sim";
  for (size_t i = 0; i < scenario.nodes; ++i) {
    genesis.validators.push_back(registry.validator(i));
  }
  genesis.sampling = scenario.sampling;
  genesis.epoch_blocks = scenario.epoch_blocks;
  genesis.payload_bytes_max = kPayloadBytesMax;
  return genesis;
}

size_t count_slots(const Scenario& scenario) {
  size_t slots = scenario.identities();
  for (const Action& action : scenario.actions) slots += action.fault == Fault::kTwins ? 1 : 0;
  return slots;
}

}  // namespace

void Totals::add(const Totals& other) {
  schedules += other.schedules;
  steps += other.steps;
  heights += other.heights;
  view_changes += other.view_changes;
  crashes += other.crashes;
  checkpoints += other.checkpoints;
  evidence += other.evidence;
  forks += other.forks;
  set_changes += other.set_changes;
  messages += other.messages;
  bytes += other.bytes;
  messages_dropped += other.messages_dropped;
  transactions_refused += other.transactions_refused;
  ms += other.ms;
  heal_ms_max = std::max(heal_ms_max, other.heal_ms_max);
  for (size_t i = 0; i < faults.size(); ++i) faults[i] += other.faults[i];
}

World::World(const Scenario& scenario)
    : scenario_(scenario),
      registry_(scenario.seed ^ 0x6b657973, scenario.identities()),
      observer_keys_(registry_, 0),
      network_(scenario.seed ^ 0x6e6574, count_slots(scenario)),
      prng_(scenario.seed ^ 0x776f726c64),
      slots_(count_slots(scenario)),
      slots_of_(scenario.identities()),
      cuts_(scenario.actions.size(), 0) {
  genesis_ = bft::Chain::from_genesis(make_genesis(scenario_, registry_)).value();
  checker_ = std::make_unique<Checker>(scenario_, registry_, observer_keys_, *genesis_);
  size_t next = scenario_.identities();
  for (size_t i = 0; i < scenario_.identities(); ++i) slots_[i].identity = i;
  for (const Action& action : scenario_.actions) {
    if (action.fault == Fault::kTwins) slots_[next++].identity = action.target;
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slots_of_[slot.identity].push_back(i);
    slot.is_byzantine = scenario_.is_byzantine(slot.identity);
    slot.keys = std::make_unique<SimKeys>(registry_, slot.identity);
    slot.disk.emplace(*genesis_, registry_.validator(slot.identity).key);
    if (!slot.is_byzantine) continue;
    slot.adversary = std::make_unique<Adversary>(registry_, slot.identity, scenario_.byzantine,
                                                 scenario_.seed ^ (0x626164 + i));
  }
  totals_.schedules = 1;
}

World::~World() = default;

void World::push(uint64_t at_ms, EventKind kind, size_t slot, uint64_t argument) {
  const uint32_t incarnation = slot < slots_.size() ? slots_[slot].incarnation : 0;
  events_.push({at_ms, order_++, kind, static_cast<uint32_t>(slot), incarnation, argument});
}

std::optional<Violation> World::run() {
  for (size_t i = 0; i < scenario_.actions.size(); ++i) {
    const Action& action = scenario_.actions[i];
    if (action.at_ms == 0) {
      begin(i);
    } else {
      push(action.at_ms, EventKind::kBegin, 0, i);
    }
    // Who decides first is cut off when it happens: isolate_decider.
    if (action.fault == Fault::kIsolateDecider) continue;
    push(action.at_ms + action.for_ms, EventKind::kEnd, 0, i);
  }
  for (size_t i = 0; i < slots_.size(); ++i) boot(i);
  for (size_t i = 0; i < scenario_.transactions; ++i) {
    push(prng_.below(scenario_.window_ms), EventKind::kSubmit, prng_.below(slots_.size()),
         1 + prng_.below(64));
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].adversary) push(1 + prng_.below(50), EventKind::kAct, i, 0);
  }
  push(scenario_.window_ms, EventKind::kHeal, 0, 0);
  while (!checker_->violation() && !checker_->is_forked() && !is_over()) {
    if (events_.empty()) {
      checker_->fail("liveness", "nothing happens any more");
      break;
    }
    const Event event = events_.top();
    events_.pop();
    now_ms_ = event.at_ms;
    handle(event);
    check_liveness();
    if (totals_.steps > kStepsMax) checker_->fail("liveness", "the schedule does not end");
  }
  totals_.heights = checker_->chain().height();
  totals_.ms = now_ms_;
  totals_.set_changes = checker_->set_changes();
  totals_.messages = network_.totals().sent;
  totals_.bytes = network_.totals().bytes;
  totals_.forks = checker_->is_forked() ? 1 : 0;
  count(Fault::kLoss, network_.totals().lost);
  count(Fault::kLoseCommits, network_.totals().commits_lost);
  count(Fault::kDuplicate, network_.totals().duplicated);
  count(Fault::kDelaySpikes, network_.totals().late);
  count(Fault::kPartition, network_.totals().cut);
  for (const Slot& slot : slots_) {
    if (slot.core) totals_.messages_dropped += slot.core->status().messages_dropped;
    if (!slot.adversary) continue;
    for (size_t i = 0; i < kFaultKinds; ++i) totals_.faults[i] += slot.adversary->counts()[i];
  }
  std::optional<Violation> violation = checker_->violation();
  if (violation) {
    violation->step = totals_.steps;
    violation->at_ms = now_ms_;
  }
  return violation;
}

void World::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::kBegin:
      return begin(event.argument);
    case EventKind::kEnd:
      return end(event.argument);
    case EventKind::kHeal:
      return heal();
    default:
      break;
  }
  Slot& slot = slots_[event.slot];
  if (event.kind == EventKind::kRestart) {
    if (event.incarnation == slot.incarnation && !slot.core) restart(event.slot);
    return;
  }
  // What was for an earlier incarnation is gone, but for messages on their way.
  const bool is_lasting = event.kind == EventKind::kMessage || event.kind == EventKind::kSubmit ||
                          event.kind == EventKind::kAct;
  if (slot.core && slot.paused_until_ms > now_ms_ &&
      (is_lasting || event.incarnation == slot.incarnation)) {
    Event later = event;
    later.at_ms = slot.paused_until_ms;
    later.order = order_++;
    std::replace(slot.timers.begin(), slot.timers.end(), std::pair(event.order, event.argument),
                 std::pair(later.order, event.argument));
    events_.push(later);
    return;
  }
  const bool is_heard = slot.core && (is_lasting || event.incarnation == slot.incarnation);
  switch (event.kind) {
    case EventKind::kMessage: {
      const Flight flight = std::move(flights_[event.argument]);
      flights_free_.push_back(event.argument);
      if (is_heard) receive(event.slot, flight);
      break;
    }
    case EventKind::kTimer:
      if (is_heard) fire(event);
      break;
    case EventKind::kSynced:
      if (is_heard) synced(event.slot, event.argument);
      break;
    case EventKind::kStateComputed:
      if (is_heard) compute_state(event.slot, event.argument);
      break;
    case EventKind::kFetched:
      if (is_heard) fetch_checkpoint(event.slot, event.argument);
      break;
    case EventKind::kSubmit:
      if (is_heard) submit(event.slot, event.argument);
      break;
    case EventKind::kAct:
      act(event.slot);
      break;
    default:
      break;
  }
}

void World::fire(const Event& event) {
  Slot& slot = slots_[event.slot];
  const auto timer =
      std::find(slot.timers.begin(), slot.timers.end(), std::pair(event.order, event.argument));
  if (timer == slot.timers.end()) return;  // it has fired when the clock went ahead
  if (slot.timers_held_until_ms > now_ms_) {
    Event later = event;
    later.at_ms = slot.timers_held_until_ms;
    timer->first = later.order = order_++;
    events_.push(later);
    return;
  }
  slot.timers.erase(timer);
  step(event.slot, bft::TimerFired{event.argument});
}

void World::boot(size_t at) {
  Slot& slot = slots_[at];
  auto image = restore(at);
  if (!image.ok()) return checker_->fail("durability", image.status().message());
  bft::Restored& restored = image->restored;
  const bft::Height height = restored.chain.height();
  if (height < slot.durable_height && is_correct(at) && forgiven_ != at) {
    checker_->fail("durability", "validator " + std::to_string(slot.identity) +
                                     " has lost heights above " + std::to_string(height));
  }
  slot.durable_height = height;
  slot.root_height = height;
  slot.root = image->root;
  slot.roots_asked.clear();
  slot.timers.clear();
  slot.timers_held_until_ms = 0;
  slot.written_seq = slot.durable_seq = slot.sync_done_ms = 0;
  slot.seen_height = height;
  slot.seen_view = 0;
  slot.is_fetching = false;
  if (is_correct(at)) {
    // It may have stopped between the write and what follows.
    for (const bft::DecidedBlock& block : restored.recent) checker_->decided(slot.identity, block);
    checker_->stands(slot.identity, restored.chain);
  }
  slot.core = std::make_unique<bft::Core>(
      scenario_.settings, registry_.validator(slot.identity).key, *slot.keys, std::move(restored));
  ++totals_.steps;
  carry_out(at, slot.core->start());
  look_at(at);
}

void World::step(size_t at, const bft::Input& input) {
  ++totals_.steps;
  carry_out(at, slots_[at].core->step(input));
  look_at(at);
}

// The checker's look at a validator after a step.
void World::look_at(size_t at) {
  Slot& slot = slots_[at];
  if (!slot.core || !is_correct(at)) return;
  const bft::Height height = slot.core->chain().height();
  const bft::CoreStatus status = slot.core->status();
  checker_->stepped(slot.identity, status);
  if (height != slot.seen_height) {
    if (height > newest_height_) isolate_decider(at, height);
    if (slot.waiting.empty()) checker_->stands(slot.identity, slot.core->chain());
    slot.seen_height = height;
    slot.seen_view = 0;
    if (!is_healed_ && height + 3 >= scenario_.heights) heal();
  }
  if (status.entered && status.view > slot.seen_view) {
    slot.seen_view = status.view;
    ++totals_.view_changes;
  }
}

void World::carry_out(size_t at, bft::Effects effects) {
  Slot& slot = slots_[at];
  std::optional<CrashAtWrite> crash_here;
  for (bft::Effect& effect : effects) {
    if (const auto* persist = std::get_if<bft::Persist>(&effect)) {
      write(at, *persist);
      if (!slot.crash_at_write || --slot.crash_at_write->write > 0) continue;
      // The validator stops here: before the write is durable, after it, or with all that follows.
      crash_here = slot.crash_at_write;
      slot.crash_at_write.reset();
      count(Fault::kCrashAtPersist);
      if (crash_here->when == CrashAtWrite::kDurable) slot.disk->sync(persist->seq);
      if (crash_here->when != CrashAtWrite::kWithEffects) break;
      continue;
    }
    uint64_t after_seq = 0;
    if (auto* send = std::get_if<bft::Send>(&effect)) {
      after_seq = bft::mutated(bft::Mutation::kSendBeforePersist) ? 0 : send->after_seq;
    } else if (const auto* deliver = std::get_if<bft::Deliver>(&effect)) {
      after_seq = deliver->after_seq;
    }
    if (after_seq > slot.durable_seq) {
      slot.waiting.push_back({after_seq, std::move(effect)});
    } else {
      release(at, std::move(effect));
    }
  }
  if (!crash_here) return;
  const CrashAtWrite& c = *crash_here;
  const size_t unsynced = slot.disk->unsynced();
  crash(at,
        c.loses ? Disk::Loss{unsynced - std::min<size_t>(unsynced, *c.loses), c.tail, c.salt}
                : draw_loss(at, c.salt),
        slot.crash_for_ms);
}

void World::write(size_t at, const bft::Persist& persist) {
  Slot& slot = slots_[at];
  slot.disk->write(persist);
  ++slot.writes;
  if (!scenario_.is_disk_slow) {
    slot.disk->sync(persist.seq);
    slot.durable_seq = persist.seq;
  } else {
    // One after the other, now and then a slow one.
    const uint64_t takes = prng_.below(50) == 0 ? kSlowSyncMs : prng_.below(kSyncMsMax);
    slot.sync_done_ms = std::max(slot.sync_done_ms, now_ms_) + takes;
    push(slot.sync_done_ms, EventKind::kSynced, at, persist.seq);
  }
  if (persist.kind == bft::RecordKind::kCheckpoint && scenario_.prunes) {
    slot.disk->prune(scenario_.settings.checkpoint_blocks);
  }
}

void World::synced(size_t at, uint64_t seq) {
  Slot& slot = slots_[at];
  slot.disk->sync(seq);
  slot.durable_seq = std::max(slot.durable_seq, seq);
  std::vector<Waiting> waiting;
  waiting.swap(slot.waiting);
  for (Waiting& entry : waiting) {
    if (entry.after_seq <= slot.durable_seq) {
      release(at, std::move(entry.effect));
    } else {
      slot.waiting.push_back(std::move(entry));
    }
  }
}

void World::release(size_t at, bft::Effect effect) {
  Slot& slot = slots_[at];
  if (auto* send = std::get_if<bft::Send>(&effect)) {
    transmit(at, send->to, std::make_shared<const Bytes>(std::move(send->bytes)));
  } else if (const auto* timer = std::get_if<bft::SetTimer>(&effect)) {
    const uint64_t delay = std::max<uint64_t>(1, timer->delay_ms * slot.skew_permille / 1000);
    slot.timers.emplace_back(order_, timer->id);
    push(now_ms_ + delay, EventKind::kTimer, at, timer->id);
  } else if (const auto* block = std::get_if<bft::Deliver>(&effect)) {
    deliver(at, *block);
  } else if (const auto* found = std::get_if<bft::EvidenceFound>(&effect)) {
    if (!is_correct(at)) return;
    ++totals_.evidence;
    checker_->evidence(slot.identity, *found);
  } else if (const auto* serve = std::get_if<bft::ServeBlocks>(&effect)) {
    serve_blocks(at, *serve);
  } else if (const auto* answer = std::get_if<bft::TransactionAnswer>(&effect)) {
    const bool is_full = answer->status.code() == Code::kResourceExhausted;
    totals_.transactions_refused += is_full ? 1U : 0U;
  } else if (const auto* need = std::get_if<bft::NeedCheckpoint>(&effect)) {
    const auto from = registry_.find(need->from);
    if (!from || slot.is_fetching) return;
    slot.is_fetching = true;
    push(now_ms_ + 1 + prng_.below(20), EventKind::kFetched, at, *from);
  }
}

void World::transmit(size_t at, const std::optional<bft::Peer>& to, SharedBytes bytes) {
  Slot& slot = slots_[at];
  if (trace_) trace("slot " + std::to_string(at) + " sends kind " + std::to_string((*bytes)[1]));
  if (slot.adversary && slot.adversary->has_attacks()) {
    Adversary::Outbox out;
    slot.adversary->send(*slot.core, to, bytes, out);
    return transmit_all(at, out);
  }
  checker_->sent(slot.identity, *bytes);
  if (to) {
    const auto identity = registry_.find(*to);
    if (identity) transmit_to(at, *identity, bytes, 0);
    return;
  }
  for (size_t i = 0; i < slots_of_.size(); ++i) {
    if (i != slot.identity) transmit_to(at, i, bytes, 0);
  }
}

void World::transmit_all(size_t at, const Adversary::Outbox& out) {
  const Bytes* before = nullptr;
  for (const Adversary::Outgoing& outgoing : out) {
    if (outgoing.bytes.get() != before) checker_->sent(slots_[at].identity, *outgoing.bytes);
    before = outgoing.bytes.get();
    transmit_to(at, outgoing.to, outgoing.bytes, outgoing.delay_ms);
  }
}

void World::transmit_to(size_t at, size_t identity, const SharedBytes& bytes, uint64_t delay_ms) {
  for (const size_t to : slots_of_[identity]) {
    const Network::Fate fate = network_.fate(at, to, *bytes);
    for (size_t copy = 0; copy < fate.copies; ++copy) {
      uint64_t place = flights_.size();
      if (flights_free_.empty()) {
        flights_.emplace_back();
      } else {
        place = flights_free_.back();
        flights_free_.pop_back();
      }
      flights_[place] = {slots_[at].identity, bytes};
      push(now_ms_ + delay_ms + fate.delay_ms[copy], EventKind::kMessage, to, place);
    }
  }
}

void World::receive(size_t at, const Flight& flight) {
  Slot& slot = slots_[at];
  if (slot.adversary && slot.adversary->has_attacks()) {
    Adversary::Outbox out;
    const bool is_taken = slot.adversary->hear(*slot.core, flight.from, flight.bytes, out);
    transmit_all(at, out);
    if (is_taken) return;
  }
  step(at, bft::MessageReceived{registry_.validator(flight.from).key, *flight.bytes});
}

void World::deliver(size_t at, const bft::Deliver& deliver) {
  Slot& slot = slots_[at];
  const bft::Height height = deliver.block.block.header.height;
  // Only now has it decided: what a crash takes back before, with the vote that made its quorum,
  // nobody has seen.
  if (is_correct(at)) checker_->decided(slot.identity, deliver.block);
  slot.durable_height = std::max(slot.durable_height, height);
  if (trace_) {
    trace("slot " + std::to_string(at) + " decides height " + std::to_string(height) + " in view " +
          std::to_string(deliver.block.certificate.statement.view));
  }
  if (height != slot.root_height + 1) return;  // a checkpoint has gone ahead of it
  slot.root = next_root(slot.root, deliver.block.block.payload);
  slot.root_height = height;
  if (!deliver.wants_state_root) return;
  slot.roots_asked.emplace_back(height, slot.root);
  push(now_ms_ + prng_.below(10), EventKind::kStateComputed, at, height);
}

void World::compute_state(size_t at, bft::Height height) {
  Slot& slot = slots_[at];
  const auto asked = std::find_if(slot.roots_asked.begin(), slot.roots_asked.end(),
                                  [height](const auto& entry) { return entry.first == height; });
  if (asked == slot.roots_asked.end()) return;
  const Digest root = asked->second;
  slot.roots_asked.erase(asked);
  step(at, bft::StateComputed{height, root});
}

void World::serve_blocks(size_t at, const bft::ServeBlocks& serve) {
  bft::BlocksMessage message{slots_[at].disk->blocks(serve.from)};
  if (message.blocks.empty()) return;
  transmit(at, serve.to, std::make_shared<const Bytes>(bft::encode_message(message)));
}

void World::fetch_checkpoint(size_t at, size_t from) {
  Slot& slot = slots_[at];
  slot.is_fetching = false;
  const Slot& peer = slots_[slots_of_[from].front()];
  if (!peer.core) return;
  std::optional<bft::CheckpointFetched> checkpoint = peer.disk->checkpoint();
  if (peer.adversary && peer.adversary->does(Fault::kForgedBlocks)) {
    checkpoint = peer.adversary->forge_checkpoint(*peer.core);
  }
  if (!checkpoint) return;
  const bft::Height before = slot.core->chain().height();
  step(at, *checkpoint);
  if (!slot.core || slot.core->chain().height() <= before) return;
  ++totals_.checkpoints;
  slot.root = checkpoint->root;
  slot.root_height = slot.core->chain().height();
}

void World::submit(size_t at, size_t bytes) {
  bft::Transaction transaction;
  transaction.sender[0] = static_cast<uint8_t>(prng_.below(3));
  transaction.body.resize(8 + bytes);
  store_le(transaction.body.data(), prng_.next());
  step(at, bft::TransactionSubmitted{std::move(transaction)});
}

void World::act(size_t at) {
  Slot& slot = slots_[at];
  if (slot.core && slot.adversary->has_attacks()) {
    Adversary::Outbox out;
    slot.adversary->act(*slot.core, out);
    transmit_all(at, out);
  }
  push(now_ms_ + 20 + prng_.below(60), EventKind::kAct, at, 0);
}

bool World::is_over() {
  if (!is_healed_) return false;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!is_correct(i)) continue;
    if (!slots_[i].core || slots_[i].seen_height < target_) return false;
  }
  totals_.heal_ms_max = now_ms_ - healed_ms_;
  return true;
}

}  // namespace assay::sim
