#include "model/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/detmath.h"

namespace assay {
namespace {

using Entry = SamplerScratch::Entry;

// A total order, so that what comes out of a sort does not depend on the sort.
bool comes_first(const Entry& a, const Entry& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// The tokens with a weight, best first, at most k of them.
void collect(std::span<const float> logits, uint64_t k, std::vector<Entry>& entries) {
  entries.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    // False for NaN too.
    if (logits[i] > -HUGE_VALF) entries.push_back({logits[i], static_cast<TokenId>(i), 0});
  }
  if (k != 0 && k < entries.size()) {
    const auto end = entries.begin() + static_cast<std::ptrdiff_t>(k);
    std::nth_element(entries.begin(), end, entries.end(), comes_first);
    entries.erase(end, entries.end());
  }
  std::sort(entries.begin(), entries.end(), comes_first);
}

void accumulate(std::vector<Entry>& entries, double temperature) {
  const double largest = static_cast<double>(entries.front().logit);
  double sum = 0;
  for (Entry& entry : entries) {
    const double logit = static_cast<double>(entry.logit);
    // Equal first: inf - inf would be NaN.
    sum += logit == largest ? 1 : det_exp((logit - largest) / temperature);
    entry.cumulative = sum;
  }
}

// The first entry whose cumulative weight reaches (or, when strict, exceeds) the bound.
size_t first_beyond(const std::vector<Entry>& entries, double bound, bool strict) {
  for (size_t i = 0; i < entries.size(); ++i) {
    if (strict ? entries[i].cumulative > bound : entries[i].cumulative >= bound) return i;
  }
  return entries.size() - 1;
}

}  // namespace

Status check_sampling(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature)) {
    return invalid_argument("temperature is " + std::to_string(options.temperature) +
                            "; expected a number of 0 or more");
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    return invalid_argument("top_p is " + std::to_string(options.top_p) +
                            "; expected a number above 0 and up to 1");
  }
  return ok_status();
}

TokenId argmax_token(std::span<const float> logits) {
  ASSAY_CHECK(!logits.empty());
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[best] || (std::isnan(logits[best]) && !std::isnan(logits[i]))) best = i;
  }
  return static_cast<TokenId>(std::isnan(logits[best]) ? 0 : best);
}

TokenId sample(std::span<const float> logits, const SamplingOptions& options, uint64_t position,
               SamplerScratch& scratch) {
  ASSAY_CHECK(check_sampling(options).ok());
  if (options.temperature == 0) return argmax_token(logits);
  std::vector<Entry>& entries = scratch.entries;
  collect(logits, options.top_k, entries);
  if (entries.empty()) return argmax_token(logits);
  accumulate(entries, options.temperature);
  if (options.top_p < 1) {
    const double bound = options.top_p * entries.back().cumulative;
    entries.resize(first_beyond(entries, bound, false) + 1);
  }
  const double point = uniform_at(options.seed, position) * entries.back().cumulative;
  return entries[first_beyond(entries, point, true)].id;
}

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53;
  constexpr uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9;
  constexpr uint32_t kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

double uniform_at(uint64_t seed, uint64_t position) {
  const auto low = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const auto high = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  const std::array<uint32_t, 4> drawn =
      philox4x32({low(position), high(position), 0, 0}, {low(seed), high(seed)});
  const uint64_t bits = static_cast<uint64_t>(drawn[1]) << 32 | drawn[0];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace assay
