#include "bft/recovery.h"

#include <gtest/gtest.h>

#include "bft/bft_testing.h"

namespace assay::bft {
namespace {

// A validator that has decided five blocks, signing once for each, with a checkpoint after three.
class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() : genesis_(Chain::from_genesis(set_.genesis).value()), tip_(genesis_) {
    files_.sign_state = first_sign_file(genesis_, own());
    LogEnd end;
    files_.log = begin_log(genesis_.id(), 0, end);
    SignFile sign = decode_sign_file(*files_.sign_state).value();
    const auto append = [&](LogRecord record) { append_record(*files_.log, record, end); };
    for (Height h = 1; h <= 5; ++h) {
      const DecidedBlock block = set_.next_block(tip_, {});
      append({LogKind::kProposal, encode_decided({block.block, {}})});
      sign.state.record(set_.vote(tip_.id(), tip_.epoch(),
                                  {Phase::kPrepare, h, 0, 0, header_digest(block.block.header)},
                                  0));
      ++sign.generation;
      sign.log_records = end.records;
      signs_.push_back(encode_sign_file(sign));
      append(signed_mark(sign.generation));
      logs_.push_back(*files_.log);  // as a crash after signing leaves it
      if (h == 5) break;
      append({LogKind::kBlock, encode_decided(block)});
      tip_.apply(keys(), block.block);
      if (h == 3) append({LogKind::kCheckpoint, checkpoint()});
    }
    files_.sign_state = signs_.back();
  }

  Bytes checkpoint() {
    CheckpointFetched out;
    out.chain = tip_.encode();
    out.root[0] = 9;
    const Statement s = {Phase::kCheckpoint, tip_.height(), 0, 0,
                         checkpoint_digest(out.chain, out.root)};
    out.certificate = set_.certificate(tip_.id(), tip_.epoch(), s, 3);
    return encode_checkpoint(out);
  }
  const Keys& keys() const { return *set_.keys[0]; }
  PublicKey own() const { return set_.keys[0]->public_key(); }
  Result<Recovered> recover_with(const StoredFiles& files, RecoverOptions options = {}) {
    options.own = own();
    return recover(genesis_, keys(), files, options);
  }
  void expect_refused(const StoredFiles& files, Code code, const std::string& why) {
    const auto recovered = recover_with(files);
    ASSERT_FALSE(recovered.ok());
    EXPECT_EQ(recovered.status().code(), code);
    EXPECT_NE(recovered.status().message().find(why), std::string::npos)
        << recovered.status().message();
  }

  TestSet set_{4};
  Chain genesis_;
  Chain tip_;
  StoredFiles files_;
  std::vector<Bytes> signs_;
  std::vector<Bytes> logs_;
};

TEST_F(RecoveryTest, GoesOnWhereItStopped) {
  const Recovered out = recover_with(files_).value();
  EXPECT_EQ(out.restored.chain.tip(), tip_.tip());
  EXPECT_EQ(out.restored.chain.encode(), tip_.encode());
  EXPECT_EQ(out.restored.recent.size(), 4U);
  ASSERT_EQ(out.restored.proposals.size(), 1U);
  EXPECT_EQ(out.restored.proposals[0].header.height, 5U);
  EXPECT_EQ(out.restored.sign_state->height(), 5U);
  EXPECT_EQ(out.root_height, 3U);
  EXPECT_EQ(out.root[0], 9);
  EXPECT_EQ(out.blocks.size(), 1U);
  EXPECT_EQ(out.sign.generation, 6U);
  EXPECT_EQ(out.sign.log_records, out.log.end.records);
  EXPECT_TRUE(out.notes.empty());
}

TEST_F(RecoveryTest, WithoutASignStateItOnlyObserves) {
  expect_refused({files_.log, {}}, Code::kFailedPrecondition, "the sign state is missing");
  expect_refused({{}, {}}, Code::kFailedPrecondition, "the sign state is missing");
  Bytes damaged = *files_.sign_state;
  damaged[damaged.size() / 2] ^= 1;
  expect_refused({files_.log, damaged}, Code::kDataLoss, "the sign state cannot be read");
  for (const auto& sign : {std::optional<Bytes>(), std::optional<Bytes>(damaged)}) {
    const auto out = recover_with({files_.log, sign}, {.observe_until = 9}).value();
    EXPECT_EQ(out.restored.observe_until, 9U);
    EXPECT_FALSE(out.restored.sign_state.has_value());
    EXPECT_GT(out.sign.generation, 5U);
    // The next start knows it by itself.
    const auto next = recover_with({files_.log, encode_sign_file(out.sign)}).value();
    EXPECT_EQ(next.restored.observe_until, 9U);
  }
}

TEST_F(RecoveryTest, AnOlderSignStateIsRefusedAndAnOlderLogIsNot) {
  for (size_t sign = 0; sign < signs_.size(); ++sign) {
    for (size_t log = 0; log < logs_.size(); ++log) {
      const StoredFiles files = {logs_[log], signs_[sign]};
      if (sign < log) {
        expect_refused(files, Code::kFailedPrecondition, "the sign state is an older copy");
        EXPECT_TRUE(recover_with(files, {.observe_until = 9}).ok());
      } else {
        const auto out = recover_with(files).value();
        EXPECT_EQ(out.restored.chain.height(), log);
        EXPECT_EQ(out.restored.sign_state->height(), sign + 1);
        EXPECT_EQ(out.notes.empty(), log == sign);
      }
    }
  }
}

TEST_F(RecoveryTest, ALostLogIsFetchedAnew) {
  const auto out = recover_with({{}, files_.sign_state}).value();
  EXPECT_EQ(out.restored.chain.height(), 0U);
  EXPECT_EQ(out.restored.sign_state->height(), 5U);
  ASSERT_EQ(out.notes.size(), 1U);
  EXPECT_NE(out.notes[0].find("blocks are fetched from the others"), std::string::npos);
  EXPECT_EQ(out.sign.log_records, 0U);
}

TEST_F(RecoveryTest, FilesOfAnotherChainOrValidatorAreRefused) {
  TestSet other(4);
  other.genesis.name = "another";
  const Chain chain = Chain::from_genesis(other.genesis).value();
  const auto elsewhere = recover(chain, keys(), files_, {.own = own()});
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(elsewhere.status().code(), Code::kFailedPrecondition);
  const auto another = recover(genesis_, keys(), files_, {.own = set_.keys[1]->public_key()});
  ASSERT_FALSE(another.ok());
  EXPECT_NE(another.status().message().find("give this validator its own directory"),
            std::string::npos);
  LogEnd end;
  expect_refused({begin_log(chain.id(), 0, end), files_.sign_state}, Code::kFailedPrecondition,
                 "the log is of chain");
}

// Sound records of what was never decided: nobody may run into a CHECK.
TEST_F(RecoveryTest, RecordsThatDoNotHoldAreNamed) {
  const auto with = [&](const LogRecord& record) {
    LogContents contents = read_log(*files_.log, {.chain = genesis_.id()}).value();
    StoredFiles files = files_;
    append_record(*files.log, record, contents.end);
    return files;
  };
  DecidedBlock few = set_.next_block(tip_, {});
  few.certificate.votes.pop_back();
  expect_refused(with({LogKind::kBlock, encode_decided(few)}), Code::kDataLoss,
                 "record 15 of the log, at byte");
  DecidedBlock altered = set_.next_block(tip_, {});
  altered.block.payload = encode_payload({{TransactionKind::kData, {}, {1}}});
  expect_refused(with({LogKind::kBlock, encode_decided(altered)}), Code::kDataLoss,
                 "the payload is not the header's");
  Chain ahead = tip_;
  ahead.apply(keys(), set_.next_block(ahead, {}).block);
  expect_refused(with({LogKind::kBlock, encode_decided(set_.next_block(ahead, {}))}),
                 Code::kDataLoss, "the block of height 5 is missing before it");
  expect_refused(with({LogKind::kBlock, Bytes(3, 1)}), Code::kDataLoss, "does not hold");
  expect_refused(with({LogKind::kProposal, Bytes(3, 1)}), Code::kDataLoss, "does not hold");
  expect_refused(with({LogKind::kCheckpoint, Bytes(3, 1)}), Code::kDataLoss, "does not hold");
  expect_refused(with({LogKind::kSigned, Bytes(3, 1)}), Code::kDataLoss, "does not hold");
  CheckpointFetched forged;
  forged.chain = tip_.encode();
  forged.certificate.statement = {Phase::kCheckpoint, tip_.height(), 0, 0,
                                  checkpoint_digest(forged.chain, forged.root)};
  expect_refused(with({LogKind::kCheckpoint, encode_checkpoint(forged)}), Code::kDataLoss,
                 "below the quorum");
}

}  // namespace
}  // namespace assay::bft
