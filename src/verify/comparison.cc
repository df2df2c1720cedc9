#include "verify/comparison.h"

#include <algorithm>

#include "base/detmath.h"

namespace assay {
namespace {

// Row offsets of the challenges of a tile.
std::vector<size_t> starts(std::span<const size_t> lengths) {
  std::vector<size_t> out(lengths.size());
  size_t at = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    out[i] = at;
    at += lengths[i];
  }
  return out;
}

SiteDistance distance(std::span<const float> a, std::span<const float> b) {
  double difference = 0;
  double norm_a = 0;
  double norm_b = 0;
  double product = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]);
    const double y = static_cast<double>(b[i]);
    difference += (x - y) * (x - y);
    norm_a += x * x;
    norm_b += y * y;
    product += x * y;
  }
  SiteDistance out;
  if (difference == 0) return out;
  out.relative_l2 = norm_a > 0 ? __builtin_sqrt(difference / norm_a) : 1;
  const double norms = __builtin_sqrt(norm_a) * __builtin_sqrt(norm_b);
  out.cosine = norms > 0 ? product / norms : 0;
  return out;
}

// log sum exp of a row, from its softmax: the largest probability is 1 / sum exp(x - max).
double log_normaliser(float max_logit, float max_probability) {
  return static_cast<double>(max_logit) - det_log(static_cast<double>(max_probability));
}

// One token. p and q are scratch for the two distributions.
void compare_token(const SymbolMap& symbols, const float* a, const float* b, const Kernels& kernels,
                   float* p, float* q, LogitsDistance& sum) {
  std::copy(a, a + symbols.vocab_a, p);
  std::copy(b, b + symbols.vocab_b, q);
  kernels.softmax(p, symbols.vocab_a);
  kernels.softmax(q, symbols.vocab_b);
  const size_t shared = std::min(symbols.vocab_a, symbols.vocab_b);
  double total = 0;
  double expectation = 0;  // of a - b under p
  for (size_t i = 0; i < shared; ++i) {
    const double pi = static_cast<double>(p[i]);
    const double qi = static_cast<double>(q[i]);
    const bool same = symbols.same.empty() || symbols.same[i];
    total += same ? (pi > qi ? pi - qi : qi - pi) : pi + qi;
    expectation += pi * (static_cast<double>(a[i]) - static_cast<double>(b[i]));
  }
  for (size_t i = shared; i < symbols.vocab_a; ++i) total += static_cast<double>(p[i]);
  for (size_t i = shared; i < symbols.vocab_b; ++i) total += static_cast<double>(q[i]);
  sum.tv += std::min(1.0, total / 2);
  const size_t top_a = kernels.argmax(a, symbols.vocab_a);
  const size_t top_b = kernels.argmax(b, symbols.vocab_b);
  if (top_a == top_b && (symbols.same.empty() || (top_a < shared && symbols.same[top_a])))
    ++sum.top1_equal;
  if (symbols.identical()) {
    sum.kl_nats += std::max(
        0.0, expectation + log_normaliser(b[top_b], q[top_b]) - log_normaliser(a[top_a], p[top_a]));
  }
}

}  // namespace

const SketchProjection& SiteComparison::projection(size_t width) {
  auto& slot = projections_[width];
  if (!slot) slot = std::make_unique<SketchProjection>(width);
  return *slot;
}

void SiteComparison::observe(Side side, const std::string& site, const SiteRows& rows,
                             std::span<const size_t> lengths,
                             std::span<TranscriptChallenge> challenges) {
  const SketchProjection& projection = this->projection(rows.width);
  const std::vector<size_t> first = starts(lengths);
  compute_.pool->parallel_for(lengths.size(), 1, [&](size_t begin, size_t end, size_t) {
    std::vector<float> pooled(rows.width);
    for (size_t i = begin; i < end; ++i) {
      const std::span<const float> values(rows.rows + first[i] * rows.width,
                                          lengths[i] * rows.width);
      TranscriptObservation observation;
      observation.activation = activation_digest(profile_, site, challenges[i].commitment, values);
      if (lengths[i] > 0) {
        pool_mean(values, lengths[i], rows.width, pooled);
        observation.sketch = projection.sketch(pooled);
      }
      (side == Side::kA ? challenges[i].a : challenges[i].b).push_back(observation);
    }
  });
}

std::vector<std::optional<SiteDistance>> SiteComparison::distances(const SiteRows& a,
                                                                   const SiteRows& b,
                                                                   const TileLengths& lengths) {
  std::vector<std::optional<SiteDistance>> out(lengths.a.size());
  if (a.width != b.width) return out;
  const std::vector<size_t> first_a = starts(lengths.a);
  const std::vector<size_t> first_b = starts(lengths.b);
  compute_.pool->parallel_for(out.size(), 1, [&](size_t begin, size_t end, size_t) {
    for (size_t i = begin; i < end; ++i) {
      if (lengths.a[i] != lengths.b[i]) continue;
      out[i] = distance({a.rows + first_a[i] * a.width, lengths.a[i] * a.width},
                        {b.rows + first_b[i] * b.width, lengths.b[i] * b.width});
    }
  });
  return out;
}

std::vector<LogitsDistance> logits_distances(const SymbolMap& symbols, std::span<const float> a,
                                             std::span<const float> b, const TileLengths& lengths,
                                             const std::vector<bool>& same_input,
                                             ComputeContext& compute) {
  std::vector<LogitsDistance> out(lengths.a.size());
  const std::vector<size_t> first_a = starts(lengths.a);
  const std::vector<size_t> first_b = starts(lengths.b);
  compute.pool->parallel_for(out.size(), 1, [&](size_t begin, size_t end, size_t) {
    std::vector<float> p(symbols.vocab_a);
    std::vector<float> q(symbols.vocab_b);
    for (size_t i = begin; i < end; ++i) {
      if (!same_input[i] || lengths.a[i] == 0) {
        out[i].tv = 1;
        continue;
      }
      LogitsDistance sum;
      for (size_t t = 0; t < lengths.a[i]; ++t) {
        const float* row_a = a.data() + (first_a[i] + t) * symbols.vocab_a;
        const float* row_b = b.data() + (first_b[i] + t) * symbols.vocab_b;
        if (symbols.identical() && std::equal(row_a, row_a + symbols.vocab_a, row_b)) {
          ++sum.top1_equal;
          continue;
        }
        compare_token(symbols, row_a, row_b, *compute.kernels, p.data(), q.data(), sum);
      }
      const double tokens = static_cast<double>(lengths.a[i]);
      out[i] = {
          .tv = sum.tv / tokens, .kl_nats = sum.kl_nats / tokens, .top1_equal = sum.top1_equal};
    }
  });
  return out;
}

uint64_t comparison_bytes(size_t threads, size_t vocab_max, std::span<const size_t> widths) {
  uint64_t bytes = 12 * uint64_t{threads} * vocab_max;  // two distributions and a pooled row each
  for (const size_t width : widths) bytes += SketchProjection::memory_bytes(width);
  return bytes;
}

}  // namespace assay
