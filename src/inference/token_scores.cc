#include "inference/token_scores.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/detmath.h"

namespace assay {
namespace {

constexpr size_t kLanes = 16;

bool is_nan(float x) { return x != x; }

}  // namespace

TokenScores::TokenScores(const Kernels& kernels, std::span<const float> logits,
                         std::vector<float>& scratch)
    : logits_(logits) {
  ASSAY_CHECK(!logits.empty());
  const size_t n = logits.size();
  float largest = -std::numeric_limits<float>::infinity();
  for (const float x : logits) {
    if (x > largest) largest = x;
  }
  largest_ = static_cast<double>(largest);
  scratch.resize(n);
  for (size_t i = 0; i < n; ++i) {
    scratch[i] = is_nan(logits[i]) ? -std::numeric_limits<float>::infinity() : logits[i] - largest;
  }
  kernels.exp(scratch.data(), scratch.data(), n);
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) lanes[l] += static_cast<double>(scratch[i + l]);
  }
  for (size_t l = 0; i + l < n; ++l) lanes[l] += static_cast<double>(scratch[i + l]);
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  log_sum_ = det_log(lanes[0]);
}

float TokenScores::log_probability(TokenId token) const {
  ASSAY_CHECK(token >= 0 && static_cast<size_t>(token) < logits_.size());
  const float logit = logits_[static_cast<size_t>(token)];
  const double finite = static_cast<double>(std::numeric_limits<float>::max());
  if (is_nan(logit) || !(largest_ >= -finite && largest_ <= finite)) {
    return -std::numeric_limits<float>::infinity();
  }
  return static_cast<float>((static_cast<double>(logit) - largest_) - log_sum_);
}

std::vector<Alternative> TokenScores::top(size_t count) const {
  count = std::min(count, logits_.size());
  const auto before = [this](TokenId a, TokenId b) {
    const float x = logits_[static_cast<size_t>(a)];
    const float y = logits_[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  // A heap with the least of the best on top. NaN is never among them unless nothing else is left.
  std::vector<TokenId> best;
  best.reserve(count + 1);
  for (size_t i = 0; i < logits_.size() && count > 0; ++i) {
    const auto id = static_cast<TokenId>(i);
    if (is_nan(logits_[i])) continue;
    if (best.size() == count) {
      if (!before(id, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), before);
      best.pop_back();
    }
    best.push_back(id);
    std::push_heap(best.begin(), best.end(), before);
  }
  std::sort(best.begin(), best.end(), before);
  std::vector<Alternative> out;
  out.reserve(best.size());
  for (const TokenId id : best) out.push_back({id, log_probability(id)});
  return out;
}

}  // namespace assay
