#include "verify/lockstep.h"

#include <algorithm>

#include "verify/sites.h"

namespace assay {
namespace {

// Rows of a tile at the site that ends the segment, in scratch unless they lie packed in memory.
Result<const float*> tile_rows(StreamingExecutor& executor, const SequenceTile& tile,
                               std::span<const size_t> lengths, size_t segment,
                               std::vector<float>& scratch) {
  size_t tokens = 0;
  for (const size_t length : lengths) tokens += length;
  ResidualStore& store = executor.residuals();
  if (store.spilled()) scratch.resize(tokens * store.width());
  ASSAY_ASSIGN_OR_RETURN(float* rows,
                         store.get(executor.offset(tile.first_sequence), tokens, scratch));
  const size_t d = executor.model().arch.d_model;
  if (store.width() == d) return static_cast<const float*>(rows);
  // An encoder's output is what it leaves to the decoder.
  const Model& model = executor.model();
  const bool carry = segment_at(model, segment).kind == SegmentKind::kEncoderEnd;
  // Towards the front, so that it works in place too.
  if (!store.spilled()) scratch.resize(tokens * d);
  for (size_t t = 0; t < tokens; ++t) {
    std::copy_n(rows + t * store.width() + (carry ? d : 0), d, scratch.data() + t * d);
  }
  return static_cast<const float*>(scratch.data());
}

}  // namespace

std::vector<Step> make_steps(const Model& a, const Model& b) {
  const auto sites_of = [](const Model& model) {
    std::vector<std::string> sites;
    for (size_t s = 0; s < segment_count(model); ++s) sites.push_back(segment_site(model, s));
    return sites;
  };
  std::vector<Step> steps;
  size_t next_a = 0;
  size_t next_b = 0;
  for (const SharedSite& site : merge_sites(sites_of(a), sites_of(b))) {
    Step step{.site = site.name};
    if (site.in_a) step.segment_a = next_a++;
    if (site.in_b) step.segment_b = next_b++;
    steps.push_back(std::move(step));
  }
  return steps;
}

void name_challenge(const ChallengeSet& set, size_t i, RunState& state) {
  TranscriptChallenge& challenge = state.observed[i];
  challenge.seed = set.seeds[i];
  challenge.commitment = set.commitments[i];
  challenge.tokens.assign(set.tokens_a[i].begin(), set.tokens_a[i].end());
  challenge.scored = static_cast<uint32_t>(set.tokens_a[i].size());
}

Lockstep::Lockstep(const Options& options, ComputeContext& compute)
    : options_(options),
      compute_(compute),
      steps_(make_steps(*options.a, *options.b)),
      stream_(options.plan->buffer_bytes),
      comparison_(std::string(kProfileId), compute) {}

Result<std::unique_ptr<Lockstep>> Lockstep::create(const Options& options,
                                                   ComputeContext& compute) {
  std::unique_ptr<Lockstep> run(new Lockstep(options, compute));
  const StreamingExecutor::Options executor_options{
      .plan = options.plan,
      .sequence_tokens_max = options.set->tokens_max(),
      .scratch_folder = options.scratch_folder};
  ASSAY_ASSIGN_OR_RETURN(
      run->executor_a_,
      StreamingExecutor::create(*options.a, compute, run->stream_, executor_options));
  ASSAY_ASSIGN_OR_RETURN(
      run->executor_b_,
      StreamingExecutor::create(*options.b, compute, run->stream_, executor_options));
  return run;
}

uint64_t Lockstep::bytes_read() const {
  return stream_.bytes_read() + executor_a_->embedding_bytes_read() +
         executor_b_->embedding_bytes_read();
}

Status Lockstep::run_wave(uint64_t end, RunState& state) {
  const size_t begin = state.challenges_done;
  const size_t count = end - begin;
  const bool midway = state.wave_end == end && state.steps_done > 0;
  cut_wave(begin, count);
  ASSAY_RETURN_IF_ERROR(executor_a_->begin(wave_of(options_.set->tokens_a, begin, count)));
  ASSAY_RETURN_IF_ERROR(executor_b_->begin(wave_of(options_.set->tokens_b, begin, count)));
  if (midway) {
    ASSAY_RETURN_IF_ERROR(take_up_wave(state));
  } else {
    state.wave_end = end;
    state.steps_done = 0;
    state.observed.resize(end);
    state.outcomes.resize(end);
    for (size_t i = begin; i < end; ++i) name_challenge(*options_.set, i, state);
  }
  const auto report = [&](const std::string& site, size_t done) {
    if (options_.progress) {
      options_.progress(site, static_cast<double>(done) / static_cast<double>(steps_.size() + 1));
    }
  };
  const size_t first = state.steps_done;
  for (size_t step = first; step < steps_.size(); ++step) {
    // Reads run one step ahead of the computation.
    if (step == first) enqueue(step);
    if (step + 1 < steps_.size()) enqueue(step + 1);
    report(steps_[step].site, step);
    ASSAY_RETURN_IF_ERROR(run_step(steps_[step], begin, state));
    state.steps_done = step + 1;
    if (options_.after_step) {
      ASSAY_RETURN_IF_ERROR(
          options_.after_step(executor_a_->residuals(), executor_b_->residuals()));
    }
  }
  report("logits", steps_.size());
  ASSAY_RETURN_IF_ERROR(run_head(begin, state));
  state.challenges_done = end;
  state.steps_done = 0;
  return ok_status();
}

void Lockstep::cut_wave(size_t begin, size_t count) {
  std::vector<size_t> lengths(count);
  for (size_t i = 0; i < count; ++i) {
    lengths[i] = std::max(options_.set->tokens_a[begin + i].size(),
                          options_.set->tokens_b[begin + i].size());
  }
  tiles_ = cut_tiles(lengths, options_.plan->tile_tokens);
  head_tiles_ = cut_tiles(lengths, options_.plan->head_tile_tokens);
}

StreamingExecutor::Wave Lockstep::wave_of(const std::vector<std::vector<TokenId>>& tokens,
                                          size_t begin, size_t count) const {
  const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
  return {.sequences = {first, first + static_cast<std::ptrdiff_t>(count)},
          .tiles = tiles_,
          .head_tiles = head_tiles_};
}

Status Lockstep::take_up_wave(const RunState& state) {
  ASSAY_RETURN_IF_ERROR(
      options_.resume->load_residuals(executor_a_->residuals(), executor_b_->residuals()));
  size_t segments_a = 0;
  size_t segments_b = 0;
  for (size_t step = 0; step < state.steps_done; ++step) {
    if (steps_[step].segment_a) ++segments_a;
    if (steps_[step].segment_b) ++segments_b;
  }
  executor_a_->resume_at(segments_a);
  executor_b_->resume_at(segments_b);
  return ok_status();
}

void Lockstep::enqueue(size_t step) {
  if (steps_[step].segment_a) executor_a_->enqueue(*steps_[step].segment_a);
  if (steps_[step].segment_b) executor_b_->enqueue(*steps_[step].segment_b);
}

Status Lockstep::run_step(const Step& step, size_t begin, RunState& state) {
  if (step.segment_a) ASSAY_RETURN_IF_ERROR(executor_a_->run(*step.segment_a));
  if (step.segment_b) ASSAY_RETURN_IF_ERROR(executor_b_->run(*step.segment_b));
  for (const SequenceTile& tile : tiles_) {
    const TileLengths lengths = lengths_of(tile);
    const std::span<TranscriptChallenge> challenges(&state.observed[begin + tile.first_sequence],
                                                    tile.sequences);
    SiteRows rows_a{.width = options_.a->arch.d_model};
    SiteRows rows_b{.width = options_.b->arch.d_model};
    std::vector<float> scratch_a;
    std::vector<float> scratch_b;
    if (step.segment_a) {
      ASSAY_ASSIGN_OR_RETURN(rows_a.rows,
                             tile_rows(*executor_a_, tile, lengths.a, *step.segment_a, scratch_a));
      comparison_.observe(Side::kA, step.site, rows_a, lengths.a, challenges);
    }
    if (step.segment_b) {
      ASSAY_ASSIGN_OR_RETURN(rows_b.rows,
                             tile_rows(*executor_b_, tile, lengths.b, *step.segment_b, scratch_b));
      comparison_.observe(Side::kB, step.site, rows_b, lengths.b, challenges);
    }
    if (!step.segment_a || !step.segment_b) continue;
    const auto distances = comparison_.distances(rows_a, rows_b, lengths);
    for (size_t i = 0; i < distances.size(); ++i) {
      state.outcomes[begin + tile.first_sequence + i].sites.push_back(distances[i]);
    }
  }
  return ok_status();
}

TileLengths Lockstep::lengths_of(const SequenceTile& tile) const {
  TileLengths lengths;
  for (size_t s = 0; s < tile.sequences; ++s) {
    lengths.a.push_back(executor_a_->length(tile.first_sequence + s));
    lengths.b.push_back(executor_b_->length(tile.first_sequence + s));
  }
  return lengths;
}

Status Lockstep::run_head(size_t begin, RunState& state) {
  const bool hold = executor_a_->head_fits() && executor_b_->head_fits();
  executor_a_->begin_head(hold);
  executor_b_->begin_head(hold);
  const auto enqueue_tile = [&](size_t tile) {
    executor_a_->enqueue_head(tile);
    executor_b_->enqueue_head(tile);
  };
  enqueue_tile(0);
  for (size_t t = 0; t < head_tiles_.size(); ++t) {
    if (t + 1 < head_tiles_.size()) enqueue_tile(t + 1);
    ASSAY_ASSIGN_OR_RETURN(const auto logits_a, executor_a_->logits(t));
    ASSAY_ASSIGN_OR_RETURN(const auto logits_b, executor_b_->logits(t));
    compare_logits(head_tiles_[t], begin, logits_a, logits_b, state);
  }
  executor_a_->end_head();
  executor_b_->end_head();
  return ok_status();
}

void Lockstep::compare_logits(const SequenceTile& tile, size_t begin,
                              std::span<const float> logits_a, std::span<const float> logits_b,
                              RunState& state) {
  const TileLengths lengths = lengths_of(tile);
  const size_t first = begin + tile.first_sequence;
  const std::span<TranscriptChallenge> challenges(&state.observed[first], tile.sequences);
  const SiteRows rows_a{logits_a.data(), options_.a->arch.vocab};
  const SiteRows rows_b{logits_b.data(), options_.b->arch.vocab};
  comparison_.observe(Side::kA, "logits", rows_a, lengths.a, challenges);
  comparison_.observe(Side::kB, "logits", rows_b, lengths.b, challenges);
  const auto distances = comparison_.distances(rows_a, rows_b, lengths);
  std::vector<bool> same_input(tile.sequences);
  for (size_t i = 0; i < tile.sequences; ++i)
    same_input[i] = options_.set->tokens_a[first + i] == options_.set->tokens_b[first + i];
  const auto outcomes =
      logits_distances(options_.set->symbols, logits_a, logits_b, lengths, same_input, compute_);
  for (size_t i = 0; i < tile.sequences; ++i) {
    state.outcomes[first + i].sites.push_back(distances[i]);
    state.outcomes[first + i].logits = outcomes[i];
    challenges[i].tv = fixed_from_unit(outcomes[i].tv);
  }
}

}  // namespace assay
