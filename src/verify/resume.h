// Checkpoint of a running verification (--resume DIR): everything after the last finished segment,
// in one file that is replaced atomically, so that kill -9 at any moment loses at most one segment.
// docs/formats/resume.md. Tested in session_test.cc and by `tools/soak --kills 100`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/artifact.h"
#include "model/residual_store.h"
#include "verify/comparison.h"
#include "verify/transcript_file.h"

namespace assay {

// State of a run. Challenges [0, challenges_done) are complete; those up to wave_end have passed
// `steps_done` steps.
struct RunState {
  std::vector<FileIdentity> files;  // of both models, to know that the digests still hold
  ArtifactDigests artifact_a;
  ArtifactDigests artifact_b;
  uint64_t challenges_done = 0;
  uint64_t wave_end = 0;
  uint64_t steps_done = 0;
  std::vector<TranscriptChallenge> observed;  // one a challenge up to wave_end
  std::vector<ChallengeOutcome> outcomes;     // the same
};

class ResumeFolder {
 public:
  // Creates the folder if needed and locks it. Errors: FAILED_PRECONDITION when another process
  // holds it; creating.
  static Result<std::unique_ptr<ResumeFolder>> open(const std::string& path);
  ~ResumeFolder();
  ResumeFolder(const ResumeFolder&) = delete;
  ResumeFolder& operator=(const ResumeFolder&) = delete;

  // Residuals may be null (between waves). identity: what must be the same for a state to be taken
  // up.
  Status save(const Digest& identity, const RunState& state, ResidualStore* a, ResidualStore* b);

  // nullopt when there is no state. Errors: FAILED_PRECONDITION when it belongs to a run with other
  // options or files; DATA_LOSS when it is damaged (says to remove the folder).
  Result<std::optional<RunState>> load(const Digest& identity);
  // Fills the residuals of the loaded state. Pre: load gave a state with steps_done > 0.
  Status load_residuals(ResidualStore& a, ResidualStore& b);

  Status remove_state();

 private:
  explicit ResumeFolder(std::string path) : path_(std::move(path)) {}
  std::string state_path() const { return path_ + "/state.assay"; }
  std::string path_;
  int lock_fd_ = -1;
  uint64_t residuals_at_ = 0;  // offset in the state file
};

}  // namespace assay
