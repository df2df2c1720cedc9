// Certificates of real runs: what verify() reports must hold when it is checked, and must come out
// again when it is replayed; with other files, another key or other prompts it must not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/file.h"
#include "verify/certificate.h"
#include "verify/certificate_forging.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

std::string nano(const std::string& name) {
  return std::string(ASSAY_TESTDATA) + "/models/lexi-nano/" + name;
}

VerifyOptions options_for(const std::string& target) {
  VerifyOptions options;
  options.reference = nano("lexi-nano-f32.gguf");
  options.target = nano(target);
  options.challenges = 8;
  options.challenge_tokens = 8;
  options.threads = 1;
  options.memory_bytes = uint64_t{256} << 20;
  return options;
}

std::string certificate_of(const VerifyOptions& options) {
  const Result<VerifyReport> report = verify(options);
  EXPECT_TRUE(report.ok()) << report.status().message();
  return report.ok() ? forging::certificate(*report) : "";
}

ReplayOptions replay_of(const VerifyOptions& options) {
  return {.reference = options.reference,
          .target = options.target,
          .memory_bytes = uint64_t{128} << 20,
          .threads = 2};
}

// The steps that failed, one a line.
std::string replay_faults(const std::string& text, const ReplayOptions& options) {
  const Result<CertificateCheck> check = replay_certificate(text, options);
  if (!check.ok()) return check.status().message();
  std::string out;
  bool replayed = false;
  for (const CertificateCheck::Step& step : check->steps) {
    replayed = replayed || step.name.starts_with("replay: ");
    if (!step.ok) out += step.name + ": " + step.detail + "\n";
  }
  EXPECT_TRUE(replayed || !out.empty());
  EXPECT_EQ(check->ok, out.empty());
  return out;
}

class KeyFile {
 public:
  explicit KeyFile(char byte) : path(::testing::TempDir() + "/assay_replay_key_" + byte) {
    EXPECT_TRUE(write_file_atomically(path, as_bytes(std::string(32, byte))).ok());
  }
  ~KeyFile() { std::remove(path.c_str()); }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;
  const std::string path;
};

TEST(CertificateReplay, RunsOfEveryKindHoldAndReplay) {
  std::vector<VerifyOptions> runs = {
      options_for("lexi-nano-q8_0.gguf"), options_for("lexi-nano-hf"),
      options_for("lexi-nano-edit-l2-f32.gguf"), options_for("lexi-nano-distil-f16.gguf")};
  runs.push_back(options_for("lexi-nano-hf"));
  runs.back().execute_always = true;
  runs.push_back(options_for("lexi-nano-seed2-f16.gguf"));
  runs.back().run_id = "another run \xc3\xa9";
  runs.back().alpha = 0.05;
  runs.back().delta = 0.013;
  runs.push_back(options_for("lexi-nano-q4_0.gguf"));
  runs.back().prompts = {"In the beginning", "a small \"dog\"\n", "In the beginning"};
  for (const VerifyOptions& options : runs) {
    const std::string text = certificate_of(options);
    EXPECT_EQ(forging::faults(text), "") << options.target;
    EXPECT_EQ(replay_faults(text, replay_of(options)), "") << options.target;
  }
}

// Certificates that were made once, by this code on another day and perhaps another machine, hold
// and replay for ever. ASSAY_REWRITE=1 makes them again, after a deliberate change of a format.
TEST(CertificateReplay, KeptCertificatesHoldAndReplay) {
  std::map<std::string, VerifyOptions> runs = {
      {"undecided", options_for("lexi-nano-q8_0.gguf")},
      {"different", options_for("lexi-nano-edit-l2-f32.gguf")},
      {"census", options_for("lexi-nano-distil-f16.gguf")},
      {"artifact", options_for("lexi-nano-hf")},
      {"exact", options_for("lexi-nano-hf")}};
  runs["different"].challenges = 64;
  runs["different"].delta = 0.001;
  runs["census"].prompts = {"In the beginning", "a small \"dog\"\n"};
  runs["exact"].execute_always = true;
  for (const auto& [name, options] : runs) {
    const std::string path = std::string(ASSAY_TESTDATA) + "/certificates/" + name + ".json";
    if (std::getenv("ASSAY_REWRITE") != nullptr) {
      ASSERT_TRUE(write_file_atomically(path, as_bytes(certificate_of(options))).ok());
    }
    const Result<std::string> text = read_text_file(path, kCertificateTextMax);
    ASSERT_TRUE(text.ok()) << text.status().message();
    EXPECT_EQ(replay_faults(*text, replay_of(options)), "") << name;
  }
}

// The default budget stops where the waves and the test say, and the checker agrees.
TEST(CertificateReplay, FullBudgetsHold) {
  for (const char* target : {"lexi-nano-f16.gguf", "lexi-nano-seed2-f16.gguf"}) {
    VerifyOptions options = options_for(target);
    options.challenges = 512;
    options.threads = 2;
    EXPECT_EQ(forging::faults(certificate_of(options)), "") << target;
  }
}

TEST(CertificateReplay, OtherFilesAreFound) {
  const VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  const std::string text = certificate_of(options);
  ReplayOptions replay = replay_of(options);
  replay.target = nano("lexi-nano-q4_0.gguf");
  std::string faults = replay_faults(text, replay);
  EXPECT_THAT(faults, HasSubstr("replay: digest of model b"));
  EXPECT_THAT(faults, HasSubstr("replay: canonical digest of model b"));
  EXPECT_THAT(faults, HasSubstr("replay: root of model b"));
  EXPECT_THAT(faults, ::testing::Not(HasSubstr("replay: digest of model a")));
  // Swapped sides are another statement.
  replay = replay_of(options);
  std::swap(replay.reference, replay.target);
  faults = replay_faults(text, replay);
  EXPECT_THAT(faults, HasSubstr("replay: digest of model a"));
  EXPECT_THAT(faults, HasSubstr("replay: challenge set root"));
  replay.target = nano("nothing.gguf");
  EXPECT_EQ(replay_certificate(text, replay).status().code(), Code::kNotFound);
}

TEST(CertificateReplay, AnArtifactVerdictIsAboutValuesWhateverTheFile) {
  const std::string text = certificate_of(options_for("lexi-nano-hf"));
  ReplayOptions replay = replay_of(options_for("lexi-nano-f32.gguf"));
  EXPECT_EQ(replay_faults(text, replay), "");
  replay.target = nano("lexi-nano-f16.gguf");
  EXPECT_THAT(replay_faults(text, replay),
              HasSubstr("replay: verdict: SAME, exact, tier artifact"));
}

TEST(CertificateReplay, ChallengesOfAKeyFileNeedThatKey) {
  const KeyFile key('k'), other('o');
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.key_file = key.path;
  const std::string text = certificate_of(options);
  EXPECT_EQ(forging::faults(text), "");
  ReplayOptions replay = replay_of(options);
  EXPECT_THAT(replay_faults(text, replay), HasSubstr("give it with --key-file"));
  replay.key_file = key.path;
  EXPECT_EQ(replay_faults(text, replay), "");
  replay.key_file = other.path;
  EXPECT_THAT(replay_faults(text, replay), HasSubstr("replay: challenge set root"));
}

TEST(CertificateReplay, ALongPromptIsExecutedAgainWhole) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.challenge_tokens.reset();
  options.prompts = {"In the beginning", std::string(600, 'a')};
  const std::string text = certificate_of(options);
  EXPECT_EQ(forging::faults(text), "");
  EXPECT_EQ(replay_faults(text, replay_of(options)), "");
}

TEST(CertificateReplay, ALargeCensusNeedsItsPromptsAgain) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.prompts = {std::string(size_t{2} << 20, 'a'), "b"};
  const std::string text = certificate_of(options);
  ReplayOptions replay = replay_of(options);
  EXPECT_THAT(replay_faults(text, replay), HasSubstr("give the list with --prompts"));
  replay.prompts = options.prompts;
  EXPECT_EQ(replay_faults(text, replay), "");
  replay.prompts = {std::vector<std::string>{"c", "b"}};
  EXPECT_THAT(replay_faults(text, replay), HasSubstr("replay: challenge set root"));
}

// A forger who invents distances passes every check of the text alone; this is what replay is for.
TEST(CertificateReplay, InventedDistancesAreFound) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  Result<VerifyReport> report = verify(options);
  ASSERT_TRUE(report.ok());
  MeanTest test({.alpha = options.alpha, .delta = options.delta});
  for (ChallengeEvidence& challenge : report->evidence.challenges) {
    challenge.tv = challenge.tv / 2 + 1;
    test.add(challenge.tv);
  }
  report->effect = {.mean = test.mean(), .lower = test.lower(), .upper = test.upper()};
  report->log_e_value = std::max(test.log_e_same(), test.log_e_different());
  report->more_needed = test.more_needed();
  const std::string text = forging::certificate(*report);
  EXPECT_EQ(forging::faults(text), "");
  EXPECT_THAT(
      replay_faults(text, replay_of(options)),
      HasSubstr("replay: distances: 8 stated and 8 found; the first that differs is that of "
                "challenge 0"));
}

TEST(CertificateReplay, AFalseCertificateIsNotReplayed) {
  std::string text = certificate_of(options_for("lexi-nano-q8_0.gguf"));
  text.replace(text.find("llama"), 5, "lLama");
  const Result<CertificateCheck> check =
      replay_certificate(text, replay_of(options_for("lexi-nano-q8_0.gguf")));
  ASSERT_TRUE(check.ok());
  EXPECT_FALSE(check->ok);
  for (const CertificateCheck::Step& step : check->steps) {
    EXPECT_FALSE(step.name.starts_with("replay: "));
  }
}

}  // namespace
}  // namespace assay
