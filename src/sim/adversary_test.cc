#include "sim/adversary.h"

#include <gtest/gtest.h>

#include <set>

#include "bft/certificate.h"
#include "bft/evidence.h"

namespace assay::sim {
namespace {

// Validator 0 of four leads the first view, is Byzantine, and has a core that proposes at once.
class AdversaryTest : public testing::Test {
 protected:
  AdversaryTest() {
    for (uint64_t seed = 1; !core_; ++seed) {
      registry_ = std::make_unique<KeyRegistry>(seed, 4);
      bft::Genesis genesis;
      for (size_t i = 0; i < 4; ++i) genesis.validators.push_back(registry_->validator(i));
      const bft::Chain chain = bft::Chain::from_genesis(genesis).value();
      bft::LeaderOrder leaders(chain.validators(), chain.seed(), 1);
      if (chain.validators().at(leaders.at(0)).key != registry_->validator(0).key) continue;
      keys_ = std::make_unique<SimKeys>(*registry_, 0);
      bft::Settings settings;
      settings.block_interval_ms = 0;
      core_ = std::make_unique<bft::Core>(settings, registry_->validator(0).key, *keys_,
                                          bft::Restored{chain, {}, {}, {}, 0});
      effects_ = core_->start();
    }
    adversary_ = std::make_unique<Adversary>(*registry_, 0, 1, 7);
  }

  // What comes of everything that the core has wanted to send.
  Adversary::Outbox send() {
    Adversary::Outbox out;
    for (const bft::Effect& effect : effects_) {
      const auto* send = std::get_if<bft::Send>(&effect);
      if (send == nullptr) continue;
      adversary_->send(*core_, send->to, std::make_shared<const Bytes>(send->bytes), out);
    }
    return out;
  }
  // A prepare of each other validator, as it is heard.
  void hear_votes() {
    Adversary::Outbox out;
    for (size_t i = 1; i < 4; ++i) {
      const bft::Statement statement = {bft::Phase::kPrepare, 1, 0, 0, sha256("block")};
      bft::VoteMessage message;
      message.vote.statement = statement;
      message.vote.voter = *core_->chain().validators().find(registry_->validator(i).key);
      message.vote.signature = registry_->signature(
          i, bft::signing_bytes(core_->chain().id(), core_->chain().epoch(), statement));
      const auto bytes = std::make_shared<const Bytes>(bft::encode_message(message));
      EXPECT_FALSE(adversary_->hear(*core_, i, bytes, out));
    }
  }
  Adversary::Outbox act(Fault attack, int times = 20) {
    adversary_->begin(attack);
    Adversary::Outbox out;
    for (int i = 0; i < times; ++i) adversary_->act(*core_, out);
    EXPECT_GT(adversary_->counts()[static_cast<size_t>(attack)], 0U);
    return out;
  }
  template <typename M>
  static std::vector<M> all(const Adversary::Outbox& out) {
    std::vector<M> found;
    for (const Adversary::Outgoing& outgoing : out) {
      const auto message = bft::decode_message(*outgoing.bytes);
      if (!message.ok()) continue;
      if (const auto* m = std::get_if<M>(&*message)) found.push_back(*m);
    }
    return found;
  }
  bft::VoteContext context() const { return core_->chain().context(*keys_); }

  std::unique_ptr<KeyRegistry> registry_;
  std::unique_ptr<SimKeys> keys_;
  std::unique_ptr<bft::Core> core_;
  bft::Effects effects_;
  std::unique_ptr<Adversary> adversary_;
};

TEST_F(AdversaryTest, WithoutAttacksItPassesEverythingOn) {
  const Adversary::Outbox out = send();
  EXPECT_GE(all<bft::ProposalMessage>(out).size(), 3U);
  for (const Adversary::Outgoing& outgoing : out) EXPECT_EQ(outgoing.delay_ms, 0U);
}

TEST_F(AdversaryTest, SilenceSaysNothingAndWithholdingDoesNotPropose) {
  adversary_->begin(Fault::kWithhold);
  const Adversary::Outbox out = send();
  EXPECT_TRUE(all<bft::ProposalMessage>(out).empty());
  EXPECT_FALSE(out.empty());
  adversary_->begin(Fault::kSilence);
  EXPECT_TRUE(send().empty());
}

TEST_F(AdversaryTest, AnEquivocatorProposesTwoValidBlocksAndVotesForBoth) {
  adversary_->begin(Fault::kEquivocate);
  const Adversary::Outbox out = send();
  std::set<Digest> proposed;
  for (const auto& m : all<bft::ProposalMessage>(out)) {
    EXPECT_TRUE(bft::verify_vote(context(), m.vote).ok());
    EXPECT_TRUE(core_->chain().check_header(*keys_, m.header).ok());
    proposed.insert(m.vote.statement.digest);
    // Whoever asks for the second payload gets it.
    Adversary::Outbox answer;
    const auto request =
        std::make_shared<const Bytes>(bft::encode_message(bft::PayloadRequest{m.header.payload}));
    if (adversary_->hear(*core_, 1, request, answer)) {
      EXPECT_EQ(bft::payload_digest(all<bft::PayloadMessage>(answer).at(0).payload),
                m.header.payload);
    }
  }
  EXPECT_EQ(proposed.size(), 2U);
  std::set<Digest> committed;
  for (const auto& m : all<bft::VoteMessage>(out)) {
    EXPECT_TRUE(bft::verify_vote(context(), m.vote).ok());
    if (m.vote.statement.phase == bft::Phase::kCommit) {
      committed.insert(m.vote.statement.digest);
    }
  }
  EXPECT_EQ(committed, proposed);
}

TEST_F(AdversaryTest, ForgedEvidenceNeverHolds) {
  adversary_->begin(Fault::kForgedEvidence);
  hear_votes();
  const auto forged = all<bft::EvidenceMessage>(act(Fault::kForgedEvidence));
  EXPECT_GE(forged.size(), 20U);
  for (const auto& m : forged) {
    EXPECT_FALSE(bft::verify_evidence(context(), m.evidence).ok());
  }
}

TEST_F(AdversaryTest, AStormIsOfTrueEvidenceAgainstItself) {
  const auto storm = all<bft::EvidenceMessage>(act(Fault::kEvidenceStorm));
  EXPECT_GE(storm.size(), 200U);
  const auto own = core_->chain().validators().find(registry_->validator(0).key);
  for (const auto& m : storm) {
    EXPECT_TRUE(bft::verify_evidence(context(), m.evidence).ok());
    EXPECT_EQ(m.evidence.first.voter, own);
  }
}

TEST_F(AdversaryTest, ForgedVotesAreSignedByNobodyElse) {
  for (const auto& m : all<bft::VoteMessage>(act(Fault::kForgedVotes))) {
    const auto own = core_->chain().validators().find(registry_->validator(0).key);
    const bool is_own = m.vote.voter == *own;
    EXPECT_TRUE(is_own || !bft::verify_vote(context(), m.vote).ok());
  }
}

TEST_F(AdversaryTest, ForgedBlocksHaveTrueHeadersAndWorthlessCertificates) {
  const auto forged = all<bft::BlocksMessage>(act(Fault::kForgedBlocks));
  EXPECT_GE(forged.size(), 20U);
  for (const auto& m : forged) {
    const bft::DecidedBlock& block = m.blocks.at(0);
    EXPECT_TRUE(core_->chain().check_header(*keys_, block.block.header).ok());
    EXPECT_FALSE(bft::verify_proof(*keys_, core_->chain().id(), block.block.header,
                                   block.certificate, core_->chain().validators())
                     .ok());
  }
}

TEST_F(AdversaryTest, FloodsJumpsReplaysAndNoiseAreSent) {
  hear_votes();
  EXPECT_GE(all<bft::VoteMessage>(act(Fault::kVoteFlood)).size(), 1000U);
  EXPECT_GE(all<bft::NewLeaderMessage>(act(Fault::kViewJump)).size(), 20U);
  EXPECT_GE(act(Fault::kReplay).size(), 60U);
  size_t unreadable = 0;
  for (const Adversary::Outgoing& outgoing : act(Fault::kGarbage, 200)) {
    if (!bft::decode_message(*outgoing.bytes).ok()) ++unreadable;
  }
  EXPECT_GT(unreadable, 50U);
}

}  // namespace
}  // namespace assay::sim
