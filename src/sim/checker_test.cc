#include "sim/checker.h"

#include <gtest/gtest.h>

#include "bft/evidence.h"

namespace assay::sim {
namespace {

using bft::Phase;

// A world of four without a core: blocks and votes are made here, with everybody's keys.
class CheckerTest : public testing::Test {
 protected:
  explicit CheckerTest(size_t byzantine = 0)
      : registry_(seed_of(byzantine), 4), keys_(registry_, 0) {
    scenario_.byzantine = byzantine;
    scenario_.is_beyond_faults = byzantine > 1;
    chain_ = genesis_of(registry_);
    checker_ = std::make_unique<Checker>(scenario_, registry_, keys_, *chain_);
  }

  static bft::Chain genesis_of(const KeyRegistry& registry) {
    bft::Genesis genesis;
    for (size_t i = 0; i < 4; ++i) genesis.validators.push_back(registry.validator(i));
    return bft::Chain::from_genesis(genesis).value();
  }
  // A world in which a Byzantine validator leads view 0, if there is one.
  static uint64_t seed_of(size_t byzantine) {
    for (uint64_t seed = 1;; ++seed) {
      const KeyRegistry registry(seed, 4);
      const bft::Chain chain = genesis_of(registry);
      bft::LeaderOrder leaders(chain.validators(), chain.seed(), 1);
      const auto leader = registry.find(chain.validators().at(leaders.at(0)).key);
      if (byzantine == 0 || *leader < byzantine) return seed;
    }
  }

  bft::Vote vote(size_t identity, const bft::Statement& statement) const {
    bft::Vote out;
    out.statement = statement;
    out.voter = *chain_->validators().find(registry_.validator(identity).key);
    out.signature = registry_.signature(identity, bft::signing_bytes(chain_->id(), 0, statement));
    return out;
  }
  // A block of height 1 for the view, told apart by its transaction, committed by these.
  bft::DecidedBlock block(bft::View view, uint8_t salt, const std::vector<size_t>& voters) const {
    bft::DecidedBlock out;
    bft::Transaction transaction;
    transaction.body = {salt};
    out.block.payload = bft::encode_payload({transaction});
    bft::LeaderOrder leaders(chain_->validators(), chain_->seed(), 1);
    const bft::ValidatorIndex leader = leaders.at(view);
    out.block.header = chain_->draft_header({view, leader, bft::payload_digest(out.block.payload)});
    if (view == 0) {
      const size_t identity = leader_of(view);
      out.block.header.vrf = registry_.proof(identity, chain_->vrf_input());
    }
    bft::Certificate& certificate = out.certificate;
    certificate.statement = {Phase::kCommit, 1, view, 0, bft::header_digest(out.block.header)};
    for (bft::ValidatorIndex i = 0; i < 4; ++i) {
      const size_t identity = *registry_.find(chain_->validators().at(i).key);
      if (std::find(voters.begin(), voters.end(), identity) == voters.end()) continue;
      certificate.votes.push_back({i, vote(identity, certificate.statement).signature, {}});
    }
    return out;
  }
  size_t leader_of(bft::View view) const {
    bft::LeaderOrder leaders(chain_->validators(), chain_->seed(), 1);
    return *registry_.find(chain_->validators().at(leaders.at(view)).key);
  }
  void propose(const bft::DecidedBlock& block) {
    bft::ProposalMessage message;
    message.header = block.block.header;
    const bft::Statement& committed = block.certificate.statement;
    message.vote =
        vote(leader_of(committed.view), {Phase::kPropose, 1, committed.view, 0, committed.digest});
    checker_->sent(leader_of(committed.view), bft::encode_message(message));
  }
  void send(size_t identity, const bft::Statement& statement) {
    if (statement.phase == Phase::kNewLeader) {
      checker_->sent(identity,
                     bft::encode_message(bft::NewLeaderMessage{vote(identity, statement), {}, {}}));
    } else {
      checker_->sent(identity,
                     bft::encode_message(bft::VoteMessage{vote(identity, statement), {}}));
    }
  }
  std::string broken() const {
    return checker_->violation() ? checker_->violation()->invariant : "";
  }

  Scenario scenario_;
  KeyRegistry registry_;
  SimKeys keys_;
  std::optional<bft::Chain> chain_;
  std::unique_ptr<Checker> checker_;
};

TEST_F(CheckerTest, ADecisionOfAQuorumIsAccepted) {
  const bft::DecidedBlock decided = block(0, 1, {0, 1, 2});
  propose(decided);
  for (size_t i = 0; i < 4; ++i) checker_->decided(i, decided);
  EXPECT_EQ(broken(), "");
  EXPECT_EQ(checker_->chain().height(), 1U);
}

TEST_F(CheckerTest, TwoBlocksAtOneHeightBreakAgreement) {
  const bft::DecidedBlock one = block(0, 1, {0, 1, 2});
  const bft::DecidedBlock two = block(0, 2, {1, 2, 3});
  checker_->sent(leader_of(0), {});  // noise of its own is a violation, but of another kind
  EXPECT_EQ(broken(), "validity");
  checker_ = std::make_unique<Checker>(scenario_, registry_, keys_, *chain_);
  propose(one);
  checker_->decided(0, one);
  EXPECT_EQ(broken(), "");
  checker_->decided(1, two);
  EXPECT_EQ(broken(), "agreement");
}

TEST_F(CheckerTest, AChainThatEndsElsewhereBreaksAgreement) {
  const bft::DecidedBlock one = block(0, 1, {0, 1, 2});
  propose(one);
  checker_->decided(0, one);
  bft::Chain other = *chain_;
  other.apply(keys_, block(0, 2, {1, 2, 3}).block);
  checker_->stands(2, other);
  EXPECT_EQ(broken(), "agreement");
}

TEST_F(CheckerTest, ACertificateIsCountedAnew) {
  const std::vector<std::function<void(bft::DecidedBlock&)>> damages = {
      [](bft::DecidedBlock& b) { b.certificate.votes.pop_back(); },
      [](bft::DecidedBlock& b) { b.certificate.votes[1] = b.certificate.votes[0]; },
      [](bft::DecidedBlock& b) { b.certificate.votes[0].signature[5] ^= 1; },
      [](bft::DecidedBlock& b) { b.certificate.votes[0].voter = 9; },
      [](bft::DecidedBlock& b) { b.certificate.statement.view = 3; },
      [](bft::DecidedBlock& b) { b.certificate.statement.phase = Phase::kPrepare; },
      [](bft::DecidedBlock& b) { b.certificate.statement.digest[0] ^= 1; },
      [](bft::DecidedBlock& b) { b.block.payload.push_back(0); },
      [](bft::DecidedBlock& b) { b.block.header.height = 2; },
  };
  for (const auto& damage : damages) {
    checker_ = std::make_unique<Checker>(scenario_, registry_, keys_, *chain_);
    bft::DecidedBlock decided = block(0, 1, {0, 1, 2});
    propose(decided);
    damage(decided);
    checker_->decided(0, decided);
    EXPECT_EQ(broken(), "validity");
  }
}

TEST_F(CheckerTest, ABlockThatNobodyProposedIsNotValid) {
  checker_->decided(0, block(0, 1, {0, 1, 2}));
  EXPECT_EQ(broken(), "validity");
}

TEST_F(CheckerTest, ACorrectValidatorSaysOneThing) {
  const Digest a = sha256("a");
  const Digest b = sha256("b");
  struct Pair {
    bft::Statement first;
    bft::Statement second;
    bool breaks;
  };
  const std::vector<Pair> pairs = {
      {{Phase::kPrepare, 1, 0, 0, a}, {Phase::kPrepare, 1, 0, 0, a}, false},
      {{Phase::kPrepare, 1, 0, 0, a}, {Phase::kPrepare, 1, 0, 0, b}, true},
      {{Phase::kPrepare, 1, 0, 0, a}, {Phase::kPrepare, 1, 1, 0, b}, false},
      {{Phase::kPrepare, 1, 0, 0, a}, {Phase::kCommit, 1, 0, 0, b}, false},
      {{Phase::kCommit, 1, 0, 0, a}, {Phase::kNewLeader, 1, 1, 0, {}}, true},
      {{Phase::kNewLeader, 1, 1, 0, {}}, {Phase::kCommit, 1, 0, 0, a}, true},
      {{Phase::kCommit, 1, 0, 0, a}, {Phase::kNewLeader, 1, 1, 1, a}, false},
      {{Phase::kCommit, 1, 0, 0, a}, {Phase::kNewLeader, 1, 1, 1, b}, true},
      {{Phase::kCommit, 1, 0, 0, a}, {Phase::kNewLeader, 1, 3, 2, b}, false},
      {{Phase::kCommit, 1, 2, 0, a}, {Phase::kNewLeader, 1, 1, 0, {}}, false},
  };
  for (const Pair& pair : pairs) {
    checker_ = std::make_unique<Checker>(scenario_, registry_, keys_, *chain_);
    send(2, pair.first);
    EXPECT_EQ(broken(), "");
    send(2, pair.second);
    EXPECT_EQ(broken(), pair.breaks ? "signing" : "");
    EXPECT_EQ(contradict(pair.first, pair.second), pair.breaks);
    EXPECT_EQ(bft::conflicts(pair.first, pair.second), pair.breaks);
  }
}

TEST_F(CheckerTest, AVoteInAnothersNameIsNotItsOwn) {
  const bft::Statement statement = {Phase::kPrepare, 1, 0, 0, {}};
  checker_->sent(1, bft::encode_message(bft::VoteMessage{vote(2, statement), {}}));
  EXPECT_EQ(broken(), "signing");
}

TEST_F(CheckerTest, EvidenceAgainstACorrectOneBreaksAccountability) {
  checker_->evidence(0, {{}, registry_.validator(3).key});
  EXPECT_EQ(broken(), "accountability");
}

TEST_F(CheckerTest, BoundsOfMemoryAreHeld) {
  bft::CoreStatus status;
  status.height = 1;
  checker_->stepped(0, status);
  EXPECT_EQ(broken(), "");
  status.kept_bytes = size_t{1} << 30;
  checker_->stepped(0, status);
  EXPECT_EQ(broken(), "memory");
}

TEST_F(CheckerTest, AViewIsEnteredBehindAQuorum) {
  bft::CoreStatus status;
  status.height = 1;
  status.view = 2;
  status.entered = true;
  send(1, {Phase::kNewLeader, 1, 2, 0, {}});
  checker_->stepped(0, status);  // two of a quorum of three, and the third may be Byzantine
  EXPECT_EQ(broken(), "");
  status.view = 3;
  checker_->stepped(0, status);
  EXPECT_EQ(broken(), "views");
}

// Two Byzantine validators among four.
class BeyondTest : public CheckerTest {
 protected:
  BeyondTest() : CheckerTest(2) {}
};

TEST_F(BeyondTest, AForkConvictsWhoVotedTwice) {
  const bft::DecidedBlock one = block(0, 1, {0, 1, 2});
  const bft::DecidedBlock two = block(0, 2, {0, 1, 3});
  propose(one);
  propose(two);
  checker_->decided(2, one);
  checker_->decided(3, two);
  EXPECT_TRUE(checker_->is_forked());
  EXPECT_EQ(broken(), "");
}

TEST_F(BeyondTest, AForkOverViewsConvictsWhoForgot) {
  const bft::DecidedBlock one = block(0, 1, {0, 1, 2});
  const bft::DecidedBlock two = block(1, 2, {0, 1, 3});
  propose(one);
  propose(two);
  checker_->decided(2, one);
  for (const size_t identity : {0U, 1U}) send(identity, {Phase::kNewLeader, 1, 1, 0, {}});
  checker_->decided(3, two);
  EXPECT_TRUE(checker_->is_forked());
  EXPECT_EQ(broken(), "");
}

TEST_F(BeyondTest, AForkThatConvictsTooFewBreaksAccountability) {
  const bft::DecidedBlock one = block(0, 1, {0, 1, 2});
  const bft::DecidedBlock two = block(1, 2, {0, 1, 3});
  propose(one);
  propose(two);
  checker_->decided(2, one);
  send(0, {Phase::kNewLeader, 1, 1, 0, {}});  // what the other one said nobody saw
  checker_->decided(3, two);
  EXPECT_EQ(broken(), "accountability");
}

}  // namespace
}  // namespace assay::sim
