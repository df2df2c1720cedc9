#include "sim/small_world.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bft/codec.h"
#include "sim/sim_keys.h"
#include "sim/small_world_liar.h"
#include "sim/statements.h"

namespace assay::sim {
namespace {

using bft::Phase;

constexpr size_t kNodes = 4;
constexpr uint64_t kResendMs = 7777777;  // tells the timer that never fires here from the others

struct Heard {
  size_t from;
  uint32_t message;

  auto operator<=>(const Heard&) const = default;
};
struct Sent {
  std::optional<size_t> to;
  uint32_t message;
};

struct Message {
  Bytes bytes;
  bft::Message decoded;
};

// One validator after one history: the history before, and what came then.
struct Node {
  uint32_t before = 0;  // itself at the beginning
  bool timed_out = false;
  std::vector<Heard> heard;
  // What it did then, and how it stands.
  std::vector<Sent> sent;
  bft::Height height = 1;
  bft::View view = 0;
  std::optional<uint64_t> timer;
  std::shared_ptr<const bft::Chain> chain;
  std::vector<Digest> decided;
  std::vector<bft::Statement> said;
  std::vector<uint32_t> told;  // proposals and NewLeaders that it has sent so far
  std::vector<uint32_t> lies;  // of the Byzantine one that it has heard so far
  std::vector<Heard> counts;   // of what it has heard, what still counts
};

// All validators: their histories, and whose last words are still under way.
struct State {
  std::array<uint32_t, kNodes> nodes{};
  std::array<bool, kNodes> speaks{};

  bool operator==(const State&) const = default;
};
struct StateHash {
  size_t operator()(const State& state) const {
    uint64_t hash = 0;
    for (size_t i = 0; i < kNodes; ++i) {
      hash = (hash ^ (uint64_t{state.nodes[i]} * 2 + (state.speaks[i] ? 1U : 0U))) *
             0x9E3779B97F4A7C15u;
      hash ^= hash >> 29;
    }
    return hash;
  }
};

uint8_t kind_of(const Bytes& bytes) { return bytes[1]; }
constexpr uint8_t kVoteKind = 1;
constexpr uint8_t kNewLeaderKind = 2;
constexpr uint8_t kPayloadRequestKind = 3;

class Explorer {
 public:
  explicit Explorer(const SmallWorldOptions& options);
  SmallWorldResult run();

 private:
  uint32_t intern(const Bytes& bytes);
  std::unique_ptr<bft::Core> make_core(size_t identity) const;
  std::unique_ptr<bft::Core> replay(size_t identity, uint32_t node);
  void carry_out(bft::Core& core, const bft::Effects& effects, Node* node);
  void send(const bft::Send& send, Node& node);
  bft::MessageReceived input_of(const Heard& heard) const {
    return {registry_.validator(heard.from).key, messages_[heard.message].bytes};
  }
  uint32_t extend(size_t identity, uint32_t before, bool timed_out, std::vector<Heard> heard);
  void forget(Node& node) const;
  Digest standing(size_t identity, const Node& node, const bft::CoreStatus& status) const;

  void visit(const State& state, uint32_t deviations);
  void rounds(const State& state, uint32_t deviations);
  void timeouts(const State& state, uint32_t deviations);
  bool awaits(size_t receiver, uint32_t node, const bft::Message& message) const;
  struct Outcome {
    uint32_t node;
    uint32_t deviations;
  };
  std::vector<Outcome> outcomes(const State& state, size_t receiver);
  std::vector<Heard> lies_for(const State& state, size_t receiver, bool is_second);
  bool is_finished(uint32_t node) const { return nodes_[node].height > options_.heights; }

  SmallWorldOptions options_;
  KeyRegistry registry_;
  std::vector<std::unique_ptr<SimKeys>> keys_;
  std::optional<bft::Chain> genesis_;
  bft::Settings settings_;
  std::optional<size_t> byzantine_;
  std::optional<Liar> liar_;
  std::deque<Node> nodes_;
  std::map<std::tuple<uint32_t, bool, std::vector<Heard>>, uint32_t> extended_;
  std::map<Digest, uint32_t> standings_;
  std::deque<Message> messages_;
  std::map<Digest, uint32_t> message_ids_;
  std::map<Digest, Bytes> payloads_;
  std::unordered_map<State, uint32_t, StateHash> seen_;  // with the fewest deviations
  std::deque<State> queue_;
  SmallWorldResult result_;
};

Explorer::Explorer(const SmallWorldOptions& options) : options_(options), registry_(1, kNodes) {
  bft::Genesis genesis;
  genesis.name = "small";
  for (size_t i = 0; i < kNodes; ++i) genesis.validators.push_back(registry_.validator(i));
  genesis_ = bft::Chain::from_genesis(genesis).value();
  settings_.block_interval_ms = 0;
  settings_.resend_ms = kResendMs;
  settings_.checkpoint_blocks = 1000000;
  for (size_t i = 0; i < kNodes; ++i) keys_.push_back(std::make_unique<SimKeys>(registry_, i));
  if (!options_.byzantine) return;
  bft::LeaderOrder leaders(genesis_->validators(), genesis_->seed(), 1);
  byzantine_ = registry_.find(genesis_->validators().at(leaders.at(*options_.byzantine)).key);
  liar_.emplace(*keys_[*byzantine_], registry_.validator(*byzantine_).key);
  for (const Bytes& payload : liar_->payloads()) payloads_[bft::payload_digest(payload)] = payload;
}

SmallWorldResult Explorer::run() {
  State first;
  for (size_t i = 0; i < kNodes; ++i) {
    nodes_.push_back({});
    nodes_[i].before = first.nodes[i] = static_cast<uint32_t>(i);
    const auto core = make_core(i);
    carry_out(*core, core->start(), &nodes_[i]);
    first.speaks[i] = i != byzantine_ && !nodes_[i].sent.empty();
  }
  visit(first, 0);
  while (!queue_.empty() && !result_.violation && seen_.size() < options_.states_max) {
    const State state = queue_.front();
    queue_.pop_front();
    const uint32_t deviations = seen_.at(state);
    rounds(state, deviations);
    timeouts(state, deviations);
  }
  result_.states = seen_.size();
  result_.histories = nodes_.size();
  result_.is_complete = queue_.empty() && !result_.violation;
  return result_;
}

// ---- Validators -------------------------------------------------------------------------------

uint32_t Explorer::intern(const Bytes& bytes) {
  const auto [at, is_new] =
      message_ids_.emplace(sha256(bytes), static_cast<uint32_t>(messages_.size()));
  if (is_new) messages_.push_back({bytes, bft::decode_message(bytes).value()});
  return at->second;
}

std::unique_ptr<bft::Core> Explorer::make_core(size_t identity) const {
  return std::make_unique<bft::Core>(settings_, registry_.validator(identity).key, *keys_[identity],
                                     bft::Restored{*genesis_, {}, {}, {}, 0});
}

// Payloads are pulled at once; whatever else is not a proposal, a vote or a NewLeader is lost.
// node: where it is noted, unless it was before.
void Explorer::carry_out(bft::Core& core, const bft::Effects& effects, Node* node) {
  for (const bft::Effect& effect : effects) {
    if (const auto* message = std::get_if<bft::Send>(&effect)) {
      if (node != nullptr) send(*message, *node);
      if (kind_of(message->bytes) != kPayloadRequestKind) continue;
      const auto request = bft::decode_message(message->bytes).value();
      const auto payload = payloads_.find(std::get<bft::PayloadRequest>(request).digest);
      if (payload == payloads_.end()) continue;
      const Bytes answer = bft::encode_message(bft::PayloadMessage{payload->second});
      carry_out(core, core.step(bft::MessageReceived{*message->to, answer}), node);
    } else if (node == nullptr) {
      continue;
    } else if (const auto* timer = std::get_if<bft::SetTimer>(&effect)) {
      if (timer->delay_ms != kResendMs) node->timer = timer->id;
    } else if (const auto* deliver = std::get_if<bft::Deliver>(&effect)) {
      node->decided.push_back(bft::header_digest(deliver->block.block.header));
    } else if (const auto* persist = std::get_if<bft::Persist>(&effect)) {
      if (persist->kind != bft::RecordKind::kProposal) continue;
      const bft::Block block = bft::decode_decided(persist->record).value().block;
      payloads_[block.header.payload] = block.payload;
    }
  }
  if (node == nullptr) return;
  const bft::CoreStatus status = core.status();
  if (!node->chain || status.height != node->height) {
    node->chain = std::make_shared<const bft::Chain>(core.chain());
  }
  node->height = status.height;
  node->view = status.view;
}

void Explorer::send(const bft::Send& send, Node& node) {
  const uint8_t kind = kind_of(send.bytes);
  if (kind > kNewLeaderKind) return;
  // Its own statement is the first; others, and its own of earlier views, are in certificates.
  const auto message_sent = bft::decode_message(send.bytes).value();
  std::optional<bft::Statement> own;
  for_each_vote(message_sent, [&](const bft::Vote& vote) {
    if (!own) own = vote.statement;
  });
  if (std::find(node.said.begin(), node.said.end(), *own) == node.said.end()) {
    for (const bft::Statement& before : node.said) {
      if (contradict(before, *own)) result_.violation = "signing: a validator contradicts itself";
    }
    node.said.push_back(*own);
  }
  const uint32_t message = intern(send.bytes);
  node.sent.push_back({send.to ? registry_.find(*send.to) : std::nullopt, message});
  if (kind != kVoteKind) node.told.push_back(message);
}

// The core after this history.
std::unique_ptr<bft::Core> Explorer::replay(size_t identity, uint32_t node) {
  std::vector<uint32_t> path;
  for (; nodes_[node].before != node; node = nodes_[node].before) path.push_back(node);
  auto core = make_core(identity);
  carry_out(*core, core->start(), nullptr);
  for (auto at = path.rbegin(); at != path.rend(); ++at) {
    const Node& part = nodes_[*at];
    if (part.timed_out) {
      carry_out(*core, core->step(bft::TimerFired{*nodes_[part.before].timer}), nullptr);
    }
    for (const Heard& heard : part.heard) carry_out(*core, core->step(input_of(heard)), nullptr);
  }
  return core;
}

uint32_t Explorer::extend(size_t identity, uint32_t before, bool timed_out,
                          std::vector<Heard> heard) {
  if (!timed_out && heard.empty()) return before;
  const auto key = std::tuple(before, timed_out, heard);
  if (const auto known = extended_.find(key); known != extended_.end()) return known->second;
  const auto core = replay(identity, before);
  Node node = nodes_[before];
  node.before = before;
  node.timed_out = timed_out;
  node.heard = heard;
  node.sent.clear();
  if (timed_out) {
    carry_out(*core, core->step(bft::TimerFired{*nodes_[before].timer}), &node);
  }
  for (const Heard& one : heard) {
    carry_out(*core, core->step(input_of(one)), &node);
    if (one.from == byzantine_) node.lies.push_back(one.message);
    node.counts.push_back(one);
  }
  forget(node);
  const auto [at, is_new] = standings_.emplace(standing(identity, node, core->status()),
                                               static_cast<uint32_t>(nodes_.size()));
  if (is_new) nodes_.push_back(std::move(node));
  extended_.emplace(key, at->second);
  return at->second;
}

// Drops from what counts: what is of earlier heights; prepares and NewLeaders of earlier views.
void Explorer::forget(Node& node) const {
  std::erase_if(node.counts, [&](const Heard& heard) {
    const bft::Message& message = messages_[heard.message].decoded;
    bft::Statement s;
    if (const auto* p = std::get_if<bft::ProposalMessage>(&message)) s = p->vote.statement;
    if (const auto* v = std::get_if<bft::VoteMessage>(&message)) s = v->vote.statement;
    if (const auto* l = std::get_if<bft::NewLeaderMessage>(&message)) s = l->vote.statement;
    if (s.height != node.height) return s.height < node.height;
    const bool is_of_view = s.phase == Phase::kPrepare || s.phase == Phase::kNewLeader;
    return is_of_view && s.view < node.view;
  });
  std::sort(node.counts.begin(), node.counts.end());
  std::erase_if(node.said, [&](const bft::Statement& s) { return s.height < node.height; });
}

// What a validator's future depends on, but for evidence that it may have.
Digest Explorer::standing(size_t identity, const Node& node, const bft::CoreStatus& status) const {
  Bytes out;
  append_le(out, static_cast<uint64_t>(identity));
  append_le(out, status.height);
  append_le(out, status.view);
  append_le(out, status.prepared);
  append_le(out, static_cast<uint8_t>(status.entered ? 1 : 0));
  append_le(out, node.timer.value_or(0));
  for (const Digest& digest : node.decided) append_bytes(out, digest);
  append_le(out, static_cast<uint64_t>(node.counts.size()));
  for (const Heard& heard : node.counts) {
    append_le(out, static_cast<uint64_t>(heard.from));
    append_le(out, heard.message);
  }
  for (const bft::Statement& s : node.said) {
    // Of earlier views only what it has locked.
    const bool is_lock = s.phase == Phase::kCommit && s.view + 1 == status.prepared;
    if (s.view < status.view && !is_lock) continue;
    append_le(out, static_cast<uint8_t>(s.phase));
    append_le(out, s.view);
    append_le(out, s.prepared);
    append_bytes(out, s.digest);
  }
  append_le(out, static_cast<uint64_t>(node.sent.size()));
  for (const Sent& sent : node.sent) {
    append_le(out, static_cast<uint64_t>(sent.to.value_or(kNodes)));
    append_le(out, sent.message);
  }
  return sha256(out);
}

// ---- The world --------------------------------------------------------------------------------

void Explorer::visit(const State& state, uint32_t deviations) {
  ++result_.transitions;
  const auto [known, is_new] = seen_.emplace(state, deviations);
  if (!is_new) {
    if (known->second <= deviations) return;
    known->second = deviations;  // once more, with more deviations left
    return queue_.push_back(state);
  }
  bool all_finished = true;
  bool any_decided = false;
  const std::vector<Digest>* longest = nullptr;
  for (size_t i = 0; i < kNodes; ++i) {
    if (i == byzantine_) continue;
    const std::vector<Digest>& decided = nodes_[state.nodes[i]].decided;
    any_decided = any_decided || !decided.empty();
    all_finished = all_finished && is_finished(state.nodes[i]);
    if (longest == nullptr || decided.size() > longest->size()) longest = &decided;
  }
  for (size_t i = 0; i < kNodes; ++i) {
    if (i == byzantine_) continue;
    const std::vector<Digest>& decided = nodes_[state.nodes[i]].decided;
    if (std::equal(decided.begin(), decided.end(), longest->begin())) continue;
    result_.violation = "agreement: two validators have decided differently";
  }
  if (any_decided) ++result_.decided;
  if (!all_finished) queue_.push_back(state);
}

// Whether this is a NewLeader of the receiver's height for a view that it leads.
bool Explorer::awaits(size_t receiver, uint32_t node, const bft::Message& message) const {
  const auto* new_leader = std::get_if<bft::NewLeaderMessage>(&message);
  if (new_leader == nullptr) return false;
  const bft::Statement& left = new_leader->vote.statement;
  const bft::Chain& chain = *nodes_[node].chain;
  if (left.height != chain.height() + 1) return false;
  bft::LeaderOrder leaders(chain.validators(), chain.seed(), left.height);
  return registry_.find(chain.validators().at(leaders.at(left.view)).key) == receiver;
}

// Where this receiver may stand after the round.
std::vector<Explorer::Outcome> Explorer::outcomes(const State& state, size_t receiver) {
  const uint32_t node = state.nodes[receiver];
  if (receiver == byzantine_ || is_finished(node)) return {{node, 0}};
  std::vector<std::vector<Heard>> senders;
  bool leads_next = false;
  for (size_t from = 0; from < kNodes; ++from) {
    if (from == receiver || !state.speaks[from]) continue;
    std::vector<Heard> heard;
    for (const Sent& sent : nodes_[state.nodes[from]].sent) {
      if (sent.to && *sent.to != receiver) continue;
      heard.push_back({from, sent.message});
      leads_next = leads_next || awaits(receiver, node, messages_[sent.message].decoded);
    }
    if (!heard.empty()) senders.push_back(std::move(heard));
  }
  std::vector<std::vector<Heard>> lies = {{}};
  if (byzantine_) {
    lies.push_back(lies_for(state, receiver, false));
    lies.push_back(lies_for(state, receiver, true));
  }
  std::vector<Outcome> found;
  const size_t subsets = size_t{1} << senders.size();
  for (size_t subset = 0; subset < subsets; ++subset) {
    if (!leads_next && subset != 0 && subset + 1 != subsets) continue;
    for (const std::vector<Heard>& lie : lies) {
      std::vector<Heard> heard = lie;
      for (size_t i = 0; i < senders.size(); ++i) {
        if ((subset >> i & 1) == 0) continue;
        heard.insert(heard.end(), senders[i].begin(), senders[i].end());
      }
      // The first version is what everybody is told unless the Byzantine one picks him out.
      uint32_t deviations = subset + 1 == subsets ? 0 : 1;
      if (byzantine_ && lie != lies[1]) ++deviations;
      const uint32_t outcome = extend(receiver, node, false, std::move(heard));
      const auto same = std::find_if(found.begin(), found.end(), [outcome](const Outcome& other) {
        return other.node == outcome;
      });
      if (same == found.end()) {
        found.push_back({outcome, deviations});
      } else {
        same->deviations = std::min(same->deviations, deviations);
      }
    }
  }
  return found;
}

std::vector<Heard> Explorer::lies_for(const State& state, size_t receiver, bool is_second) {
  const Node& node = nodes_[state.nodes[receiver]];
  Liar::Knowledge known;
  for (const uint32_t other : state.nodes) {
    for (const uint32_t message : nodes_[other].told) known.push_back(&messages_[message].decoded);
  }
  std::vector<Heard> out;
  for (const Bytes& lie : liar_->tell({*node.chain, node.view, is_second}, known)) {
    const uint32_t message = intern(lie);
    const bool is_old = std::find(node.lies.begin(), node.lies.end(), message) != node.lies.end();
    if (!is_old) out.push_back({*byzantine_, message});
  }
  return out;
}

void Explorer::rounds(const State& state, uint32_t deviations) {
  std::array<std::vector<Outcome>, kNodes> choices;
  size_t combinations = 1;
  for (size_t i = 0; i < kNodes; ++i) {
    choices[i] = outcomes(state, i);
    combinations *= choices[i].size();
  }
  for (size_t at = 0; at < combinations && !result_.violation; ++at) {
    State next;
    size_t rest = at;
    uint32_t deviated = deviations;
    for (size_t i = 0; i < kNodes; ++i) {
      const Outcome& outcome = choices[i][rest % choices[i].size()];
      rest /= choices[i].size();
      next.nodes[i] = outcome.node;
      next.speaks[i] = outcome.node != state.nodes[i] && !nodes_[outcome.node].sent.empty();
      deviated += outcome.deviations;
    }
    if (deviated <= options_.deviations_max) visit(next, deviated);
  }
}

void Explorer::timeouts(const State& state, uint32_t deviations) {
  std::vector<size_t> waiting;
  for (size_t i = 0; i < kNodes; ++i) {
    if (state.speaks[i]) return;  // only when nothing is under way
    const Node& node = nodes_[state.nodes[i]];
    if (i == byzantine_ || is_finished(state.nodes[i])) continue;
    if (node.timer && node.view + 1 < options_.views) waiting.push_back(i);
  }
  if (waiting.empty()) return;
  State next = state;
  for (const size_t identity : waiting) {
    next.nodes[identity] = extend(identity, state.nodes[identity], true, {});
    next.speaks[identity] = !nodes_[next.nodes[identity]].sent.empty();
  }
  visit(next, deviations);
}

}  // namespace

SmallWorldResult explore(const SmallWorldOptions& options) { return Explorer(options).run(); }

}  // namespace assay::sim
