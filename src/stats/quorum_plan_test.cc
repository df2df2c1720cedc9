#include "stats/quorum_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.h"
#include "stats/binomial_tail.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Reference {
  uint32_t nodes;
  uint32_t faults;
  uint32_t sample;
  uint32_t quorum;
};

// 06-consensus: eps 2^-40, eps_live 1e-3, without the factor 2.
constexpr Reference kReferences[] = {
    {100, 5, 76, 53},  {400, 20, 230, 174}, {1000, 50, 375, 287},  {10000, 500, 656, 502},
    {100, 10, 80, 55}, {400, 40, 263, 195}, {1000, 100, 467, 350}, {10000, 1000, 930, 698},
    {100, 20, 91, 60}, {400, 80, 336, 237}, {1000, 200, 718, 513}, {10000, 2000, 2348, 1685},
};

uint32_t quorum_of(uint32_t nodes, uint32_t faults) {
  const auto plan = plan_quorum({.nodes = nodes, .faults = faults});
  return plan.ok() ? plan->quorum : 0;
}

std::string refusal(const QuorumOptions& options) {
  const auto plan = plan_quorum(options);
  if (plan.ok()) return "accepted";
  EXPECT_EQ(plan.status().code(), Code::kFailedPrecondition) << plan.status().message();
  return plan.status().message();
}

TEST(QuorumPlan, DeterministicQuorumsOfTheDesign) {
  EXPECT_EQ(quorum_of(4, 1), 3U);
  EXPECT_EQ(quorum_of(5, 1), 4U);
  EXPECT_EQ(quorum_of(6, 1), 4U);
  EXPECT_EQ(quorum_of(7, 2), 5U);
  EXPECT_EQ(quorum_of(10, 3), 7U);
  EXPECT_EQ(quorum_of(100, 33), 67U);
  EXPECT_EQ(quorum_of(1, 0), 1U);
}

// The definition, counted out: two quorums share more than f nodes, the correct ones are a quorum,
// and no smaller one does.
TEST(QuorumPlan, DeterministicQuorumsAreSafeLiveAndSmallest) {
  for (uint32_t n = 1; n <= 200; ++n) {
    for (uint32_t f = 0; 3 * f + 1 <= n; ++f) {
      const QuorumPlan plan = plan_quorum({.nodes = n, .faults = f}).value();
      EXPECT_EQ(plan.sample, n);
      EXPECT_GT(2 * plan.quorum, n + f);
      EXPECT_LE(plan.quorum, n - f);
      EXPECT_LE(2 * (plan.quorum - 1), n + f);
      EXPECT_TRUE(check_quorum(plan).ok());
      QuorumPlan less = plan;
      --less.quorum;
      EXPECT_FALSE(check_quorum(less).ok()) << n << ' ' << f;
      const QuorumRisk risk = quorum_risk(plan);
      EXPECT_TRUE(std::isinf(risk.log_conflict) && risk.log_conflict < 0);
      EXPECT_TRUE(std::isinf(risk.log_missed) && risk.log_missed < 0);
    }
  }
}

TEST(QuorumPlan, TheSearchGivesTheReferencePoints) {
  const BinomialTail tail(10000);
  for (const Reference& point : kReferences) {
    const uint32_t view_change = quorum_of(point.nodes, point.faults);
    const auto size =
        smallest_sample({.nodes = point.nodes,
                         .faults = point.faults,
                         .safety = {{.weight = static_cast<double>(point.nodes),
                                     .voters = point.nodes - view_change + point.faults}},
                         .log_safety = -40 * std::log(2.0),
                         .log_liveness = std::log(1e-3)},
                        tail);
    ASSERT_TRUE(size.has_value());
    EXPECT_EQ(size->sample, point.sample) << point.nodes << ' ' << point.faults;
    EXPECT_EQ(size->quorum, point.quorum) << point.nodes << ' ' << point.faults;
  }
}

// Against every pair, by the formulas as the header states them.
TEST(QuorumPlan, SampledIsTheBorderOfWhatMeetsBothBounds) {
  constexpr uint32_t kN = 200;
  constexpr uint32_t kF = 4;
  constexpr uint32_t kSplit = 102;  // of n + f = 204 votes, a tie
  constexpr uint32_t kView = 101;   // n - Q + f, where Q = ceil(205 / 2) = 103
  const BinomialTail tail(kN);
  const auto plan = plan_quorum({.nodes = kN,
                                 .faults = kF,
                                 .strategy = QuorumStrategy::kSampled,
                                 .safety = 1e-4,
                                 .liveness = 0.05,
                                 .life = 10});
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  const auto is_safe = [&](uint32_t s, uint32_t q) {
    const double p = s / static_cast<double>(kN);
    return 10.0 * kN *
               (2 * std::exp(tail.log_at_least(kSplit, p, q)) +
                std::exp(tail.log_at_least(kView, p, q))) <=
           1e-4;
  };
  const auto is_live = [&](uint32_t s, uint32_t q) {
    return (kN - kF) * std::exp(tail.log_below(kN - kF, s / static_cast<double>(kN), q)) <= 0.05;
  };
  EXPECT_TRUE(is_safe(plan->sample, plan->quorum));
  EXPECT_FALSE(is_safe(plan->sample, plan->quorum - 1));
  EXPECT_TRUE(is_live(plan->sample, plan->quorum));
  uint32_t smallest = 0;  // over all pairs
  for (uint32_t s = kN; s > 0; --s) {
    for (uint32_t q = 1; q <= kN; ++q) {
      if (is_safe(s, q) && is_live(s, q)) smallest = s;
    }
  }
  EXPECT_LE(smallest, plan->sample);
  EXPECT_LE(plan->sample, smallest + 2);
  for (uint32_t q = 1; q <= kN; ++q) {
    EXPECT_FALSE(is_safe(plan->sample - 1, q) && is_live(plan->sample - 1, q));
  }
}

TEST(QuorumPlan, SampledMeetsTheBoundsOfTheDesignToo) {
  for (const Reference& point : kReferences) {
    const auto plan = plan_quorum({.nodes = point.nodes,
                                   .faults = point.faults,
                                   .strategy = QuorumStrategy::kSampled,
                                   .life = 1});
    if (!plan.ok()) continue;
    EXPECT_GE(plan->sample, point.sample);
    EXPECT_LE(plan->sample, point.sample + point.sample / 25 + 2);  // the third term costs little
    const QuorumRisk risk = quorum_risk(*plan);
    EXPECT_LE(risk.log_conflict, -40 * std::log(2.0));
    EXPECT_LE(risk.log_missed, std::log(1e-3));
    const BinomialTail tail(point.nodes);
    const uint32_t voters = point.nodes - quorum_of(point.nodes, point.faults) + point.faults;
    const double of_the_design =
        2.0 * point.nodes *
        std::exp(tail.log_at_least(voters, plan->sample / static_cast<double>(point.nodes),
                                   plan->quorum));
    EXPECT_LE(of_the_design, 0x1p-40);
  }
}

TEST(QuorumPlan, ALongerLifeNeedsALargerSample) {
  uint32_t before = 0;
  for (const uint64_t life : {uint64_t{1}, uint64_t{1000000}, uint64_t{1000000000000}}) {
    const auto plan = plan_quorum(
        {.nodes = 2000, .faults = 100, .strategy = QuorumStrategy::kSampled, .life = life});
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    EXPECT_GT(plan->sample, before);
    EXPECT_LE(quorum_risk(*plan).log_conflict + std::log(static_cast<double>(life)),
              -40 * std::log(2.0) + 1e-9);
    before = plan->sample;
  }
}

// Votes drawn as the protocol draws them: each voter sends to s distinct nodes. Counted are
// nodes, of which a union bound is the expected number. Fixed seed.
TEST(QuorumPlan, SimulatedSamplesStayWithinTheBounds) {
  constexpr uint32_t kN = 100;
  constexpr uint32_t kF = 5;
  const QuorumPlan plan = {kN, kF, QuorumStrategy::kSampled, 38, 50};
  constexpr uint32_t kSplit = (kN + kF) / 2;
  constexpr size_t kRuns = 4000;
  Prng prng(7);
  size_t conflicts = 0;
  size_t missed = 0;
  std::vector<uint32_t> order(kN);
  for (uint32_t i = 0; i < kN; ++i) order[i] = i;
  const auto counts_of = [&](uint32_t voters) {
    std::vector<uint32_t> counts(kN);
    for (uint32_t voter = 0; voter < voters; ++voter) {
      for (uint32_t i = 0; i < plan.sample; ++i) {
        std::swap(order[i], order[i + prng.below(kN - i)]);
        ++counts[order[i]];
      }
    }
    return counts;
  };
  for (size_t run = 0; run < kRuns; ++run) {
    const auto split = counts_of(kSplit);
    for (const uint32_t count : split) conflicts += count >= plan.quorum ? 1U : 0U;
    const auto correct = counts_of(kN - kF);
    for (uint32_t i = 0; i < kN - kF; ++i) missed += correct[i] < plan.quorum ? 1U : 0U;
  }
  const BinomialTail tail(kN);
  const double expected_conflicts = kN * std::exp(tail.log_at_least(kSplit, 0.5, plan.quorum));
  const double expected_missed = std::exp(quorum_risk(plan).log_missed);
  // Expected numbers of nodes a run; five standard deviations, as if nodes were independent.
  const auto slack = [](double mean) { return 5 * std::sqrt(mean / kRuns); };
  EXPECT_NEAR(static_cast<double>(conflicts) / kRuns, expected_conflicts,
              slack(expected_conflicts));
  EXPECT_NEAR(static_cast<double>(missed) / kRuns, expected_missed, slack(expected_missed));
}

TEST(QuorumPlan, TooFewNodesAreRefusedWithTheSum) {
  EXPECT_THAT(refusal({.nodes = 9, .faults = 3}),
              AllOf(HasSubstr("3 * 3 + 1 = 10 > 9"), HasSubstr("9 nodes bear at most 2"),
                    HasSubstr("3 faults need at least 10 nodes")));
  EXPECT_THAT(refusal({.nodes = 1, .faults = 4000000000}), HasSubstr("= 12000000001 > 1"));
}

TEST(QuorumPlan, SamplesNearEveryoneAreRefused) {
  EXPECT_THAT(
      refusal({.nodes = 100, .faults = 5, .strategy = QuorumStrategy::kSampled, .life = 1}),
      AllOf(HasSubstr("s = 76 of 100 nodes with a quorum of 53"), HasSubstr("s/n = 0.760 > 0.6"),
            HasSubstr("Use deterministic"), HasSubstr("ceil((100 + 5 + 1) / 2) = 53 of 100")));
  // Four nodes end with everyone.
  EXPECT_THAT(refusal({.nodes = 4, .faults = 1, .strategy = QuorumStrategy::kSampled}),
              HasSubstr("s = 4 of 4 nodes with a quorum of 3"));
  EXPECT_THAT(refusal({.nodes = 1, .faults = 0, .strategy = QuorumStrategy::kSampled}),
              HasSubstr("1.000 > 0.6"));
}

// A tie splits 110 votes 55 to 55, and a quorum of 55 in samples of 80 is no rare event.
TEST(QuorumPlan, ATiedSplitIsCounted) {
  const QuorumPlan reference = {100, 10, QuorumStrategy::kSampled, 55, 80};
  EXPECT_GT(quorum_risk(reference).log_conflict, -10.0);
  EXPECT_THAT(
      refusal({.nodes = 100, .faults = 10, .strategy = QuorumStrategy::kSampled, .life = 1}),
      HasSubstr("with a quorum of 56"));
}

TEST(QuorumPlan, ThePaperNeedsItsAssumption) {
  QuorumOptions options = {.nodes = 100, .faults = 10, .strategy = QuorumStrategy::kPaper};
  EXPECT_THAT(refusal(options), HasSubstr("assume_non_adversarial_scheduler"));
  options.assume_non_adversarial_scheduler = true;
  const auto plan = plan_quorum(options);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_EQ(plan->quorum, 20U);  // 2 sqrt(100)
  EXPECT_EQ(plan->sample, 34U);  // 1.7 * 20
  options.nodes = 101;
  EXPECT_EQ(plan_quorum(options)->quorum, 21U);  // ceil(20.0998)
}

TEST(QuorumPlan, AnOverlapOutsideItsIntervalIsRefusedWithBothSums) {
  QuorumOptions options = {.nodes = 100,
                           .faults = 20,
                           .strategy = QuorumStrategy::kPaper,
                           .assume_non_adversarial_scheduler = true};
  EXPECT_THAT(refusal(options),
              AllOf(HasSubstr("34/20 = 1.700"), HasSubstr("2n/(n+f) = 200/120 = 1.667"),
                    HasSubstr("= 20.400 votes for each of two values")));
  options.paper_o = 1.25;  // exactly n/(n-f)
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("25/20 = 1.250"), HasSubstr("100/80 = 1.250"),
                                      HasSubstr("80 * 25/100 = 20.000")));
  options.paper_o = 1.3;
  EXPECT_TRUE(plan_quorum(options).ok());
  options.nodes = 7;
  options.faults = 2;
  options.paper_o = 1.7;
  EXPECT_THAT(refusal(options), HasSubstr("there are 7"));
}

TEST(QuorumPlan, TheSquareRootIsRefusedWithItsArithmetic) {
  const auto seven = parse_quorum_strategy("probabilistic", 7, 2);
  EXPECT_EQ(seven.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(
      seven.status().message(),
      AllOf(HasSubstr("ceil(sqrt(7)) = 3"), HasSubstr("3 + 3 <= 7"),
            HasSubstr("without a common node"), HasSubstr("ceil((7 + 2 + 1) / 2) = 5 of 7")));
  EXPECT_THAT(parse_quorum_strategy("probabilistic", 5, 1).status().message(),
              HasSubstr("3 + 3 - 5 = 1 nodes, and 1 may vote for both"));
  for (uint32_t n = 1; n < 200; ++n) {
    EXPECT_FALSE(parse_quorum_strategy("probabilistic", n, (n - 1) / 3).ok()) << n;
  }
}

TEST(QuorumPlan, TwoFPlusOneIsNoQuorumUnlessNIsThreeFPlusOne) {
  const Status six = check_quorum({.nodes = 6, .faults = 1, .quorum = 3, .sample = 6});
  EXPECT_THAT(six.message(), HasSubstr("3 + 3 <= 6"));
  EXPECT_TRUE(check_quorum({.nodes = 7, .faults = 2, .quorum = 5, .sample = 7}).ok());
  EXPECT_THAT(check_quorum({.nodes = 7, .faults = 2, .quorum = 6, .sample = 7}).message(),
              HasSubstr("cannot be reached: 2 faulty nodes leave 5"));
}

TEST(QuorumPlan, NamesGoBothWays) {
  for (const QuorumStrategy strategy :
       {QuorumStrategy::kDeterministic, QuorumStrategy::kSampled, QuorumStrategy::kPaper}) {
    EXPECT_EQ(parse_quorum_strategy(quorum_strategy_name(strategy), 7, 2).value(), strategy);
  }
  EXPECT_EQ(parse_quorum_strategy("quick", 7, 2).status().code(), Code::kInvalidArgument);
}

TEST(QuorumPlan, OptionsThatMakeNoSenseAreInvalid) {
  const auto code = [](const QuorumOptions& options) {
    return plan_quorum(options).status().code();
  };
  EXPECT_EQ(code({.nodes = 0}), Code::kInvalidArgument);
  EXPECT_EQ(code({.nodes = kQuorumNodesMax + 1}), Code::kInvalidArgument);
  for (const double bad : {0.0, 1.0, -1.0, std::nan("")}) {
    EXPECT_EQ(code({.nodes = 4, .faults = 1, .safety = bad}), Code::kInvalidArgument);
    EXPECT_EQ(code({.nodes = 4, .faults = 1, .liveness = bad}), Code::kInvalidArgument);
  }
  EXPECT_EQ(code({.nodes = 4, .faults = 1, .life = 0}), Code::kInvalidArgument);
  EXPECT_EQ(code({.nodes = 4, .paper_l = 0}), Code::kInvalidArgument);
  EXPECT_EQ(code({.nodes = 4, .paper_o = std::nan("")}), Code::kInvalidArgument);
}

TEST(QuorumPlan, MessagesAreCounted) {
  const QuorumPlan seven = plan_quorum({.nodes = 7, .faults = 2}).value();
  EXPECT_EQ(plan_messages(seven).total(), 6U + 42 + 42);
  EXPECT_EQ(pbft_messages(7).total(), 6U + 36 + 42);
  const QuorumPlan sampled = {1000, 50, QuorumStrategy::kSampled, 287, 375};
  EXPECT_EQ(plan_messages(sampled).total(), 999U + 375000 + 375000);
  EXPECT_EQ(pbft_messages(kQuorumNodesMax).total(),
            2 * uint64_t{kQuorumNodesMax} * (kQuorumNodesMax - 1));
}

}  // namespace
}  // namespace assay
