#include "sim/disk.h"

#include <gtest/gtest.h>

#include "sim/sim_keys.h"

namespace assay::sim {
namespace {

using bft::RecordKind;

// Four validators, and blocks that follow each other.
class DiskTest : public testing::Test {
 protected:
  DiskTest() : disk_(make_disk()) {}

  static bft::Chain make_genesis(const KeyRegistry& registry) {
    bft::Genesis genesis;
    for (size_t i = 0; i < 4; ++i) genesis.validators.push_back(registry.validator(i));
    return bft::Chain::from_genesis(genesis).value();
  }
  Disk make_disk() const {
    Disk disk(genesis_, registry_.validator(0).key);
    EXPECT_TRUE(disk.restore(keys_, {}).ok());
    return disk;
  }

  bft::Certificate certify(const bft::Statement& statement) const {
    bft::Certificate certificate;
    certificate.statement = statement;
    const Bytes message = bft::signing_bytes(tip_.id(), tip_.epoch(), statement);
    for (bft::ValidatorIndex i = 0; i < 4; ++i) {
      const size_t identity = *registry_.find(tip_.validators().at(i).key);
      certificate.votes.push_back({i, registry_.signature(identity, message), {}});
    }
    return certificate;
  }
  bft::DecidedBlock next_block() {
    bft::LeaderOrder leaders(tip_.validators(), tip_.seed(), tip_.height() + 1);
    bft::DecidedBlock decided;
    decided.block.payload = bft::encode_payload({});
    bft::Header& header = decided.block.header;
    header = tip_.draft_header({1, leaders.at(1), bft::payload_digest(decided.block.payload)});
    decided.certificate =
        certify({bft::Phase::kCommit, header.height, 1, 0, bft::header_digest(header)});
    tip_.apply(keys_, decided.block);
    return decided;
  }
  // Of the state at the tip.
  bft::CheckpointFetched make_checkpoint() const {
    bft::CheckpointFetched checkpoint;
    checkpoint.chain = tip_.encode();
    checkpoint.root[0] = 9;
    checkpoint.certificate = certify({bft::Phase::kCheckpoint, tip_.height(), 0, 0,
                                      bft::checkpoint_digest(checkpoint.chain, checkpoint.root)});
    return checkpoint;
  }
  bft::Persist block_record() {
    return {++seq_, RecordKind::kBlock, bft::encode_decided(next_block())};
  }
  // View v of height h, told apart by its encoding.
  bft::Persist sign_record(bft::View view) {
    bft::SignState state;
    bft::Vote vote;
    vote.statement = {bft::Phase::kNewLeader, 1, view, 0, {}};
    state.record(vote);
    return {++seq_, RecordKind::kSignState, state.encode()};
  }
  Disk::Image restore() {
    auto image = disk_.restore(keys_, {.recent_blocks = 4});
    EXPECT_TRUE(image.ok()) << image.status().message();
    return *image;
  }

  KeyRegistry registry_{1, 4};
  SimKeys keys_{registry_, 0};
  bft::Chain genesis_ = make_genesis(registry_);
  bft::Chain tip_ = genesis_;
  uint64_t seq_ = 0;
  Disk disk_;
};

TEST_F(DiskTest, WhatWasSyncedIsThere) {
  for (int i = 0; i < 3; ++i) disk_.write(block_record());
  disk_.write(sign_record(1));
  disk_.sync(seq_);
  disk_.crash({});
  const Disk::Image image = restore();
  EXPECT_EQ(image.restored.chain.tip(), tip_.tip());
  EXPECT_EQ(image.restored.recent.size(), 3U);
  ASSERT_TRUE(image.restored.sign_state.has_value());
  EXPECT_EQ(image.restored.sign_state->view(), 1U);
}

TEST_F(DiskTest, ACrashKeepsThePrefixItWasToldTo) {
  for (size_t kept = 0; kept <= 4; ++kept) {
    Disk disk = make_disk();
    tip_ = genesis_;
    seq_ = 0;
    for (int i = 0; i < 4; ++i) disk.write(block_record());
    EXPECT_EQ(disk.unsynced(), 4U);
    disk.crash({.kept = kept});
    EXPECT_EQ(disk.restore(keys_, {})->restored.chain.height(), kept);
  }
}

TEST_F(DiskTest, ATornOrDamagedTailIsCutOffWhereverItIsHit) {
  for (const Disk::Tail tail : {Disk::Tail::kTorn, Disk::Tail::kFlipped}) {
    for (uint64_t salt = 0; salt < 2000; ++salt) {
      Disk disk = make_disk();
      tip_ = genesis_;
      seq_ = 0;
      disk.write(block_record());
      disk.sync(seq_);
      disk.write(block_record());
      disk.crash({.kept = 0, .tail = tail, .salt = salt * 0x9E3779B97F4A7C15u});
      const auto image = disk.restore(keys_, {});
      ASSERT_TRUE(image.ok());
      ASSERT_EQ(image->restored.chain.height(), 1U);
      // The next block goes where the damage was.
      tip_ = image->restored.chain;
      seq_ = 0;
      disk.write(block_record());
      disk.sync(seq_);
      disk.crash({});
      ASSERT_EQ(disk.restore(keys_, {})->restored.chain.height(), 2U);
    }
  }
}

TEST_F(DiskTest, OfASignStateTheFileIsThereBeforeItsMark) {
  for (uint64_t salt = 0; salt < 100; ++salt) {
    Disk disk = make_disk();
    seq_ = 0;
    disk.write(sign_record(1));
    disk.crash({.kept = 0, .tail = Disk::Tail::kTorn, .salt = salt});
    const auto image = disk.restore(keys_, {});
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->restored.sign_state->view(), 1U);
  }
}

// Found by probft-sim --seed 7041815: the copy was made while the validator lay crashed.
TEST_F(DiskTest, AnOldImageThatEndsInHalfARecordIsRefusedUntilItIsRepaired) {
  disk_.write(block_record());
  disk_.sync(seq_);
  disk_.write(block_record());
  disk_.crash({.tail = Disk::Tail::kTorn, .salt = 5});
  disk_.take_image();
  EXPECT_EQ(restore().restored.chain.height(), 1U);
  disk_.write(block_record());
  disk_.write(sign_record(3));
  disk_.sync(seq_);
  disk_.crash({});
  disk_.restore_image();
  const auto refused = disk_.restore(keys_, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("repaired"), std::string::npos);
  const auto repaired = disk_.restore(keys_, {.repairs_log = true});
  ASSERT_TRUE(repaired.ok()) << repaired.status().message();
  EXPECT_EQ(repaired->restored.chain.height(), 1U);
  EXPECT_EQ(repaired->restored.sign_state->view(), 3U);
}

TEST_F(DiskTest, AnOldImageHasTheNewSignState) {
  disk_.write(block_record());
  disk_.write(sign_record(1));
  disk_.sync(seq_);
  disk_.take_image();
  disk_.write(block_record());
  disk_.write(sign_record(7));
  disk_.sync(seq_);
  disk_.crash({});
  disk_.restore_image();
  const Disk::Image image = restore();
  EXPECT_EQ(image.restored.chain.height(), 1U);
  EXPECT_EQ(image.restored.sign_state->view(), 7U);
  disk_.crash({});
  disk_.lose_sign_state();
  EXPECT_FALSE(disk_.restore(keys_, {}).ok());
  EXPECT_FALSE(disk_.restore(keys_, {.observe_until = 5})->restored.sign_state.has_value());
}

TEST_F(DiskTest, BlocksAreServedInARowAndRootsFollowThePayloads) {
  for (int i = 0; i < 5; ++i) disk_.write(block_record());
  disk_.sync(seq_);
  EXPECT_EQ(disk_.blocks(2).size(), 4U);
  EXPECT_EQ(disk_.blocks(2).front().block.header.height, 2U);
  EXPECT_TRUE(disk_.blocks(6).empty());
  Digest root{};
  for (int i = 0; i < 5; ++i) root = next_root(root, bft::encode_payload({}));
  disk_.crash({});
  EXPECT_EQ(restore().root, root);
}

TEST_F(DiskTest, PruningKeepsTheBlocksThatAreAskedFor) {
  for (int i = 0; i < 5; ++i) disk_.write(block_record());
  const bft::CheckpointFetched checkpoint = make_checkpoint();
  disk_.write({++seq_, RecordKind::kCheckpoint, bft::encode_checkpoint(checkpoint)});
  disk_.sync(seq_);
  disk_.prune(3);
  EXPECT_TRUE(disk_.blocks(2).empty());
  EXPECT_EQ(disk_.blocks(3).size(), 3U);
}

TEST_F(DiskTest, PruningLeavesTheCheckpointAndWhatFollows) {
  for (int i = 0; i < 3; ++i) disk_.write(block_record());
  const bft::CheckpointFetched checkpoint = make_checkpoint();
  disk_.write({++seq_, RecordKind::kCheckpoint, bft::encode_checkpoint(checkpoint)});
  disk_.write(block_record());
  disk_.sync(seq_);
  disk_.prune(1);
  EXPECT_TRUE(disk_.blocks(3).empty());
  EXPECT_EQ(disk_.blocks(4).size(), 1U);
  ASSERT_TRUE(disk_.checkpoint().has_value());
  disk_.crash({});
  const Disk::Image image = restore();
  EXPECT_EQ(image.restored.chain.tip(), tip_.tip());
  EXPECT_EQ(image.root, next_root(checkpoint.root, bft::encode_payload({})));
}

}  // namespace
}  // namespace assay::sim
