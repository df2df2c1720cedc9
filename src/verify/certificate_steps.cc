#include "verify/certificate_steps.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <vector>

#include "base/decimal.h"
#include "verify/sites.h"

namespace assay::certificate_steps {
namespace {

std::string spelled(double value) { return std::isfinite(value) ? to_decimal(value) : "infinite"; }

Fault site_fault(const VerifyReport& report, const SiteEvidence& site, const SiteReport& row,
                 const SharedSite& expected) {
  if (site.in_a != expected.in_a) {
    return "model a has " + count_of(report.model_a.layers, "layer");
  }
  if (site.in_b != expected.in_b) {
    return "model b has " + count_of(report.model_b.layers, "layer");
  }
  const bool in_both = site.in_a && site.in_b;
  if (row.digest_equal != (in_both && site.column_a == site.column_b)) {
    return "digest_equal does not follow from the columns";
  }
  if (!in_both && (row.relative_l2 || row.cosine || row.sketch_hamming)) {
    return "only one model has it, so there is no distance";
  }
  if (row.relative_l2 && *row.relative_l2 < 0) return "a negative relative L2 distance";
  if (row.cosine && std::fabs(*row.cosine) > 1.0001) return "a cosine outside [-1, 1]";
  if (row.sketch_hamming && !(*row.sketch_hamming >= 0 && *row.sketch_hamming <= 1)) {
    return "a share of sketch bits outside [0, 1]";
  }
  if (row.digest_equal &&
      (row.relative_l2.value_or(0) != 0 || row.sketch_hamming.value_or(0) != 0)) {
    return "equal digests, but a distance that is not zero";
  }
  return {};
}

// The earliest site that both have and that is not equal.
const SiteEvidence* earliest_different(const RunEvidence& evidence) {
  for (const SiteEvidence& site : evidence.sites) {
    if (site.in_a && site.in_b && site.column_a != site.column_b) return &site;
  }
  return nullptr;
}

}  // namespace

std::string count_of(size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

std::string short_hex(const Digest& digest) { return to_hex(digest).substr(0, 16) + "…"; }

Fault not_equal(std::string_view name, std::string_view stated, std::string_view computed) {
  return std::string(name) + " is stated as " + std::string(stated) + "; it computes to " +
         std::string(computed);
}

Fault compare(std::string_view name, double stated, double computed) {
  if (std::bit_cast<uint64_t>(stated) == std::bit_cast<uint64_t>(computed)) return {};
  return not_equal(name, spelled(stated), spelled(computed));
}
Fault compare(std::string_view name, uint64_t stated, uint64_t computed) {
  if (stated == computed) return {};
  return not_equal(name, std::to_string(stated), std::to_string(computed));
}
Fault compare(std::string_view name, const Digest& stated, const Digest& computed) {
  if (stated == computed) return {};
  return not_equal(name, short_hex(stated), short_hex(computed));
}

Fault first_of(std::initializer_list<Fault> faults) {
  for (const Fault& fault : faults) {
    if (!fault.empty()) return fault;
  }
  return {};
}

Fault check_sites(const VerifyReport& report) {
  const RunEvidence& evidence = report.evidence;
  if (evidence.sites.size() < 2 || evidence.sites[evidence.sites.size() - 2].site != "final" ||
      evidence.sites.back().site != "logits") {
    return "the last two sites must be final and logits";
  }
  std::vector<SharedSite> expected =
      merge_sites(site_names(report.model_a.layers, report.model_a.encoder_layers),
                  site_names(report.model_b.layers, report.model_b.encoder_layers));
  expected.push_back({"logits", true, true});
  for (size_t i = 0; i < evidence.sites.size(); ++i) {
    const SiteEvidence& site = evidence.sites[i];
    const auto it = std::find_if(expected.begin(), expected.end(),
                                 [&](const SharedSite& s) { return s.name == site.site; });
    if (it == expected.end()) return site.site + " is not a site of these models";
    const auto rank = static_cast<size_t>(it - expected.begin());
    if (rank < i) return site.site + " is out of order";
    if (rank > i) return expected[i].name + " is missing before " + site.site;
    const Fault fault = site_fault(report, site, report.sites[i], *it);
    if (!fault.empty()) return site.site + ": " + fault;
  }
  return {};
}

std::string sites_detail(const VerifyReport& report) {
  const auto equal = std::count_if(report.sites.begin(), report.sites.end(),
                                   [](const SiteReport& site) { return site.digest_equal; });
  return std::to_string(equal) + " of " + count_of(report.sites.size(), "site") +
         " bit-equal in every challenge; distances are stated, not provable from the file";
}

Fault check_first_divergence(const VerifyReport& report) {
  const SiteEvidence* site = earliest_different(report.evidence);
  if (site == nullptr) {
    return report.first_divergence ? "every shared site is equal, but one is named" : Fault();
  }
  if (!report.first_divergence) return "none is named, but " + site->site + " differs";
  const FirstDivergence& stated = *report.first_divergence;
  if (stated.site != site->site) return not_equal("the site", stated.site, site->site);
  if (stated.challenge >= report.evidence.challenges.size()) {
    return "challenge " + std::to_string(stated.challenge) + " was not used";
  }
  std::optional<std::string> beyond;
  for (const SiteReport& row : report.sites) {
    if (!row.relative_l2 || !(*row.relative_l2 > report.delta)) continue;
    beyond = row.site;
    break;
  }
  if (stated.beyond_margin_site != beyond) {
    return not_equal("the site beyond the margin", stated.beyond_margin_site.value_or("none"),
                     beyond.value_or("none"));
  }
  return {};
}

std::string divergence_detail(const VerifyReport& report) {
  if (!report.first_divergence) return "none: every shared site is equal";
  const auto& beyond = report.first_divergence->beyond_margin_site;
  return report.first_divergence->site + " in challenge " +
         std::to_string(report.first_divergence->challenge) +
         (beyond ? "; beyond the margin at " + *beyond : "; no site beyond the margin");
}

}  // namespace assay::certificate_steps
