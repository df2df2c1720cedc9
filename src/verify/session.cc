#include "verify/session.h"

#include <algorithm>
#include <filesystem>

#include "base/memory.h"
#include "model/utf8.h"
#include "verify/challenge.h"
#include "verify/challenge_set.h"
#include "verify/lockstep.h"
#include "verify/resume.h"
#include "verify/run_plan.h"
#include "verify/verdict.h"
#include "verify/waves.h"

namespace assay {
namespace {

constexpr uint64_t kTokensMaxMin = 2;
constexpr uint64_t kSampleTokensMax = 4096;
constexpr uint64_t kPromptsMax = kChallengesMax;
constexpr size_t kArtifactBufferMax = size_t{8} << 20;
constexpr uint64_t kKeyFileBytesMax = 4096;
constexpr uint64_t kKeyFileBytesMin = 16;

Status check_verify_options(const VerifyOptions& o) {
  ASSAY_RETURN_IF_ERROR(check_options({.alpha = o.alpha, .delta = o.delta}));
  const auto range = [](const std::string& name, uint64_t value, uint64_t min,
                        uint64_t max) -> Status {
    if (value >= min && value <= max) return ok_status();
    return invalid_argument(name + " = " + std::to_string(value) + " is not between " +
                            std::to_string(min) + " and " + std::to_string(max));
  };
  if (!o.prompts) ASSAY_RETURN_IF_ERROR(range("--challenges", o.challenges, 1, kChallengesMax));
  if (o.prompts)
    ASSAY_RETURN_IF_ERROR(range("the number of prompts", o.prompts->size(), 1, kPromptsMax));
  ASSAY_RETURN_IF_ERROR(range("--challenge-tokens", challenge_tokens_max(o), kTokensMaxMin,
                              o.prompts ? kCensusTokensMax : kSampleTokensMax));
  if (o.run_id.empty() || o.run_id.size() > 256 || !is_utf8(o.run_id)) {
    return invalid_argument("--run-id must be UTF-8 of 1 to 256 bytes");
  }
  return ok_status();
}

class Verification {
 public:
  Verification(const VerifyOptions& options, const ProgressFn& progress, const ForecastFn& forecast)
      : options_(options),
        progress_(progress),
        forecast_(forecast),
        clock_(options.clock != nullptr ? *options.clock : monotonic_clock()),
        start_(clock_.seconds()),
        test_({.alpha = options.alpha, .delta = options.delta}) {}

  Result<VerifyReport> run() {
    ASSAY_RETURN_IF_ERROR(check_verify_options(options_));
    memory_bytes_ = options_.memory_bytes != 0 ? options_.memory_bytes : memory_limit_bytes() / 2;
    if (memory_bytes_ < kMemoryBytesMin) {
      return resource_exhausted("a memory bound of " + format_size(memory_bytes_) +
                                " is too small; give at least " + format_size(kMemoryBytesMin));
    }
    ASSAY_ASSIGN_OR_RETURN(a_, open_model(options_.reference));
    ASSAY_ASSIGN_OR_RETURN(b_, open_model(options_.target));
    ASSAY_ASSIGN_OR_RETURN(compute_, make_compute(options_.threads));
    ASSAY_ASSIGN_OR_RETURN(key_, load_key());
    if (!options_.resume_dir.empty()) {
      ASSAY_ASSIGN_OR_RETURN(resume_, ResumeFolder::open(options_.resume_dir));
      resume_identity_ = resume_identity();
    }
    ASSAY_RETURN_IF_ERROR(take_artifacts());
    fill_summaries();
    if (artifacts_equal() && !options_.execute_always) return finish_artifact();
    ASSAY_RETURN_IF_ERROR(prepare());
    ASSAY_RETURN_IF_ERROR(execute());
    return finish_execution();
  }

 private:
  // Artifact answers.

  Result<Bytes> load_key() {
    if (!options_.key_file) return Bytes();
    ASSAY_ASSIGN_OR_RETURN(Bytes key, read_whole_file(*options_.key_file, kKeyFileBytesMax));
    if (key.size() < kKeyFileBytesMin) {
      return invalid_argument(*options_.key_file + " has " + std::to_string(key.size()) +
                              " bytes; a challenge key needs " + std::to_string(kKeyFileBytesMin) +
                              " to " + std::to_string(kKeyFileBytesMax) +
                              ", for example from: head -c 32 /dev/urandom");
    }
    return key;
  }

  std::vector<FileIdentity> file_identities() const {
    std::vector<FileIdentity> out;
    for (const Model* model : {&a_, &b_}) {
      for (const auto& file : model->checkpoint.files) out.push_back(file->identity());
    }
    return out;
  }

  // Options that a resumed run must share, before the artifacts are known. Never threads, memory or
  // instruction set: results do not depend on them.
  Digest resume_identity() const {
    Bytes content;
    append_sized(content, "assay.resume.v1");
    append_sized(content, kProfileId);
    append_sized(content, options_.reference);
    append_sized(content, options_.target);
    append_sized(content, options_.run_id);
    append_le(content, options_.alpha);
    append_le(content, options_.delta);
    append_le(content, options_.challenges);
    append_le(content, challenge_tokens_max(options_));
    append_bytes(content, hmac_sha256(key_, as_bytes("assay.resume.key")));
    append_le(content, static_cast<uint8_t>(options_.prompts.has_value()));
    if (options_.prompts) {
      for (const std::string& prompt : *options_.prompts) append_sized(content, prompt);
    }
    for (const FileIdentity& file : file_identities()) {
      append_le(content, file.size);
      append_le(content, file.inode);
      append_le(content, file.mtime_ns);
    }
    return sha256(content);
  }

  Status take_artifacts() {
    if (resume_ != nullptr) {
      ASSAY_ASSIGN_OR_RETURN(std::optional<RunState> state, resume_->load(resume_identity_));
      if (state) {
        state_ = std::move(*state);
        resumed_ = true;
        return ok_status();
      }
    }
    const size_t buffer = static_cast<size_t>(std::clamp<uint64_t>(
        (memory_bytes_ - kMemoryBytesMin / 2) / 8, size_t{1} << 20, kArtifactBufferMax));
    const auto hash = [&](const Model& model, const std::string& name,
                          ArtifactDigests& out) -> Status {
      uint64_t total = 0;
      for (const auto& file : model.checkpoint.files) total += file->size();
      const uint64_t before = artifact_bytes_read_;
      ASSAY_ASSIGN_OR_RETURN(
          out, hash_artifact(model, compute_, buffer, [&](uint64_t done) {
            artifact_bytes_read_ = before + done;
            report_progress(
                "reading the " + name,
                static_cast<double>(done) / static_cast<double>(std::max<uint64_t>(total, 1)));
          }));
      return ok_status();
    };
    ASSAY_RETURN_IF_ERROR(hash(a_, "reference", state_.artifact_a));
    ASSAY_RETURN_IF_ERROR(hash(b_, "target", state_.artifact_b));
    state_.files = file_identities();
    return save_state(nullptr, nullptr);
  }

  bool artifacts_equal() const {
    return state_.artifact_a.canonical_digest == state_.artifact_b.canonical_digest &&
           report_.model_a.has_tokenizer == report_.model_b.has_tokenizer &&
           report_.model_a.tokenizer_digest == report_.model_b.tokenizer_digest;
  }

  static ModelSummary summary(const Model& model, const ArtifactDigests& artifact) {
    ModelSummary out{.path = model.checkpoint.path,
                     .format = format_name(model.checkpoint),
                     .family = model.arch.family,
                     .types = type_names(model),
                     .parameters = model.parameters,
                     .layers = model.arch.layers,
                     .digest = artifact.digest,
                     .canonical_digest = artifact.canonical_digest,
                     .has_tokenizer = model.tokenizer != nullptr};
    for (const auto& file : model.checkpoint.files) out.bytes += file->size();
    if (model.arch.has_decoder()) out.encoder_layers = model.arch.encoder_layers;
    if (model.tokenizer != nullptr) out.tokenizer_digest = model.tokenizer->digest();
    return out;
  }

  void fill_summaries() {
    report_.model_a = summary(a_, state_.artifact_a);
    report_.model_b = summary(b_, state_.artifact_b);
    report_.alpha = options_.alpha;
    report_.delta = options_.delta;
    report_.run_id = options_.run_id;
    report_.key_source = options_.key_file ? KeySource::kKeyFile : KeySource::kFiles;
    report_.scope = options_.prompts ? Scope::kCensus : Scope::kSample;
    report_.challenge_tokens_max = challenge_tokens_max(options_);
    report_.challenges_requested =
        options_.prompts ? options_.prompts->size() : options_.challenges;
    report_.profile = kProfileId;
    report_.isa = isa_name(compute_.kernels->isa);
    report_.threads = compute_.pool->threads();
    report_.memory_bound_bytes = memory_bytes_;
    if (key_.empty()) key_ = key_of_files(state_.artifact_a.digest, state_.artifact_b.digest);
  }

  Result<VerifyReport> finish_artifact() {
    report_.verdict = Decision::kSame;
    report_.exact = true;
    report_.tier = Tier::kArtifact;
    report_.effect = {.mean = 0, .lower = 0, .upper = 0};
    report_.root_a = state_.artifact_a.canonical_digest;
    report_.root_b = state_.artifact_b.canonical_digest;
    report_.evidence.challenge_set_root = digest_list_root({});
    return finish(
        TranscriptRecords{.run_id = options_.run_id, .a = identity_a(), .b = identity_b()});
  }

  // Preparation.

  RunIdentity identity_a() const {
    return {std::string(kProfileId), report_.model_a.canonical_digest,
            report_.model_a.tokenizer_digest};
  }
  RunIdentity identity_b() const {
    return {std::string(kProfileId), report_.model_b.canonical_digest,
            report_.model_b.tokenizer_digest};
  }

  Status prepare() {
    ASSAY_ASSIGN_OR_RETURN(set_, make_challenge_set(a_, b_, options_, key_));
    for (const std::string& note : set_.notes) report_.notes.emplace_back(note);
    if (options_.prompts && !options_.challenge_tokens) {
      report_.challenge_tokens_max = std::max<uint64_t>(kTokensMaxMin, set_.tokens_max());
    }
    steps_ = make_steps(a_, b_);
    wave_ends_ = wave_ends(set_.size());
    if (state_.observed.size() > set_.size() || state_.steps_done > steps_.size()) {
      return data_loss(options_.resume_dir +
                       " holds more than this run has; remove it to start from the beginning");
    }
    for (size_t i = 0; i < state_.observed.size(); ++i) name_challenge(set_, i, state_);
    for (size_t i = 0; i < state_.challenges_done; ++i) test_.add(state_.observed[i].tv);

    size_t tokens_max = 0;
    size_t wave_begin = 0;
    for (const uint64_t end : wave_ends_) {
      for (const auto* side : {&set_.tokens_a, &set_.tokens_b}) {
        size_t tokens = 0;
        for (size_t i = wave_begin; i < end; ++i) tokens += (*side)[i].size();
        tokens_max = std::max(tokens_max, tokens);
      }
      wave_begin = end;
    }
    const RunSize size{.challenges = set_.size(),
                       .challenge_tokens_max = set_.tokens_max(),
                       .wave_tokens_max = tokens_max};
    ASSAY_ASSIGN_OR_RETURN(plan_, plan_execution(run_plan_request(
                                      a_, b_, size, compute_.pool->threads(), memory_bytes_)));
    if (forecast_) forecast_(make_forecast());
    return ok_status();
  }

  Forecast make_forecast() const {
    Forecast out;
    const uint64_t least = same_samples_min({.alpha = options_.alpha, .delta = options_.delta});
    const std::string budget = std::to_string(set_.size()) + " challenges";
    if (options_.prompts) {
      out.lines.push_back(
          budget + " of your own: a census. The verdict will be about exactly these prompts.");
    } else if (set_.size() < least) {
      out.lines.push_back(budget + " cannot certify SAME within " + decimal(options_.delta) +
                          " at error rate " + decimal(options_.alpha) + ": that takes at least " +
                          std::to_string(least) +
                          ", even when every distance is zero. Bit-equal models and clear "
                          "differences will be seen.");
    } else {
      out.lines.push_back(
          budget + " can certify SAME within " + decimal(options_.delta) + " at error rate " +
          decimal(options_.alpha) + " (" + std::to_string(least) +
          " would do if every distance were zero); a clear difference stops after " +
          std::to_string(wave_ends_.front()) + ".");
    }
    out.lines.push_back("Memory planned: " + format_size(plan_.predicted_peak_bytes) + " of " +
                        format_size(memory_bytes_) + ".");
    return out;
  }

  static std::string decimal(double value) {
    std::string text = std::to_string(value);
    while (text.size() > 3 && text.back() == '0') text.pop_back();
    return text;
  }

  // Execution.

  Status execute() {
    ASSAY_ASSIGN_OR_RETURN(
        lockstep_,
        Lockstep::create(
            {.a = &a_,
             .b = &b_,
             .set = &set_,
             .plan = &plan_,
             .scratch_folder = scratch_folder(),
             .resume = resume_.get(),
             .progress = [this](const std::string& site,
                                double fraction) { report_progress(wave_name_ + site, fraction); },
             .after_step = [this](ResidualStore& a,
                                  ResidualStore& b) { return save_state(&a, &b); }},
            compute_));
    for (const uint64_t end : wave_ends_) {
      if (end <= state_.challenges_done) {
        if (decided()) return ok_status();
        continue;
      }
      const uint64_t begin = state_.challenges_done;
      wave_name_ = "challenges " + std::to_string(begin + 1) + "-" + std::to_string(end) + " of " +
                   std::to_string(set_.size()) + ": ";
      ASSAY_RETURN_IF_ERROR(lockstep_->run_wave(end, state_));
      for (uint64_t i = begin; i < end; ++i) test_.add(state_.observed[i].tv);
      ASSAY_RETURN_IF_ERROR(save_state(nullptr, nullptr));
      if (decided()) return ok_status();
    }
    return ok_status();
  }

  // A census is always read to its end: its verdict is about all of it.
  bool decided() const { return !options_.prompts && test_.decision() != Decision::kUndecided; }

  std::string scratch_folder() const {
    if (!options_.resume_dir.empty()) return options_.resume_dir;
    std::error_code error;
    const std::string folder = std::filesystem::temp_directory_path(error).string();
    return error ? "." : folder;
  }

  Status save_state(ResidualStore* a, ResidualStore* b) {
    if (resume_ == nullptr) return ok_status();
    return resume_->save(resume_identity_, state_, a, b);
  }

  // Verdict.

  Result<VerifyReport> finish_execution() {
    TranscriptRecords records{.run_id = options_.run_id, .a = identity_a(), .b = identity_b()};
    for (const Step& step : steps_) {
      records.sites.push_back({step.site, step.segment_a.has_value(), step.segment_b.has_value()});
    }
    records.sites.push_back({"logits", true, true});
    records.challenges = std::move(state_.observed);
    records.unused_commitments.assign(
        set_.commitments.begin() + static_cast<std::ptrdiff_t>(records.challenges.size()),
        set_.commitments.end());
    TranscriptRoots roots = transcript_roots(records);
    report_.evidence = std::move(roots.evidence);
    report_.root_a = roots.root_a;
    report_.root_b = roots.root_b;
    report_.challenges_used = records.challenges.size();
    report_.tier = Tier::kExecution;
    fill_sites(records, state_.outcomes, report_);
    fill_effect(records, state_.outcomes, test_, report_);
    fill_divergence(records, report_);
    fill_notes();
    return finish(records);
  }

  void fill_notes() {
    if (artifacts_equal())
      report_.notes.emplace_back(
          "The weights and the tokenizer are equal as values; executed on request.");
    const std::string changed = changed_tensors(state_.artifact_a, state_.artifact_b);
    if (!changed.empty()) report_.notes.emplace_back(changed + ".");
    if (a_.arch.layers != b_.arch.layers) {
      report_.notes.emplace_back("The models have " + std::to_string(a_.arch.layers) + " and " +
                                 std::to_string(b_.arch.layers) +
                                 " layers; sites that only one has are not compared.");
    }
    if (a_.arch.d_model != b_.arch.d_model) {
      report_.notes.emplace_back("The models have widths " + std::to_string(a_.arch.d_model) +
                                 " and " + std::to_string(b_.arch.d_model) +
                                 "; only their logits can be compared.");
    }
    if (resumed_)
      report_.notes.emplace_back("Resumed from " + options_.resume_dir +
                                 "; time and bytes are of this process only.");
  }

  Result<VerifyReport> finish(const TranscriptRecords& records) {
    if (!options_.transcript_path.empty()) {
      ASSAY_RETURN_IF_ERROR(write_transcript(options_.transcript_path, records));
    }
    if (options_.prompts) report_.evidence.prompts = *options_.prompts;
    report_.bytes_read = bytes_read();
    report_.peak_rss_bytes = peak_rss_bytes();
    report_.seconds = seconds();
    if (resume_ != nullptr) ASSAY_RETURN_IF_ERROR(resume_->remove_state());
    return std::move(report_);
  }

  // Measurement.

  double seconds() const { return clock_.seconds() - start_; }

  uint64_t bytes_read() const {
    uint64_t bytes = artifact_bytes_read_;
    if (lockstep_ != nullptr) bytes += lockstep_->bytes_read();
    return bytes;
  }

  void report_progress(std::string stage, double fraction) const {
    if (!progress_) return;
    Progress progress{.stage = std::move(stage),
                      .fraction = fraction,
                      .bytes_read = bytes_read(),
                      .seconds = seconds()};
    progress.challenges_used = test_.count();
    if (test_.count() > 0) {
      progress.mean = test_.mean();
      progress.lower = test_.lower();
      progress.upper = test_.upper();
    }
    progress_(progress);
  }

  const VerifyOptions& options_;
  const ProgressFn& progress_;
  const ForecastFn& forecast_;
  const Clock& clock_;
  double start_;
  uint64_t memory_bytes_ = 0;
  Bytes key_;
  Model a_;
  Model b_;
  ComputeContext compute_;
  std::unique_ptr<ResumeFolder> resume_;
  Digest resume_identity_{};  // taken before the key is derived from the artifacts
  bool resumed_ = false;
  RunState state_;
  uint64_t artifact_bytes_read_ = 0;
  ChallengeSet set_;
  std::vector<Step> steps_;
  std::vector<uint64_t> wave_ends_;
  std::string wave_name_;
  ExecutionPlan plan_;
  std::unique_ptr<Lockstep> lockstep_;
  MeanTest test_;
  VerifyReport report_;
};

}  // namespace

uint64_t challenge_tokens_max(const VerifyOptions& options) {
  return options.challenge_tokens.value_or(options.prompts ? kCensusTokensMax
                                                           : kChallengeTokensDefault);
}

Result<VerifyReport> verify(const VerifyOptions& options, const ProgressFn& progress,
                            const ForecastFn& forecast) {
  // The test's constructor takes valid options only.
  ASSAY_RETURN_IF_ERROR(check_options({.alpha = options.alpha, .delta = options.delta}));
  Verification verification(options, progress, forecast);
  return verification.run();
}

}  // namespace assay
