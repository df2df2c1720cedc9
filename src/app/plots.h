// Two pictures of a verification, as lines of text: where the effect lies beside the margin, and
// where in the network the two models part. Tested in plots_test.cc and report_text_test.cc.
#pragma once

#include <string>
#include <vector>

#include "app/text.h"
#include "verify/report.h"

namespace assay {

// The mean and its confidence interval on a linear axis from 0, with the margin marked. Three
// lines of at most style.width columns.
std::vector<std::string> interval_plot(const TextStyle& style, const Effect& effect, double delta);

// One row of the site plot: a site, or a run of sites folded into one.
struct SiteRow {
  std::string label;  // "L2.post_attn", "L0–L1"
  size_t first = 0;   // indices into VerifyReport::sites, both inclusive
  size_t last = 0;
  bool equal = false;       // every digest of every site in it agrees
  bool comparable = false;  // at least one site has a distance
  double relative_l2 = 0;   // the largest in the run
  double cosine = 1;        // the smallest in the run
  bool first_divergence = false;
  bool beyond_margin = false;  // the earliest site beyond the margin
};

// At most rows_max rows where that is possible: runs of equal sites are folded, then neighbouring
// layers, but the first divergence, the first site beyond the margin and the sites after the layers
// keep rows of their own.
std::vector<SiteRow> fold_sites(const TextStyle& style, const VerifyReport& report,
                                size_t rows_max);

// Label, "=" or "≠", a bar of the relative L2 distance on a log scale with the margin marked, the
// numbers, and arrows at the first divergence. Empty when the report has no sites.
std::vector<std::string> site_plot(const TextStyle& style, const VerifyReport& report,
                                   size_t rows_max = 24);

}  // namespace assay
