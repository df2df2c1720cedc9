#include "verify/verdict.h"

#include <algorithm>

namespace assay {
namespace {

// Where a site that both models have stands in the outcomes and in the observations of each side.
struct SharedSite {
  size_t shared;
  size_t a;
  size_t b;
};

// Means over the challenges where the two can be compared, in challenge order.
void average_site(const TranscriptRecords& records, std::span<const ChallengeOutcome> outcomes,
                  const SharedSite& at, SiteReport& out) {
  double relative_l2 = 0;
  double cosine = 0;
  double bits = 0;
  size_t compared = 0;
  for (size_t i = 0; i < records.challenges.size(); ++i) {
    const auto& distance = outcomes[i].sites[at.shared];
    if (!distance) continue;
    ++compared;
    relative_l2 += distance->relative_l2;
    cosine += distance->cosine;
    bits += hamming(records.challenges[i].a[at.a].sketch, records.challenges[i].b[at.b].sketch);
  }
  if (compared == 0) return;
  const double n = static_cast<double>(compared);
  out.relative_l2 = relative_l2 / n;
  out.cosine = cosine / n;
  out.sketch_hamming = bits / n / static_cast<double>(kSketchBits);
}

}  // namespace

void fill_sites(const TranscriptRecords& records, std::span<const ChallengeOutcome> outcomes,
                VerifyReport& report) {
  size_t shared = 0;  // index into ChallengeOutcome::sites
  size_t index_a = 0;
  size_t index_b = 0;
  for (size_t s = 0; s < records.sites.size(); ++s) {
    const auto& site = records.sites[s];
    SiteReport out;
    out.site = site.name;
    if (site.in_a && site.in_b) {
      out.digest_equal = report.evidence.sites[s].column_a == report.evidence.sites[s].column_b;
      average_site(records, outcomes, {shared, index_a, index_b}, out);
      ++shared;
    }
    index_a += site.in_a ? 1 : 0;
    index_b += site.in_b ? 1 : 0;
    report.sites.push_back(std::move(out));
  }
}

void fill_effect(const TranscriptRecords& records, std::span<const ChallengeOutcome> outcomes,
                 const MeanTest& test, VerifyReport& report) {
  uint64_t sum = 0;  // at most 10^4 * 2^32
  double kl = 0;
  uint64_t top1 = 0;
  bool all_zero = true;
  for (size_t i = 0; i < records.challenges.size(); ++i) {
    const TranscriptChallenge& challenge = records.challenges[i];
    sum += challenge.tv;
    all_zero = all_zero && challenge.tv == 0;
    report.tokens += challenge.scored;
    kl += outcomes[i].logits.kl_nats * challenge.scored;
    top1 += outcomes[i].logits.top1_equal;
  }
  report.kl_nats = kl / static_cast<double>(report.tokens);
  report.top1_agreement = static_cast<double>(top1) / static_cast<double>(report.tokens);
  report.exact = all_zero && std::all_of(report.sites.begin(), report.sites.end(),
                                         [](const SiteReport& site) { return site.digest_equal; });
  if (report.scope == Scope::kCensus) {
    report.effect.mean = test.mean();
    report.effect.lower = report.effect.upper = report.effect.mean;
    const bool within = sum <= fixed_from_unit(report.delta) * records.challenges.size();
    report.verdict = within ? Decision::kSame : Decision::kDifferent;
    return;
  }
  report.effect = {.mean = test.mean(), .lower = test.lower(), .upper = test.upper()};
  report.verdict = report.exact ? Decision::kSame : test.decision();
  switch (report.verdict) {
    case Decision::kSame:
      report.log_e_value = test.log_e_same();
      break;
    case Decision::kDifferent:
      report.log_e_value = test.log_e_different();
      break;
    case Decision::kUndecided:
      report.log_e_value = std::max(test.log_e_same(), test.log_e_different());
      report.more_needed = test.more_needed();
      break;
  }
}

void fill_divergence(const TranscriptRecords& records, VerifyReport& report) {
  size_t index_a = 0;
  size_t index_b = 0;
  for (size_t s = 0; s < records.sites.size(); ++s) {
    const auto& site = records.sites[s];
    if (site.in_a && site.in_b && !report.sites[s].digest_equal) {
      FirstDivergence first;
      first.site = site.name;
      while (records.challenges[first.challenge].a[index_a].activation ==
             records.challenges[first.challenge].b[index_b].activation) {
        ++first.challenge;
      }
      for (const SiteReport& later : report.sites) {
        if (later.relative_l2 && *later.relative_l2 > report.delta) {
          first.beyond_margin_site = later.site;
          break;
        }
      }
      report.first_divergence = std::move(first);
      return;
    }
    index_a += site.in_a ? 1 : 0;
    index_b += site.in_b ? 1 : 0;
  }
}

std::string changed_tensors(const ArtifactDigests& a, const ArtifactDigests& b) {
  constexpr size_t kNamesMax = 4;
  if (a.tensors.size() != b.tensors.size()) return "";
  std::string names;
  size_t changed = 0;
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    if (a.tensors[i].name != b.tensors[i].name) return "";
    if (a.tensors[i].values == b.tensors[i].values) continue;
    if (++changed <= kNamesMax) names += (changed == 1 ? "" : ", ") + a.tensors[i].name;
  }
  if (changed == 0) return "";
  if (changed > kNamesMax) names += " and " + std::to_string(changed - kNamesMax) + " more";
  return std::to_string(changed) + " of " + std::to_string(a.tensors.size()) +
         (changed == 1 ? " tensors differs in value: " : " tensors differ in value: ") + names;
}

}  // namespace assay
