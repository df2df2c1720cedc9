#include "bft/journal.h"

#include <gtest/gtest.h>

namespace assay::bft {
namespace {

const Digest kChain = sha256("chain");

struct Written {
  Bytes log;
  LogEnd end;
  std::vector<size_t> ends;  // of the log before the first record, and after each
};

Written write_log(const std::vector<LogRecord>& records, uint64_t dropped = 0) {
  Written out;
  out.log = begin_log(kChain, dropped, out.end);
  out.ends = {out.log.size()};
  for (const LogRecord& record : records) {
    append_record(out.log, record, out.end);
    out.ends.push_back(out.log.size());
  }
  return out;
}

std::vector<LogRecord> some_records() {
  return {{LogKind::kProposal, Bytes(40, 1)},
          signed_mark(1),
          {LogKind::kBlock, Bytes(100, 2)},
          {LogKind::kCheckpoint, {}},
          {LogKind::kBlock, Bytes(61, 3)}};
}

Result<LogContents> read(ByteSpan log, uint64_t records_durable = 0, bool repairs = false) {
  return read_log(log, {.chain = kChain, .records_durable = records_durable, .repairs = repairs});
}

TEST(Journal, GivesBackWhatWasAppendedAndWhereToGoOn) {
  const auto records = some_records();
  Written first = write_log({records[0], records[1]}, 7);
  auto contents = read(first.log, 9).value();
  EXPECT_EQ(contents.dropped, 7U);
  EXPECT_EQ(contents.end.records, 9U);
  EXPECT_EQ(contents.bytes, first.log.size());
  EXPECT_TRUE(contents.cut.empty());
  // Going on from what was read is as if one had never stopped.
  for (size_t i = 2; i < records.size(); ++i) append_record(first.log, records[i], contents.end);
  EXPECT_EQ(first.log, write_log(records, 7).log);
  contents = read(first.log).value();
  ASSERT_EQ(contents.records.size(), records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(contents.records[i].kind, records[i].kind);
    EXPECT_EQ(contents.records[i].body, records[i].body);
  }
  EXPECT_EQ(decode_signed_mark(contents.records[1]).value(), 1U);
}

// A crash may stop a write anywhere.
TEST(Journal, EveryTruncationKeepsTheWholeRecordsUnlessTheyWereDurable) {
  const auto records = some_records();
  const Written written = write_log(records);
  for (size_t size = 0; size < written.log.size(); ++size) {
    const ByteSpan log = ByteSpan(written.log).first(size);
    size_t whole = 0;
    while (whole + 1 < written.ends.size() && written.ends[whole + 1] <= size) ++whole;
    for (size_t durable = 0; durable <= records.size(); ++durable) {
      const auto contents = read(log, durable);
      const bool is_clean = size == written.ends[whole];
      ASSERT_EQ(contents.ok(), size >= written.ends[0] && (is_clean || whole >= durable))
          << size << " of " << written.log.size() << " bytes, durable " << durable;
      if (!contents.ok()) {
        EXPECT_EQ(contents.status().code(), Code::kDataLoss);
        continue;
      }
      EXPECT_EQ(contents->records.size(), whole);
      EXPECT_EQ(contents->bytes, written.ends[whole]);
      EXPECT_EQ(contents->cut.empty(), is_clean);
    }
  }
}

TEST(Journal, EveryFlippedBitIsFoundAndAtTheEndCutOff) {
  const auto records = some_records();
  const Written written = write_log(records);
  for (size_t bit = 0; bit < 8 * written.log.size(); ++bit) {
    Bytes log = written.log;
    log[bit / 8] = static_cast<uint8_t>(log[bit / 8] ^ (1U << bit % 8));
    size_t hit = 0;  // the record; 0: the beginning
    while (written.ends[hit] <= bit / 8) ++hit;
    const bool is_last = hit == records.size();
    const auto contents = read(log);
    ASSERT_EQ(contents.ok(), is_last) << "bit " << bit;
    if (is_last) {
      EXPECT_EQ(contents->records.size(), records.size() - 1);
      EXPECT_NE(contents->cut.find("record 4 of the log, at byte"), std::string::npos);
      EXPECT_FALSE(read(log, records.size()).ok());
    } else if (hit > 0) {
      const std::string& why = contents.status().message();
      EXPECT_NE(why.find("record " + std::to_string(hit - 1) + " of the log, at byte " +
                         std::to_string(written.ends[hit - 1])),
                std::string::npos)
          << why;
      EXPECT_NE(why.find("others follow it"), std::string::npos) << why;
      const auto repaired = read(log, records.size(), true).value();
      EXPECT_EQ(repaired.records.size(), hit - 1);
      EXPECT_EQ(repaired.bytes, written.ends[hit - 1]);
    }
  }
}

TEST(Journal, RecordsInAnotherOrderOrOfAnotherLogAreFound) {
  const auto records = some_records();
  const Written written = write_log(records);
  const auto part = [&](size_t from, size_t to) {
    return ByteSpan(written.log).subspan(written.ends[from], written.ends[to] - written.ends[from]);
  };
  Bytes swapped(written.log.begin(), written.log.begin() + static_cast<ptrdiff_t>(written.ends[2]));
  append_bytes(swapped, part(4, 5));
  append_bytes(swapped, part(2, 4));
  EXPECT_FALSE(read(swapped).ok());
  Bytes left_out(written.log.begin(),
                 written.log.begin() + static_cast<ptrdiff_t>(written.ends[2]));
  append_bytes(left_out, part(3, 5));
  EXPECT_FALSE(read(left_out).ok());
  const auto other = read_log(written.log, {.chain = sha256("other")});
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.status().code(), Code::kFailedPrecondition);
}

TEST(Journal, ASignFileIsReadWholeOrNotAtAll) {
  SignFile file = {kChain, {}, 5, 17, 3, {}};
  Vote vote;
  vote.statement = {Phase::kNewLeader, 4, 2, 0, {}};
  file.state.record(vote);
  const Bytes bytes = encode_sign_file(file);
  const SignFile again = decode_sign_file(bytes).value();
  EXPECT_EQ(again.generation, 5U);
  EXPECT_EQ(again.log_records, 17U);
  EXPECT_EQ(again.observe_until, 3U);
  EXPECT_EQ(again.state.encode(), file.state.encode());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1U << bit % 8));
    EXPECT_FALSE(decode_sign_file(damaged).ok()) << "bit " << bit;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_sign_file(ByteSpan(bytes).first(size)).ok()) << size;
  }
}

}  // namespace
}  // namespace assay::bft
