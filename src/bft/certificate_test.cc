#include "bft/certificate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bft/bft_testing.h"

namespace assay::bft {
namespace {

TEST(Certificate, AQuorumPassesAndOneLessDoesNot) {
  for (const size_t n : {1U, 4U, 5U, 6U, 7U, 10U}) {
    const TestSet t(n);
    const Digest chain = sha256("chain");
    const Statement s = {Phase::kCommit, 9, 2, 0, sha256("block")};
    const VoteContext context{chain, 3, t.set, *t.keys[0]};
    EXPECT_TRUE(verify_certificate(context, t.certificate(chain, 3, s, t.set.quorum())).ok());
    EXPECT_FALSE(verify_certificate(context, t.certificate(chain, 3, s, t.set.quorum() - 1)).ok());
    EXPECT_FALSE(verify_certificate(context, t.certificate(chain, 4, s, n)).ok()) << "epoch";
    EXPECT_FALSE(verify_certificate(context, t.certificate(sha256("other"), 3, s, n)).ok());
  }
}

TEST(Certificate, NothingOfItCanBeChanged) {
  const TestSet t(4);
  const Digest chain = sha256("chain");
  const VoteContext context{chain, 3, t.set, *t.keys[0]};
  const Certificate good = t.certificate(chain, 3, {Phase::kCommit, 9, 2, 0, sha256("block")}, 3);
  const Bytes bytes = encode_certificate(good);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes turned = bytes;
    turned[bit / 8] = static_cast<uint8_t>(turned[bit / 8] ^ (1U << (bit % 8)));
    const auto changed = decode_certificate(turned);
    EXPECT_FALSE(changed.ok() && verify_certificate(context, *changed).ok()) << bit;
  }
}

TEST(Certificate, AVoterCountsOnce) {
  const TestSet t(4);
  const Digest chain = sha256("chain");
  const VoteContext context{chain, 3, t.set, *t.keys[0]};
  Certificate c = t.certificate(chain, 3, {Phase::kCommit, 9, 2, 0, sha256("block")}, 3);
  std::swap(c.votes[0], c.votes[1]);
  EXPECT_FALSE(verify_certificate(context, c).ok());
  c.votes = {c.votes[1], c.votes[1], c.votes[1]};
  EXPECT_FALSE(verify_certificate(context, c).ok());
}

TEST(Certificate, SampledVotesCountForWhomTheyWereDrawn) {
  const TestSet t(12, Sampling{.sample = 6, .quorum = 3});
  const Digest chain = sha256("chain");
  const VoteContext context{chain, 0, t.set, *t.keys[0]};
  const Statement s = {Phase::kPrepare, 1, 0, 0, sha256("block")};
  size_t addressed = 0;
  for (ValidatorIndex holder = 0; holder < 12; ++holder) {
    Certificate c;
    c.statement = s;
    c.holder = holder;
    std::vector<CertificateVote> others;
    for (ValidatorIndex voter = 0; voter < 12; ++voter) {
      const Vote vote = t.vote(chain, 0, s, voter);
      auto& list = draw_addresses(context, vote, holder) ? c.votes : others;
      list.push_back({voter, vote.signature, vote.draw});
    }
    addressed += c.votes.size();
    EXPECT_EQ(verify_certificate(context, c).ok(), c.votes.size() >= 3) << holder;
    if (others.empty()) continue;
    c.votes.push_back(others.front());
    std::sort(c.votes.begin(), c.votes.end(),
              [](const auto& a, const auto& b) { return a.voter < b.voter; });
    EXPECT_FALSE(verify_certificate(context, c).ok()) << "one vote was addressed to others";
  }
  EXPECT_EQ(addressed, 12U * 6U);
}

TEST(Certificate, ALightClientNeedsHeaderCertificateAndSet) {
  const TestSet t(7);
  const Chain chain = Chain::from_genesis(t.genesis).value();
  const DecidedBlock block = t.next_block(chain, {});
  const Header& header = block.block.header;
  EXPECT_TRUE(verify_proof(*t.keys[0], chain.id(), header, block.certificate, t.set).ok());
  EXPECT_FALSE(verify_proof(*t.keys[0], sha256("x"), header, block.certificate, t.set).ok());
  EXPECT_FALSE(
      verify_proof(*t.keys[0], chain.id(), header, block.certificate, TestSet(4).set).ok());
  Header changed = header;
  changed.payload[0] ^= 1;
  EXPECT_FALSE(verify_proof(*t.keys[0], chain.id(), changed, block.certificate, t.set).ok());
  Certificate prepared = block.certificate;
  prepared.statement.phase = Phase::kPrepare;
  EXPECT_FALSE(verify_proof(*t.keys[0], chain.id(), header, prepared, t.set).ok());
}

}  // namespace
}  // namespace assay::bft
