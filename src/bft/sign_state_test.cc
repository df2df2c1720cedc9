#include "bft/sign_state.h"

#include <gtest/gtest.h>

#include "bft/bft_testing.h"

namespace assay::bft {
namespace {

Vote vote(Phase phase, Height height, View view) {
  Vote out;
  out.statement = {phase, height, view, 0, sha256("value")};
  return out;
}

TEST(SignState, HeightViewAndPhaseOnlyRise) {
  SignState state;
  const std::vector<Vote> rising = {vote(Phase::kPropose, 1, 0), vote(Phase::kPrepare, 1, 0),
                                    vote(Phase::kCommit, 1, 0),  vote(Phase::kNewLeader, 1, 1),
                                    vote(Phase::kPrepare, 1, 1), vote(Phase::kNewLeader, 1, 4),
                                    vote(Phase::kPrepare, 2, 0), vote(Phase::kCommit, 2, 0)};
  for (size_t i = 0; i < rising.size(); ++i) {
    ASSERT_TRUE(state.allows(rising[i].statement)) << i;
    state.record(rising[i]);
    for (size_t j = 0; j <= i; ++j) EXPECT_FALSE(state.allows(rising[j].statement)) << i << j;
    EXPECT_EQ(SignState::decode(state.encode())->encode(), state.encode());
  }
}

TEST(SignState, WhatIsPreparedStaysThroughViewsAndGoesWithTheHeight) {
  const TestSet t(4);
  const Chain chain = Chain::from_genesis(t.genesis).value();
  const Header header = t.next_block(chain, {}).block.header;
  SignState state;
  state.record(vote(Phase::kPrepare, 1, 0));
  const Statement s = {Phase::kPrepare, 1, 0, 0, header_digest(header)};
  state.lock(t.certificate(chain.id(), 0, s, 3), header);
  EXPECT_EQ(state.prepared_view(), 1U);
  state.record(vote(Phase::kNewLeader, 1, 3));
  EXPECT_EQ(state.prepared_view(), 1U);
  const auto back = SignState::decode(state.encode());
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->prepared(), state.prepared());
  EXPECT_EQ(back->prepared_header(), header);
  state.record(vote(Phase::kPrepare, 2, 0));
  EXPECT_EQ(state.prepared_view(), 0U);
}

TEST(SignState, DamagedBytesAreRefused) {
  SignState state;
  state.record(vote(Phase::kPrepare, 7, 2));
  const Bytes bytes = state.encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(SignState::decode(ByteSpan(bytes).first(size)).ok());
  }
  Bytes other_height = bytes;
  ++other_height[0];
  EXPECT_FALSE(SignState::decode(other_height).ok()) << "its votes are of another height";
}

}  // namespace
}  // namespace assay::bft
