// The program itself, run as a user runs it.
#include "app/probft_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/program_testing.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class ProbftPlan : public ProgramTest {
 protected:
  ProbftPlan() : ProgramTest(PROBFT_PLAN_PROGRAM) {}

  Outcome plan(const std::string& nodes, const std::string& faults,
               std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--nodes", nodes, "--faults", faults});
    return run(std::move(more));
  }
};

constexpr const char* kSampled1000 =
    "  strategy  sampled\n"
    "  nodes     1,000, of which 50 may be faulty\n"
    "  quorum    352\n"
    "  sample    446\n"
    "  messages  892,999 a decision at most: 999 propose, 446,000 prepare, 446,000 commit\n"
    "  PBFT      1,998,000; this is 44.7 % of it\n"
    "  conflict  at most 2^-70.0 each, 2^-40.1 over 1,000,000,000 decisions (accepted 2^-40.0)\n"
    "  missed    at most 0.000981 a phase (accepted 0.001)\n";

TEST_F(ProbftPlan, HelpHasExamplesAndEveryOption) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.err, IsEmpty());
  EXPECT_THAT(help.out, AllOf(StartsWith("probft-plan: "), HasSubstr("Usage: probft-plan"),
                              HasSubstr("Examples:"), HasSubstr("Exit codes:")));
  for (const char* option :
       {"--nodes N", "--faults F", "--strategy S", "--eps P", "--eps-live P", "--life DECISIONS",
        "--assume-non-adversarial-scheduler", "--l L", "--o O"}) {
    EXPECT_THAT(help.out, HasSubstr(option));
  }
}

TEST_F(ProbftPlan, DeterministicIsTheDefault) {
  const Outcome seven = plan("7", "2");
  EXPECT_EQ(seven.exit_code, 0) << seven.err;
  EXPECT_EQ(seven.out,
            "  strategy  deterministic\n"
            "  nodes     7, of which 2 may be faulty\n"
            "  quorum    5\n"
            "  sample    7 (all)\n"
            "  messages  90 a decision at most: 6 propose, 42 prepare, 42 commit\n"
            "  PBFT      84; this is 107 % of it\n"
            "  conflict  never, with at most 2 faulty nodes\n");
  EXPECT_THAT(seven.err, IsEmpty());
  EXPECT_THAT(plan("6", "1").out, HasSubstr("quorum    4\n"));
  EXPECT_THAT(plan("100", "33", {"--strategy", "deterministic"}).out, HasSubstr("quorum    67\n"));
  EXPECT_EQ(plan("1", "0").exit_code, 0);
}

TEST_F(ProbftPlan, SampledPrintsWhatItBoundsAndAsksForLess) {
  const Outcome outcome = plan("1000", "50", {"--strategy", "sampled"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, kSampled1000);
  // Both ways to write a probability.
  EXPECT_EQ(plan("1000", "50", {"--strategy", "sampled", "--eps", "9.094947017729282e-13"}).out,
            outcome.out);
  const Outcome one_decision = plan("1000", "50", {"--strategy", "sampled", "--life", "1"});
  EXPECT_THAT(one_decision.out, AllOf(HasSubstr("quorum    293\n"), HasSubstr("sample    382\n")));
  const Outcome lively = plan("1000", "50", {"--strategy", "sampled", "--eps-live", "0.5"});
  EXPECT_THAT(lively.out, HasSubstr("(accepted 0.5)"));
  EXPECT_THAT(plan("1000", "50", {"--strategy", "sampled", "--eps", "2^-20"}).out,
              HasSubstr("(accepted 2^-20.0)"));
}

TEST_F(ProbftPlan, TheManualShowsWhatIsPrinted) {
  const auto manual = read_text_file(std::string(ASSAY_SOURCE_DIR) + "/docs/cli.md", 1 << 20);
  ASSERT_TRUE(manual.ok());
  std::string indented;
  std::string_view rest = kSampled1000;
  while (!rest.empty()) {
    const size_t end = rest.find('\n') + 1;
    indented += "    " + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  EXPECT_THAT(*manual, HasSubstr(indented));
}

TEST_F(ProbftPlan, ThePaperIsTentative) {
  const std::vector<std::string> paper = {"--strategy", "paper",
                                          "--assume-non-adversarial-scheduler"};
  const Outcome outcome = plan("100", "10", paper);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("quorum    20\n"), HasSubstr("sample    34\n"),
                                 HasSubstr("no bound"), HasSubstr("tentative")));
}

struct Refusal {
  std::vector<std::string> args;
  const char* says;
};

TEST_F(ProbftPlan, UnsafePlansExit65WithTheirArithmetic) {
  const std::vector<Refusal> refusals = {
      {{"--nodes", "7", "--faults", "2", "--strategy", "probabilistic"}, "3 + 3 <= 7"},
      {{"--nodes", "7", "--faults", "3"}, "3 * 3 + 1 = 10 > 7"},
      {{"--nodes", "100", "--faults", "10", "--strategy", "sampled"}, "s/n = 0.810 > 0.6"},
      {{"--nodes", "100", "--faults", "10", "--strategy", "paper"},
       "assume_non_adversarial_scheduler"},
      {{"--nodes", "100", "--faults", "20", "--strategy", "paper",
        "--assume-non-adversarial-scheduler"},
       "2n/(n+f) = 200/120 = 1.667"},
  };
  for (const Refusal& refusal : refusals) {
    const Outcome outcome = run(refusal.args);
    EXPECT_EQ(outcome.exit_code, 65) << refusal.says;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("probft-plan: "), HasSubstr(refusal.says)));
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

TEST_F(ProbftPlan, WrongArgumentsExit64) {
  const std::vector<Refusal> misuses = {
      {{}, "--nodes is required"},
      {{"--nodes", "7"}, "--faults is required"},
      {{"--nodes", "0", "--faults", "0"}, "from 1 to 100000"},
      {{"--nodes", "7", "--fults", "2"}, "did you mean --faults?"},
      {{"--nodes", "7", "--faults", "-1"}, "whole number"},
      {{"--nodes", "7", "--faults", "2", "extra"}, "unexpected argument extra"},
      {{"--nodes", "7", "--faults", "2", "--strategy", "quick"}, "'quick' is not one of"},
      {{"--nodes", "7", "--faults", "2", "--life", "0"}, "from 1"},
  };
  for (const Refusal& misuse : misuses) {
    const Outcome outcome = run(misuse.args);
    EXPECT_EQ(outcome.exit_code, 64) << misuse.says;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("probft-plan: "), HasSubstr(misuse.says)));
    EXPECT_THAT(outcome.out, IsEmpty());
  }
  for (const char* bad :
       {"0", "1", "2", "nan", "-1", "2^40", "2^-0", "2^-1001", "2^--4", "2^-4x", "1e-3x", ""}) {
    for (const char* option : {"--eps", "--eps-live"}) {
      const Outcome outcome = plan("7", "2", {option, bad});
      EXPECT_EQ(outcome.exit_code, 64) << option << ' ' << bad;
    }
  }
}

}  // namespace
}  // namespace assay
