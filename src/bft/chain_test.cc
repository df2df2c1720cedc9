#include "bft/chain.h"

#include <gtest/gtest.h>

#include "bft/bft_testing.h"
#include "bft/evidence.h"

namespace assay::bft {
namespace {

Transaction change_of(const TestSet& t, const Chain& chain, Epoch from,
                      std::vector<Validator> validators) {
  SetChange change{from, std::move(validators), {}};
  const Statement s = {Phase::kApproval, 0, 0, 0, set_change_digest(change)};
  change.approval = t.certificate(chain.id(), chain.epoch(), s, t.set.quorum());
  return {TransactionKind::kSetChange, {}, encode_set_change(change)};
}

TEST(Chain, BlocksFollowEachOtherAndTheStateComesBackFromItsBytes) {
  const TestSet t(4);
  Chain chain = Chain::from_genesis(t.genesis).value();
  std::set<Digest> seeds = {chain.seed()};
  for (Height h = 1; h <= 10; ++h) {
    const DecidedBlock block = t.next_block(chain, {});
    ASSERT_TRUE(chain.check_header(*t.keys[0], block.block.header).ok());
    ASSERT_TRUE(chain.check_payload(*t.keys[0], block.block.payload).ok());
    chain.apply(*t.keys[0], block.block);
    EXPECT_EQ(chain.height(), h);
    EXPECT_EQ(chain.epoch(), h / 3);
    EXPECT_TRUE(seeds.insert(chain.seed()).second);
    const auto back = Chain::decode(chain.encode());
    ASSERT_TRUE(back.ok()) << back.status().message();
    EXPECT_EQ(back->encode(), chain.encode());
    EXPECT_EQ(t.next_block(*back, {}).block.header, t.next_block(chain, {}).block.header);
  }
}

TEST(Chain, EveryFieldOfAHeaderIsChecked) {
  const TestSet t(4);
  Chain chain = Chain::from_genesis(t.genesis).value();
  chain.apply(*t.keys[0], t.next_block(chain, {}).block);
  const Header good = t.next_block(chain, {}).block.header;
  const std::vector<std::function<void(Header&)>> changes = {
      [](Header& h) { h.chain[0] ^= 1; },
      [](Header& h) { ++h.height; },
      [](Header& h) { ++h.epoch; },
      [](Header& h) { h.view = 1; },
      [](Header& h) { h.proposer = static_cast<ValidatorIndex>((h.proposer + 1) % 4); },
      [](Header& h) { h.proposer = 4; },
      [](Header& h) { h.parent[0] ^= 1; },
      [](Header& h) { h.validators[0] ^= 1; },
      [](Header& h) { h.next_validators[0] ^= 1; },
      [](Header& h) { h.seed[0] ^= 1; },
      [](Header& h) { h.vrf.reset(); },
      [](Header& h) { (*h.vrf)[3] ^= 1; }};
  EXPECT_TRUE(chain.check_header(*t.keys[0], good).ok());
  for (size_t i = 0; i < changes.size(); ++i) {
    Header changed = good;
    changes[i](changed);
    EXPECT_FALSE(chain.check_header(*t.keys[0], changed).ok()) << i;
  }
}

TEST(Chain, ValidatorsChangeTwoEpochsAfterAQuorumApproved) {
  const TestSet t(4);
  Chain chain = Chain::from_genesis(t.genesis).value();
  const TestKeys added(200);
  const std::vector<Validator> fifth = {{added.public_key(), added.public_key(), 1}};
  EXPECT_FALSE(
      chain.check_payload(*t.keys[0], encode_payload({change_of(t, chain, 1, fifth)})).ok());
  Transaction early = change_of(t, chain, 2, fifth);
  SetChange forged = decode_set_change(early.body).value();
  forged.approval.votes.pop_back();
  EXPECT_FALSE(
      chain
          .check_payload(
              *t.keys[0],
              encode_payload({{TransactionKind::kSetChange, {}, encode_set_change(forged)}}))
          .ok());
  const DecidedBlock block = t.next_block(chain, {early});
  ASSERT_TRUE(chain.check_payload(*t.keys[0], block.block.payload).ok());
  chain.apply(*t.keys[0], block.block);
  while (chain.epoch() < 2) {
    EXPECT_EQ(chain.validators().size(), 4U);
    const Header header = t.next_block(chain, {}).block.header;
    EXPECT_EQ(header.next_validators != header.validators, header.height == 6) << header.height;
    chain.apply(*t.keys[0], t.next_block(chain, {}).block);
  }
  EXPECT_EQ(chain.validators().size(), 5U);
  EXPECT_TRUE(chain.validators().find(added.public_key()).has_value());
  EXPECT_EQ(chain.validators_before()->size(), 4U);
}

TEST(Chain, ASetThatCouldDecideNothingIsNotScheduled) {
  const TestSet t(4);
  const Chain chain = Chain::from_genesis(t.genesis).value();
  std::vector<Validator> nobody = t.set.validators();
  for (Validator& v : nobody) v.weight = 0;
  EXPECT_FALSE(
      chain.check_payload(*t.keys[0], encode_payload({change_of(t, chain, 2, nobody)})).ok());
}

TEST(Chain, CommittedEvidenceNamesTheCulpritOnce) {
  const TestSet t(4);
  Chain chain = Chain::from_genesis(t.genesis).value();
  const Vote a = t.vote(chain.id(), 0, {Phase::kCommit, 5, 0, 0, sha256("a")}, 2);
  const Vote b = t.vote(chain.id(), 0, {Phase::kCommit, 5, 0, 0, sha256("b")}, 2);
  const Transaction evidence = {
      TransactionKind::kEvidence, {}, encode_evidence(make_evidence(0, a, b))};
  const DecidedBlock block = t.next_block(chain, {evidence});
  ASSERT_TRUE(chain.check_payload(*t.keys[0], block.block.payload).ok());
  chain.apply(*t.keys[0], block.block);
  EXPECT_EQ(chain.culprits(), std::set<PublicKey>{t.set.at(2).key});

  Evidence forged = make_evidence(0, a, b);
  forged.second.signature[0] ^= 1;
  EXPECT_FALSE(chain
                   .check_payload(
                       *t.keys[0],
                       encode_payload({{TransactionKind::kEvidence, {}, encode_evidence(forged)}}))
                   .ok());
}

TEST(Chain, PayloadsAreBoundedAndHoldATransactionOnce) {
  TestSet t(4);
  t.genesis.payload_bytes_max = 100;
  const Chain chain = Chain::from_genesis(t.genesis).value();
  const Transaction one = {TransactionKind::kData, {}, Bytes(10)};
  EXPECT_TRUE(chain.check_payload(*t.keys[0], encode_payload({one})).ok());
  EXPECT_FALSE(chain.check_payload(*t.keys[0], encode_payload({one, one})).ok());
  EXPECT_FALSE(
      chain.check_payload(*t.keys[0], encode_payload({{TransactionKind::kData, {}, Bytes(90)}}))
          .ok());
  EXPECT_FALSE(chain.check_payload(*t.keys[0], Bytes{1, 2, 3}).ok());
}

}  // namespace
}  // namespace assay::bft
