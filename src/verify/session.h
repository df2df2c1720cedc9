// The main job: compare two models that are files. Artifact answers first, then execution over
// committed challenges in waves until the evidence suffices (04-white-box). Tested in
// session_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "verify/report.h"

namespace assay {

inline constexpr uint64_t kChallengesDefault = 512;
inline constexpr uint64_t kChallengesMax = 10000;
inline constexpr uint64_t kChallengeTokensDefault = 24;

struct VerifyOptions {
  std::string reference;
  std::string target;
  uint64_t challenges = kChallengesDefault;
  // At most this many tokens of each challenge. Unset: kChallengeTokensDefault of a sample, and
  // prompts whole.
  std::optional<uint64_t> challenge_tokens;
  double alpha = 0.01;
  double delta = 0.02;
  uint64_t memory_bytes = 0;  // hard bound; 0: half of what this machine or cgroup has
  uint64_t threads = 0;       // 0: all processors
  std::optional<std::string> key_file;
  std::string run_id = "default";
  std::optional<std::vector<std::string>> prompts;  // a census instead of a sample
  std::string resume_dir;                           // empty: none
  std::string transcript_path;                      // empty: none
  const Clock* clock = nullptr;                     // null: the system's
  bool execute_always = false;  // go on to execution even when the artifacts are already equal
};

// The limit that holds: what is set, or of whole prompts the most that is taken.
uint64_t challenge_tokens_max(const VerifyOptions& options);

// Called from the verifying thread, often; must be quick. fraction in [0, 1] of the present stage.
struct Progress {
  std::string stage;  // "reading reference", "challenges 1-64 of 512: L3.post_mlp"
  double fraction = 0;
  uint64_t bytes_read = 0;
  double seconds = 0;
  uint64_t challenges_used = 0;
  double mean = 0, lower = 0, upper = 1;  // of the effect, once there is one
};
using ProgressFn = std::function<void(const Progress&)>;

// Said before anything is executed: what this budget can and cannot certify, the smallest memory,
// one line each.
struct Forecast {
  std::vector<std::string> lines;
};
using ForecastFn = std::function<void(const Forecast&)>;

// Errors: INVALID_ARGUMENT (an option), NOT_FOUND / DATA_LOSS / UNIMPLEMENTED (a model file),
// RESOURCE_EXHAUSTED (memory bound too small: names the smallest feasible), FAILED_PRECONDITION
// (resume folder of another run; says what differs).
Result<VerifyReport> verify(const VerifyOptions& options, const ProgressFn& progress = {},
                            const ForecastFn& forecast = {});

}  // namespace assay
