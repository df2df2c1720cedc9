#include "app/plots.h"

#include <gtest/gtest.h>

#include "app/report_testing.h"

namespace assay {
namespace {

constexpr TextStyle kAscii{.color = false, .utf8 = false, .width = 80};

std::vector<std::string> labels(const std::vector<SiteRow>& rows) {
  std::vector<std::string> out;
  for (const SiteRow& row : rows) out.push_back(row.label);
  return out;
}

TEST(FoldSites, RunsOfEqualSitesBecomeOneRow) {
  const VerifyReport report = edited_report();
  EXPECT_EQ(labels(fold_sites(kAscii, report, 24)),
            (std::vector<std::string>{"L0-L2.post_attn", "L2.post_mlp", "L3.post_attn",
                                      "L3.post_mlp", "final", "logits"}));
  VerifyReport whole = report;
  make_equal(whole.sites[5]);
  EXPECT_EQ(fold_sites(kAscii, whole, 24).front().label, "L0-L2");
}

TEST(FoldSites, SitesThatOneModelLacksBecomeOneRow) {
  EXPECT_EQ(labels(fold_sites(kAscii, shallow_report(), 24)),
            (std::vector<std::string>{"L0.post_attn", "L0.post_mlp", "L1.post_attn", "L1.post_mlp",
                                      "L2-L3", "final", "logits"}));
}

TEST(FoldSites, RowsCoverEverySiteOnceInOrder) {
  for (const VerifyReport& report :
       {different_report(), edited_report(), deep_report(), shallow_report(), same_bits_report()}) {
    for (const size_t rows_max : {size_t{1}, size_t{8}, size_t{24}, size_t{1000}}) {
      size_t next = 0;
      for (const SiteRow& row : fold_sites(kAscii, report, rows_max)) {
        EXPECT_EQ(row.first, next);
        next = row.last + 1;
      }
      EXPECT_EQ(next, report.sites.size());
    }
  }
}

TEST(FoldSites, ManyLayersFitAndTheTurningPointsStay) {
  const std::vector<SiteRow> rows = fold_sites(kAscii, deep_report(), 24);
  EXPECT_LE(rows.size(), 24U);
  EXPECT_EQ(rows.front().label, "L0-L16");
  size_t marked = 0;
  for (const SiteRow& row : rows) {
    if (!row.first_divergence && !row.beyond_margin) continue;
    ++marked;
    EXPECT_EQ(row.first, row.last) << "a turning point has a row of its own";
  }
  EXPECT_EQ(marked, 2U);
  EXPECT_EQ(rows.back().label, "logits");
}

TEST(FoldSites, AFoldedRowShowsTheWorstOfItsSites) {
  const VerifyReport report = deep_report();
  for (const SiteRow& row : fold_sites(kAscii, report, 24)) {
    if (row.equal) continue;
    double largest = 0;
    for (size_t i = row.first; i <= row.last; ++i) {
      largest = std::max(largest, *report.sites[i].relative_l2);
    }
    EXPECT_EQ(row.relative_l2, largest);
  }
}

size_t bar_length(const std::string& line) {
  return static_cast<size_t>(std::count(line.begin(), line.end(), '#'));
}

TEST(SitePlot, ALargerDistanceNeverHasAShorterBar) {
  const VerifyReport report = different_report();
  const auto lines = site_plot(kAscii, report);
  ASSERT_EQ(lines.size(), report.sites.size() + 2);
  for (size_t i = 2; i <= report.sites.size(); ++i) {
    EXPECT_GE(bar_length(lines[i]), bar_length(lines[i - 1]));
  }
  EXPECT_GT(bar_length(lines[report.sites.size()]), bar_length(lines[1]));
}

TEST(SitePlot, TheArrowsStandAtTheTurningPointsOnly) {
  const auto lines = site_plot(kAscii, different_report());
  for (const std::string& line : lines) {
    EXPECT_EQ(line.find("<- first difference") != line.npos, line.find("L0.post_attn") != line.npos)
        << line;
    EXPECT_EQ(line.find("<- past the margin") != line.npos, line.find("L1.post_attn") != line.npos)
        << line;
  }
}

TEST(SitePlot, NoSitesNoPlot) { EXPECT_TRUE(site_plot(kAscii, artifact_report()).empty()); }

// Where a character stands on the axis line of the interval plot.
size_t column_of(const std::vector<std::string>& plot, char c) { return plot[1].find(c); }

TEST(IntervalPlot, ShowsOnWhichSideOfTheMarginTheIntervalLies) {
  const auto different = interval_plot(kAscii, {0.29, 0.25, 0.33}, 0.02);
  EXPECT_LT(column_of(different, ':'), column_of(different, '['));
  EXPECT_LT(column_of(different, '['), column_of(different, 'o'));
  EXPECT_LT(column_of(different, 'o'), column_of(different, ']'));

  const auto same = interval_plot(kAscii, {0.0093, 0.0061, 0.0188}, 0.02);
  EXPECT_GT(column_of(same, ':'), column_of(same, ']'));

  const auto open = interval_plot(kAscii, {0.0131, 0.004, 0.031}, 0.02);
  EXPECT_LT(column_of(open, '['), column_of(open, ':'));
  EXPECT_LT(column_of(open, ':'), column_of(open, ']'));
}

TEST(IntervalPlot, FitsForExtremeValues) {
  for (const Effect& effect : {Effect{0, 0, 0}, Effect{0, 0, 1}, Effect{1, 1, 1},
                               Effect{1e-12, 0, 1e-9}, Effect{0.999, 0.998, 1}}) {
    for (const double delta : {1e-6, 0.02, 0.5, 0.999}) {
      for (const std::string& line : interval_plot(kAscii, effect, delta)) {
        EXPECT_LE(display_width(line), kAscii.width);
      }
    }
  }
}

}  // namespace
}  // namespace assay
