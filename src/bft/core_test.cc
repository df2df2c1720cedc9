// The core in a small cluster without a network; the hard cases are the simulator's (src/sim).
#include "bft/core.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <set>

#include "bft/bft_testing.h"

namespace assay::bft {
namespace {

// What a driver does: keeps records, gives messages to others in order, fires timers when told to.
class Cluster {
 public:
  struct Node {
    std::unique_ptr<TestKeys> keys;
    std::unique_ptr<Core> core;
    Genesis genesis;
    std::vector<DecidedBlock> blocks;
    Bytes sign_state;
    std::vector<Bytes> proposals;
    std::vector<Evidence> evidence;
    std::vector<SetTimer> timers;
    bool is_up = true;
  };

  explicit Cluster(size_t n, std::optional<Sampling> sampling = {}, uint64_t epoch_blocks = 4) {
    Genesis genesis;
    genesis.name = "test";
    genesis.sampling = sampling;
    genesis.epoch_blocks = epoch_blocks;
    for (size_t i = 0; i < n; ++i) {
      nodes_.emplace_back();
      nodes_.back().keys = std::make_unique<TestKeys>(static_cast<uint8_t>(i));
      const PublicKey key = nodes_.back().keys->public_key();
      genesis.validators.push_back({key, key, 1});
    }
    settings_.block_interval_ms = 10;
    settings_.checkpoint_blocks = 3;
    for (size_t i = 0; i < n; ++i) {
      nodes_[i].genesis = genesis;
      boot(i);
    }
  }

  void boot(size_t i) {
    Node& node = nodes_[i];
    Restored restored{Chain::from_genesis(node.genesis).value(), {}, {}, {}, 0};
    for (const DecidedBlock& block : node.blocks) {
      restored.chain.apply(*node.keys, block.block);
      restored.recent.push_back(block);
    }
    if (!node.sign_state.empty()) restored.sign_state = SignState::decode(node.sign_state).value();
    for (const Bytes& bytes : node.proposals) {
      restored.proposals.push_back(decode_decided(bytes).value().block);
    }
    node.is_up = true;
    node.core =
        std::make_unique<Core>(settings_, node.keys->public_key(), *node.keys, std::move(restored));
    carry_out(i, node.core->start());
  }

  void carry_out(size_t i, const Effects& effects) {
    Node& node = nodes_[i];
    for (const Effect& effect : effects) {
      if (const auto* p = std::get_if<Persist>(&effect)) {
        if (p->kind == RecordKind::kSignState) node.sign_state = p->record;
        if (p->kind == RecordKind::kProposal) node.proposals.push_back(p->record);
        if (p->kind == RecordKind::kCheckpoint) ++checkpoints_;
      } else if (const auto* s = std::get_if<Send>(&effect)) {
        for (size_t to = 0; to < nodes_.size(); ++to) {
          if (to == i || (s->to && *s->to != nodes_[to].keys->public_key())) continue;
          wire_.push_back({i, to, s->bytes});
        }
      } else if (const auto* t = std::get_if<SetTimer>(&effect)) {
        node.timers.push_back(*t);
      } else if (const auto* d = std::get_if<Deliver>(&effect)) {
        node.blocks.push_back(d->block);
        node.proposals.clear();
        if (d->wants_state_root) {
          pending_roots_.push_back({i, d->block.block.header.height});
        }
      } else if (const auto* e = std::get_if<EvidenceFound>(&effect)) {
        node.evidence.push_back(e->evidence);
      } else if (const auto* b = std::get_if<ServeBlocks>(&effect)) {
        BlocksMessage message;
        for (const DecidedBlock& block : node.blocks) {
          if (block.block.header.height >= b->from && message.blocks.size() < kBlocksMax) {
            message.blocks.push_back(block);
          }
        }
        for (size_t to = 0; to < nodes_.size(); ++to) {
          if (nodes_[to].keys->public_key() == b->to) {
            wire_.push_back({i, to, encode_message(message)});
          }
        }
      }
    }
  }

  void give(size_t i, const Input& input) {
    if (nodes_[i].is_up) carry_out(i, nodes_[i].core->step(input));
  }

  // Until nothing is under way.
  void settle() {
    while (!wire_.empty() || !pending_roots_.empty()) {
      if (wire_.empty()) {
        const auto [node, height] = pending_roots_.front();
        pending_roots_.pop_front();
        give(node, StateComputed{height, sha256("state " + std::to_string(height))});
        continue;
      }
      const Wire message = wire_.front();
      wire_.pop_front();
      if (lost(message.from, message.to)) continue;
      give(message.to, MessageReceived{nodes_[message.from].keys->public_key(), message.bytes});
    }
  }

  // Every timer that was set and has not fired fires, once.
  void fire_timers() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      std::vector<SetTimer> timers;
      timers.swap(nodes_[i].timers);
      for (const SetTimer& timer : timers) give(i, TimerFired{timer.id});
    }
    settle();
  }

  size_t height() const {
    size_t lowest = ~size_t{0};
    for (const Node& node : nodes_) {
      if (node.is_up) lowest = std::min(lowest, node.blocks.size());
    }
    return lowest;
  }
  void expect_agreement() const {
    for (const Node& node : nodes_) {
      for (size_t h = 0; h < std::min(node.blocks.size(), nodes_[0].blocks.size()); ++h) {
        EXPECT_EQ(header_digest(node.blocks[h].block.header),
                  header_digest(nodes_[0].blocks[h].block.header));
      }
      EXPECT_TRUE(node.evidence.empty());
    }
  }

  struct Wire {
    size_t from;
    size_t to;
    Bytes bytes;
  };
  Settings settings_;
  std::vector<Node> nodes_;
  std::deque<Wire> wire_;
  std::deque<std::pair<size_t, Height>> pending_roots_;
  size_t checkpoints_ = 0;
  std::function<bool(size_t, size_t)> lost = [](size_t, size_t) { return false; };
};

Transaction transaction(const std::string& text) {
  Transaction t;
  t.sender[0] = 7;
  t.body = Bytes(text.begin(), text.end());
  return t;
}

TEST(Core, ATransactionIsDecidedByAllWithoutATimer) {
  for (const size_t n : {1U, 4U, 5U, 6U, 7U, 8U, 9U, 10U}) {
    Cluster cluster(n);
    cluster.settle();
    cluster.give(0, TransactionSubmitted{transaction("hello")});
    cluster.settle();
    if (cluster.height() == 0) cluster.fire_timers();  // the leader is another one
    ASSERT_GE(cluster.height(), 1U) << n;
    cluster.expect_agreement();
  }
}

TEST(Core, HeightsFollowEachOtherAndEpochsPass) {
  Cluster cluster(4);
  for (int i = 0; i < 40 && cluster.height() < 20; ++i) {
    cluster.give(static_cast<size_t>(i) % 4, TransactionSubmitted{transaction(std::to_string(i))});
    cluster.settle();
    cluster.fire_timers();
  }
  EXPECT_GE(cluster.height(), 20U);
  cluster.expect_agreement();
  EXPECT_GE(cluster.nodes_[0].core->chain().epoch(), 5U);
  EXPECT_GE(cluster.checkpoints_, 4U * 6U);
  std::set<ValidatorIndex> proposers;
  for (const auto& block : cluster.nodes_[0].blocks) proposers.insert(block.block.header.proposer);
  EXPECT_GE(proposers.size(), 3U);
}

TEST(Core, DecidesWithoutFaultyValidators) {
  for (const size_t n : {4U, 5U, 6U, 7U, 8U, 9U, 10U}) {
    for (size_t down = 0; down < n; ++down) {
      Cluster cluster(n);
      const size_t f = (n - 1) / 3;
      for (size_t i = 0; i < f; ++i) cluster.nodes_[(down + i) % n].is_up = false;
      for (int i = 0; i < 60 && cluster.height() < 4; ++i) cluster.fire_timers();
      EXPECT_GE(cluster.height(), 4U) << n << " without " << down;
      cluster.expect_agreement();
    }
  }
}

TEST(Core, NothingIsDecidedWithoutAQuorumAndAllGoOnWithOne) {
  Cluster cluster(4);
  cluster.lost = [](size_t from, size_t to) { return (from < 2) != (to < 2); };
  for (int i = 0; i < 20; ++i) cluster.fire_timers();
  EXPECT_EQ(cluster.height(), 0U);
  cluster.lost = [](size_t, size_t) { return false; };
  for (int i = 0; i < 40 && cluster.height() < 3; ++i) cluster.fire_timers();
  EXPECT_GE(cluster.height(), 3U);
  cluster.expect_agreement();
}

TEST(Core, WhoLagsCatchesUp) {
  Cluster cluster(4);
  cluster.nodes_[3].is_up = false;
  for (int i = 0; i < 200 && cluster.height() < 40; ++i) cluster.fire_timers();
  ASSERT_GE(cluster.height(), 40U);
  cluster.boot(3);
  for (int i = 0; i < 20; ++i) cluster.fire_timers();
  EXPECT_GE(cluster.nodes_[3].blocks.size(), 40U);
  cluster.expect_agreement();
}

TEST(Core, AllRestartTogetherAtAnyMoment) {
  Cluster cluster(4);
  for (int round = 0; round < 12; ++round) {
    const size_t before = cluster.height();
    cluster.give(0, TransactionSubmitted{transaction("round " + std::to_string(round))});
    // Some messages arrive, then all is gone but what was persisted.
    for (int i = 0; i < 3 * round && !cluster.wire_.empty(); ++i) {
      const Cluster::Wire message = cluster.wire_.front();
      cluster.wire_.pop_front();
      cluster.give(message.to,
                   MessageReceived{cluster.nodes_[message.from].keys->public_key(), message.bytes});
    }
    cluster.wire_.clear();
    for (size_t i = 0; i < 4; ++i) {
      cluster.nodes_[i].timers.clear();
      cluster.boot(i);
    }
    for (int i = 0; i < 30 && cluster.height() < before + 2; ++i) cluster.fire_timers();
    EXPECT_GE(cluster.height(), before + 2) << round;
    cluster.expect_agreement();
  }
}

TEST(Core, ADecisionTakesTheMessagesAndBytesOfItsFormula) {
  for (const size_t n : {4U, 7U, 10U, 13U}) {
    Cluster cluster(n);
    // The leader's block timer alone: an empty block, and nothing is said twice.
    for (size_t i = 0; i < n; ++i) {
      const std::vector<SetTimer> timers = cluster.nodes_[i].timers;
      for (const SetTimer& timer : timers) {
        if (timer.delay_ms == cluster.settings_.block_interval_ms) {
          cluster.give(i, TimerFired{timer.id});
        }
      }
    }
    size_t messages = 0;
    size_t bytes = 0;
    size_t proposal_bytes = 0;
    while (!cluster.wire_.empty()) {
      const Cluster::Wire message = cluster.wire_.front();
      cluster.wire_.pop_front();
      ++messages;
      bytes += message.bytes.size();
      if (message.bytes[1] == 0) proposal_bytes = message.bytes.size();
      cluster.give(message.to,
                   MessageReceived{cluster.nodes_[message.from].keys->public_key(), message.bytes});
    }
    EXPECT_EQ(cluster.height(), 1U);
    // Propose to all others; Prepare and Commit of each to all others.
    EXPECT_EQ(messages, (n - 1) + 2 * n * (n - 1)) << n;
    // docs/formats/consensus.md: head, statement, voter, signature, no draw, no proposal.
    constexpr size_t kVoteBytes = 2 + (1 + 8 + 4 + 4 + 32) + 2 + 64 + 1 + 1;
    EXPECT_EQ(bytes, (n - 1) * (proposal_bytes + 2 * n * kVoteBytes)) << n;
    EXPECT_LT(proposal_bytes, 600U);
  }
}

TEST(Core, SampledVotesDecideToo) {
  Cluster cluster(10, Sampling{.sample = 8, .quorum = 5});
  for (int i = 0; i < 60 && cluster.height() < 6; ++i) cluster.fire_timers();
  EXPECT_GE(cluster.height(), 6U);
  cluster.expect_agreement();
}

TEST(Core, AFloodOfOnesOwnVotesFillsNothing) {
  Cluster cluster(4);
  Core& core = *cluster.nodes_[0].core;
  const Chain& chain = core.chain();
  const TestKeys& flooder = *cluster.nodes_[3].keys;
  const auto vote = [&](const Statement& s) {
    const ValidatorIndex voter = *chain.validators().find(flooder.public_key());
    return Vote{s, voter, flooder.sign(signing_bytes(chain.id(), chain.epoch(), s)), {}};
  };
  const auto tell = [&](const Message& message) {
    return core.step(MessageReceived{flooder.public_key(), encode_message(message)});
  };
  // The same one thousands of times: the first counts.
  const VoteMessage same = {vote({Phase::kPrepare, 1, 0, 0, sha256("x")}), {}};
  (void)tell(same);
  const size_t kept = core.status().kept_votes;
  for (int i = 0; i < 5000; ++i) EXPECT_TRUE(tell(same).empty());
  EXPECT_EQ(core.status().kept_votes, kept);
  // NewLeaders for ever higher views, and votes of all views and heights.
  for (View view = 1; view <= 1000; ++view) {
    (void)tell(NewLeaderMessage{vote({Phase::kNewLeader, 1, view * 7, 0, {}}), {}, {}});
    (void)tell(VoteMessage{vote({Phase::kCommit, 1, view, 0, sha256("y")}), {}});
    (void)tell(VoteMessage{vote({Phase::kPrepare, 2 + view % 3, view, 0, sha256("z")}), {}});
  }
  EXPECT_LE(core.status().kept_votes, kept + 4 * (1 + Settings{}.views_ahead_max));
  EXPECT_LE(core.status().buffered_messages, Settings{}.peer_messages_max);
}

TEST(Core, DamagedMessagesAreDroppedAndCounted) {
  Cluster cluster(4);
  cluster.settle();
  const uint64_t before = cluster.nodes_[0].core->status().messages_dropped;
  cluster.give(0, MessageReceived{cluster.nodes_[1].keys->public_key(), Bytes(100, 0xff)});
  EXPECT_EQ(cluster.nodes_[0].core->status().messages_dropped, before + 1);
}

TEST(Core, AnEquivocatingVoterIsReportedAndCommittedAsSuch) {
  Cluster cluster(4);
  cluster.settle();
  const Chain& chain = cluster.nodes_[0].core->chain();
  const PublicKey culprit = cluster.nodes_[2].keys->public_key();
  for (const char* value : {"one", "two"}) {
    Vote vote;
    vote.statement = {Phase::kPrepare, 1, 0, 0, sha256(value)};
    vote.voter = *chain.validators().find(culprit);
    vote.signature =
        cluster.nodes_[2].keys->sign(signing_bytes(chain.id(), chain.epoch(), vote.statement));
    cluster.give(0, MessageReceived{culprit, encode_message(VoteMessage{vote, {}})});
  }
  for (int i = 0; i < 20 && cluster.height() < 3; ++i) cluster.fire_timers();
  for (const Cluster::Node& node : cluster.nodes_) {
    ASSERT_EQ(node.evidence.size(), 1U);
    EXPECT_EQ(node.core->chain().culprits(), std::set<PublicKey>{culprit});
  }
}

TEST(Core, AnObserverFollowsAndSignsNothing) {
  Cluster cluster(4);
  Cluster outsider(1);
  cluster.nodes_.push_back({});
  cluster.nodes_.back().keys = std::make_unique<TestKeys>(uint8_t{99});
  cluster.nodes_.back().genesis = cluster.nodes_[0].genesis;
  cluster.boot(4);
  for (int i = 0; i < 40 && cluster.height() < 5; ++i) cluster.fire_timers();
  EXPECT_GE(cluster.nodes_[4].blocks.size(), 5U);
  EXPECT_TRUE(cluster.nodes_[4].sign_state.empty());
}

}  // namespace
}  // namespace assay::bft
