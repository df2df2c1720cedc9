#include "verify/run_plan.h"

#include <algorithm>
#include <set>

#include "base/memory.h"
#include "model/executor.h"
#include "verify/comparison.h"
#include "verify/waves.h"

namespace assay {
namespace {

uint64_t file_bytes(const Model& model) {
  uint64_t bytes = 0;
  for (const auto& file : model.checkpoint.files) bytes += file->size();
  if (bytes != 0) return bytes;
  for (const BoundTensor& tensor : model.tensors) bytes += tensor.info.bytes;
  return bytes;
}

// Bytes that go through SHA-256 when the artifact is read: the file, and of each tensor its rows as
// stored and as values (one hash serves both where they are the same bytes).
uint64_t hashed_bytes(const Model& model) {
  uint64_t bytes = file_bytes(model);
  for (const BoundTensor& tensor : model.tensors) {
    bytes += 4 * tensor.info.elements();
    if (tensor.info.type != DType::kF32) bytes += tensor.info.bytes;
  }
  return bytes;
}

double flop_per_token(const Model& model) {
  double flop = 2.0 * static_cast<double>(head_tensor(model).info.elements());
  for (size_t s = 0; s < segment_count(model); ++s) {
    for (const BoundTensor* matrix : segment_matrices(model, s)) {
      flop += 2.0 * static_cast<double>(matrix->info.elements());
    }
  }
  return flop;
}

// "L3.post_attn" and "L4.post_attn" are alike, "dec.L3.post_attn" is not.
std::string kind_of_site(const std::string& site) {
  std::string kind;
  for (const char c : site) {
    if (c < '0' || c > '9') kind += c;
  }
  return kind;
}

std::vector<SegmentGroup> group_segments(const Model& model, const ExecutionPlan& plan) {
  std::vector<SegmentGroup> groups;
  const auto add = [&](const std::string& site, uint64_t bytes, size_t panels, bool once) {
    for (SegmentGroup& group : groups) {
      if (kind_of_site(group.sites.front()) != kind_of_site(site) || group.bytes != bytes ||
          group.panels != panels) {
        continue;
      }
      group.sites.push_back(site);
      return;
    }
    groups.push_back({{site}, bytes, panels, once});
  };
  for (size_t s = 0; s < segment_count(model); ++s) {
    const size_t panels = cut_panels(segment_matrices(model, s), plan.buffer_bytes).size();
    add(segment_site(model, s), segment_bytes(model, s), panels, panels <= 1);
  }
  const size_t panels = cut_panels({&head_tensor(model)}, plan.buffer_bytes).size();
  add("logits", head_tensor(model).info.bytes, panels, panels <= 1);
  return groups;
}

// Bytes of one model's panels and embedding rows in a wave.
uint64_t wave_bytes(const Model& model, const std::vector<SegmentGroup>& groups,
                    const WavePlan& wave, bool head_held) {
  uint64_t bytes = 0;
  for (const SegmentGroup& group : groups) {
    const bool head = group.sites.front() == "logits";
    const size_t passes = head ? (head_held ? 1 : wave.head_tiles) : (group.once ? 1 : wave.tiles);
    bytes += passes * group.sites.size() * group.bytes;
  }
  const BoundTensor& embedding = model.tensor(TensorRole::kTokenEmbedding);
  const uint64_t stacks = model.arch.encoder_layers > 0 && model.arch.has_decoder() ? 2 : 1;
  return bytes + stacks * wave.tokens * row_bytes(embedding.info.type, model.arch.d_model);
}

Status check_run(const VerifyOptions& options, uint64_t memory_bytes) {
  if (memory_bytes < kMemoryBytesMin) {
    return resource_exhausted("a memory bound of " + format_size(memory_bytes) +
                              " is too small; give at least " + format_size(kMemoryBytesMin));
  }
  if (options.challenges == 0 || options.challenges > kChallengesMax ||
      challenge_tokens_max(options) == 0) {
    return invalid_argument("there is nothing to plan for " + std::to_string(options.challenges) +
                            " challenges of " + std::to_string(challenge_tokens_max(options)) +
                            " tokens");
  }
  return ok_status();
}

}  // namespace

PlanRequest run_plan_request(const Model& a, const Model& b, const RunSize& size, size_t threads,
                             uint64_t memory_bytes) {
  const std::set<size_t> widths = {a.arch.d_model, b.arch.d_model, a.arch.vocab, b.arch.vocab};
  const size_t steps = std::max(segment_count(a), segment_count(b));
  const uint64_t records =
      size.challenges * (steps + 1) * 256 + size.challenges * size.challenge_tokens_max * 16;
  return {
      .models = {&a, &b},
      .tokens_max = size.wave_tokens_max,
      .sequence_tokens_max = size.challenge_tokens_max,
      .threads = threads,
      .memory_bytes = memory_bytes,
      .extra_bytes = records + comparison_bytes(threads, std::max(a.arch.vocab, b.arch.vocab),
                                                std::vector<size_t>(widths.begin(), widths.end()))};
}

Result<RunPlan> plan_run(const Model& a, const Model& b, const VerifyOptions& options,
                         size_t threads) {
  const uint64_t memory =
      options.memory_bytes != 0 ? options.memory_bytes : memory_limit_bytes() / 2;
  ASSAY_RETURN_IF_ERROR(check_run(options, memory));
  RunPlan out;
  RunSize size{.challenges = options.challenges,
               .challenge_tokens_max = challenge_tokens_max(options)};
  uint64_t begin = 0;
  for (const uint64_t end : wave_ends(options.challenges)) {
    const uint64_t tokens = (end - begin) * challenge_tokens_max(options);
    out.waves.push_back({.challenges = end - begin, .tokens = tokens});
    size.wave_tokens_max = std::max<size_t>(size.wave_tokens_max, tokens);
    begin = end;
  }
  const PlanRequest request = run_plan_request(a, b, size, threads, memory);
  ASSAY_ASSIGN_OR_RETURN(out.execution, plan_execution(request));
  out.memory_bytes_min = std::max(kMemoryBytesMin, memory_bytes_min(request));
  out.segments_a = group_segments(a, out.execution);
  out.segments_b = group_segments(b, out.execution);
  const bool head_held = out.segments_a.back().once && out.segments_b.back().once;
  for (WavePlan& wave : out.waves) {
    const std::vector<size_t> lengths(wave.challenges, challenge_tokens_max(options));
    wave.tiles = cut_tiles(lengths, out.execution.tile_tokens).size();
    wave.head_tiles = cut_tiles(lengths, out.execution.head_tile_tokens).size();
    wave.bytes = wave_bytes(a, out.segments_a, wave, head_held) +
                 wave_bytes(b, out.segments_b, wave, head_held);
    out.execution_bytes += wave.bytes;
  }
  for (const Model* model : {&a, &b}) {
    const uint64_t bytes = file_bytes(*model);
    out.artifact_bytes += bytes;
    out.artifact_hashed_bytes += hashed_bytes(*model);
    out.residual_bytes += uint64_t{4} * size.wave_tokens_max * model->arch.state_width();
    out.flop_per_token += flop_per_token(*model);
  }
  return out;
}

}  // namespace assay
