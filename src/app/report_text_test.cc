// The report for people, as it looks: golden files in testdata/report_text. After a change that is
// meant, run with ASSAY_REWRITE=1 and look at the difference.
#include "app/report_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "app/report_testing.h"
#include "base/file.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Case {
  const char* name;
  VerifyReport report;
  TextStyle style;
  const char* certificate = "";
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
  const TextStyle utf8{.color = false, .utf8 = true, .width = 88};
  const TextStyle ascii{.color = false, .utf8 = false, .width = 80};
  const TextStyle color{.color = true, .utf8 = true, .width = 100};
  return {{"different", different_report(), utf8},
          {"different_ascii", different_report(), ascii},
          {"different_color", different_report(), color},
          {"edited", edited_report(), utf8, "cert.json"},
          {"undecided", undecided_report(410), utf8},
          {"undecided_hopeless", undecided_report(0), utf8},
          {"artifact", artifact_report(), utf8},
          {"same_bits", same_bits_report(), utf8},
          {"census", census_report(), utf8},
          {"deep", deep_report(), utf8},
          {"shallow", shallow_report(), ascii}};
}

std::string render(const VerifyReport& report, const TextStyle& style,
                   const std::string& certificate = "") {
  return report_text(report,
                     {.style = style,
                      .command = {"assay", "verify", report.model_a.path, report.model_b.path},
                      .certificate_path = certificate,
                      .forecast = {}});
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, LooksAsItDid) {
  const Case& c = GetParam();
  const std::string text = render(c.report, c.style, c.certificate);
  const std::string path = std::string(ASSAY_TESTDATA) + "/report_text/" + c.name + ".txt";
  if (std::getenv("ASSAY_REWRITE") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, as_bytes(text)).ok());
    GTEST_SKIP() << "rewrote " << path;
  }
  const auto golden = read_text_file(path, 1 << 20);
  ASSERT_TRUE(golden.ok()) << golden.status().message();
  EXPECT_EQ(text, *golden);
}

INSTANTIATE_TEST_SUITE_P(ReportText, Golden, testing::ValuesIn(cases()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(ReportText, NoLineIsWiderThanTheStyleOrEndsInSpaces) {
  for (const Case& c : cases()) {
    for (const size_t width : {kTextWidthMin, kTextWidthDefault, kTextWidthMax}) {
      for (const bool utf8 : {false, true}) {
        const std::string text =
            render(c.report, {.color = false, .utf8 = utf8, .width = width}, c.certificate);
        size_t begin = 0;
        for (size_t end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
          const std::string line = text.substr(begin, end - begin);
          EXPECT_LE(display_width(line), width) << c.name << ": " << line;
          EXPECT_FALSE(line.ends_with(' ')) << c.name << ": '" << line << "'";
          begin = end + 1;
        }
      }
    }
  }
}

TEST(ReportText, AsciiMeansAscii) {
  for (const Case& c : cases()) {
    for (const char byte : render(c.report, {.color = false, .utf8 = false, .width = 80})) {
      ASSERT_TRUE(byte == '\n' || (byte >= 0x20 && byte < 0x7F)) << c.name;
    }
  }
}

TEST(ReportText, ColourChangesNothingButColour) {
  for (const Case& c : cases()) {
    std::string text = render(c.report, {.color = true, .utf8 = true, .width = 88});
    for (size_t at = text.find('\033'); at != text.npos; at = text.find('\033', at)) {
      text.erase(at, text.find('m', at) - at + 1);
    }
    EXPECT_EQ(text, render(c.report, {.color = false, .utf8 = true, .width = 88})) << c.name;
  }
}

TEST(ReportText, SaysTheVerdictTheMarginAndTheErrorRate) {
  const std::string text = verdict_meaning(different_report());
  EXPECT_THAT(text, HasSubstr("29.2 %"));
  EXPECT_THAT(text, HasSubstr("above the margin of 2 %"));
  EXPECT_THAT(text, HasSubstr("wrong at most 1 time in 100"));
  EXPECT_THAT(verdict_meaning(edited_report()), HasSubstr("below the margin of 2 %"));
  VerifyReport strict = edited_report();
  strict.alpha = 0.001;
  EXPECT_THAT(verdict_meaning(strict), HasSubstr("1 time in 1,000"));
}

TEST(ReportText, ClaimsNoErrorRateWhereThereIsNone) {
  for (const VerifyReport& report : {artifact_report(), same_bits_report(), census_report()}) {
    EXPECT_THAT(verdict_meaning(report), Not(HasSubstr("1 time in")));
  }
}

TEST(ReportText, AnArtifactAnswerSaysThatNothingWasExecutedAndWhatDiffers) {
  VerifyReport report = artifact_report();
  EXPECT_THAT(verdict_meaning(report), HasSubstr("Nothing had to be executed"));
  EXPECT_THAT(verdict_meaning(report), HasSubstr("GGUF v3, F32 against safetensors, F32"));
  report.model_b = report.model_a;
  EXPECT_THAT(verdict_headline(report), HasSubstr("byte for byte"));
}

TEST(ReportText, UndecidedSaysWhatWouldDecide) {
  const TextStyle style{.color = false, .utf8 = true, .width = 88};
  EXPECT_THAT(render(undecided_report(410), style), HasSubstr("--challenges 544"));
  const std::string hopeless = render(undecided_report(0), style);
  EXPECT_THAT(hopeless, HasSubstr("No number of challenges like these"));
  EXPECT_THAT(hopeless, HasSubstr("--delta 0.05"));
  EXPECT_THAT(render(undecided_report(50'000), style), Not(HasSubstr("--challenges 5")))
      << "a budget beyond the limit is not suggested";
}

TEST(ReportText, ASuggestedCommandKeepsTheMarginAndTheBudget) {
  VerifyReport report = different_report();
  report.delta = 0.05;
  report.challenges_requested = 100;
  const std::string text = render(report, {.color = false, .utf8 = true, .width = 100});
  EXPECT_THAT(text, HasSubstr("--challenges 100"));
  EXPECT_THAT(text, HasSubstr("--delta 0.05"));
  EXPECT_THAT(text, HasSubstr("--certificate cert.json"));
}

TEST(ReportText, NamesTheStepOfTheNetworkWhereTheModelsPart) {
  EXPECT_EQ(divergence_meaning(edited_report()),
            "Everything before is identical to the bit; the first difference comes from the MLP of "
            "layer 2.");
  EXPECT_THAT(divergence_meaning(different_report()), HasSubstr("from the first step on"));
  EXPECT_EQ(divergence_meaning(same_bits_report()), "");
  VerifyReport report = edited_report();
  for (size_t i = 5; i < 8; ++i) make_equal(report.sites[i]);
  report.first_divergence->site = "final";
  EXPECT_THAT(divergence_meaning(report), HasSubstr("the final norm."));
  for (size_t i = 0; i < 9; ++i) make_equal(report.sites[i]);
  report.first_divergence->site = "logits";
  EXPECT_THAT(divergence_meaning(report), HasSubstr("the output head."));
}

TEST(ReportText, ANameCannotSteerTheTerminal) {
  VerifyReport report = different_report();
  report.model_b.path = "x\033]0;evil\a.gguf";
  report.sites[0].site = "L0\033[2J.post_attn";
  report.notes = {"odd \033[31m note"};
  const std::string text = render(report, {.color = false, .utf8 = true, .width = 88});
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(text.find('\a'), std::string::npos);
}

}  // namespace
}  // namespace assay
