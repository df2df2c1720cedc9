// Lockstep: runs two models over the same challenges side by side, from site to site, and compares
// them at each. Only the residual streams are kept, so a site is looked at while both models stand
// there. Tested in session_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/executor.h"
#include "verify/challenge_set.h"
#include "verify/comparison.h"
#include "verify/resume.h"

namespace assay {

// One step advances each model that has the site to it.
struct Step {
  std::string site;
  std::optional<size_t> segment_a;
  std::optional<size_t> segment_b;
};
// All steps before the head, in execution order.
std::vector<Step> make_steps(const Model& a, const Model& b);

class Lockstep {
 public:
  // Everything referred to outlives the object.
  struct Options {
    const Model* a = nullptr;
    const Model* b = nullptr;
    const ChallengeSet* set = nullptr;
    const ExecutionPlan* plan = nullptr;
    std::string scratch_folder;
    ResumeFolder* resume = nullptr;  // null: not resumable
    // Called before each step with the site and the share of the wave that is done.
    std::function<void(const std::string& site, double fraction)> progress;
    // Called after each step, with the residuals to save.
    std::function<Status(ResidualStore& a, ResidualStore& b)> after_step;
  };
  // Errors: those of StreamingExecutor::create.
  static Result<std::unique_ptr<Lockstep>> create(const Options& options, ComputeContext& compute);

  // Runs challenges [state.challenges_done, end), or what is left of them when state stands in the
  // middle of that wave; adds their observations and outcomes to state. Errors: reading, the
  // scratch file, what after_step gives.
  Status run_wave(uint64_t end, RunState& state);

  uint64_t bytes_read() const;

 private:
  Lockstep(const Options& options, ComputeContext& compute);
  void cut_wave(size_t begin, size_t count);
  StreamingExecutor::Wave wave_of(const std::vector<std::vector<TokenId>>& tokens, size_t begin,
                                  size_t count) const;
  Status take_up_wave(const RunState& state);
  void enqueue(size_t step);
  Status run_step(const Step& step, size_t begin, RunState& state);
  TileLengths lengths_of(const SequenceTile& tile) const;
  Status run_head(size_t begin, RunState& state);
  void compare_logits(const SequenceTile& tile, size_t begin, std::span<const float> logits_a,
                      std::span<const float> logits_b, RunState& state);

  const Options options_;
  ComputeContext& compute_;
  const std::vector<Step> steps_;
  PanelStream stream_;  // outlives the executors, which hold its panels
  SiteComparison comparison_;
  std::unique_ptr<StreamingExecutor> executor_a_;
  std::unique_ptr<StreamingExecutor> executor_b_;
  std::vector<SequenceTile> tiles_;  // of the present wave
  std::vector<SequenceTile> head_tiles_;
};

// Gives challenge i of the state its seed, commitment and tokens, which are not saved with it.
void name_challenge(const ChallengeSet& set, size_t i, RunState& state);

}  // namespace assay
