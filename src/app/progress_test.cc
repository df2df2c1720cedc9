#include "app/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

constexpr TextStyle kAscii{.color = false, .utf8 = false};

Progress running() {
  Progress progress;
  progress.stage = "challenges 1-64 of 512: L3.post_mlp";
  progress.fraction = 0.425;
  progress.challenges_used = 64;
  progress.mean = 0.01;
  progress.lower = 0;
  progress.upper = 0.05;
  return progress;
}

TEST(Progress, ShowsStagePercentSpeedAndTheRunningInterval) {
  EXPECT_EQ(progress_text(kAscii, running(), 812e6, 200),
            "  [########............]  42 %  challenges 1-64 of 512: L3.post_mlp  812 MB/s  "
            "64 challenges: mean TV 0.01 in [0, 0.05]");
}

TEST(Progress, NeverFillsTheLine) {
  for (size_t columns = 1; columns < 200; ++columns) {
    EXPECT_LT(display_width(progress_text(kAscii, running(), 812e6, columns)), columns);
  }
}

TEST(Progress, AFractionOutsideItsRangeDoesNoHarm) {
  Progress progress = running();
  for (const double fraction : {-1.0, 2.0}) {
    progress.fraction = fraction;
    EXPECT_THAT(progress_text(kAscii, progress, 0, 40),
                testing::HasSubstr(fraction < 0 ? "  0 %" : "100 %"));
  }
}

TEST(Progress, NothingIsWrittenWhereThereIsNoTerminal) {
  testing::internal::CaptureStderr();
  {
    const Console console;
    ProgressLine line(console);
    line.update(running());
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, OnATerminalItIsDrawnAtMostTenTimesASecondAndTakenAway) {
  testing::internal::CaptureStderr();
  {
    Console console;
    console.err_terminal = true;
    ProgressLine line(console);
    for (int i = 0; i < 1000; ++i) line.update(running());
  }
  const std::string text = testing::internal::GetCapturedStderr();
  const auto drawn = std::count(text.begin(), text.end(), '%');
  EXPECT_GE(drawn, 1);
  EXPECT_LE(drawn, 10);
  EXPECT_TRUE(text.ends_with("\r\033[K"));
}

}  // namespace
}  // namespace assay
