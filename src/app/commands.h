// The commands of `assay`: what each is asked for, and the function that does it. cli.cc reads the
// arguments into these; each function is in cmd_<name>.cc, writes its results to stdout and its
// errors to stderr, and returns the exit code.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/console.h"
#include "app/exit_code.h"
#include "app/speed.h"
#include "model/sampler.h"
#include "model/tokenizer.h"
#include "tensor/dtype.h"
#include "verify/session.h"

namespace assay {

struct VerifyCommand {
  VerifyOptions options;
  std::string program = "assay";  // as the user called it, for the lines to type next
  std::string prompts_path;       // a census over the lines of this file; empty: a sample
  std::string json_path;          // "-": stdout; empty: none
  std::string certificate_path;   // empty: none
  std::string signing_key_path;   // empty: the key of this user, made on first use
  FailOn fail_on = FailOn::kUndecided;
  bool quiet = false;  // no report for people, no progress
};
int run_verify(const VerifyCommand& command, const Console& console);

struct InspectCommand {
  std::string model;
  bool json = false;
  bool tensors = false;
  bool digests = false;  // reads every byte
  uint64_t threads = 0;
};
int run_inspect(const InspectCommand& command, const Console& console);

struct CheckCommand {
  std::string certificate;
  std::vector<std::string> replay;  // empty, or reference and target
  uint64_t memory_bytes = 0;
  uint64_t threads = 0;
};
int run_check(const CheckCommand& command, const Console& console);

struct KeygenCommand {
  std::string path;
};
int run_keygen(const KeygenCommand& command, const Console& console);

struct PlanCommand {
  std::string model;        // empty: a shape of `parameters`
  std::string target;       // empty: like the first
  uint64_t parameters = 0;  // 0: the model is a file
  DType type = DType::kF16;
  uint64_t challenges = kChallengesDefault;
  uint64_t memory_bytes = 0;  // 0: half of what there is
  uint64_t threads = 0;
  bool json = false;
};
int run_plan(const PlanCommand& command, const Console& console);

struct LogitsCommand {
  std::string model;
  std::vector<TokenId> tokens;
  std::string tokens_path;  // the ids are in this file instead
  bool json = false;
  uint64_t memory_bytes = 0;  // 0: all there is
  uint64_t threads = 0;
};
int run_logits(const LogitsCommand& command, const Console& console);

struct GenerateCommand {
  std::string model;
  std::optional<std::string> prompt;
  std::string prompt_path;  // the prompt is in this file instead
  uint64_t tokens = 0;
  SamplingOptions sampling{};
  bool json = false;
  uint64_t memory_bytes = 0;  // 0: all there is
  uint64_t threads = 0;
};
int run_generate(const GenerateCommand& command, const Console& console);

struct BenchCommand {
  std::string model;
  SpeedOptions options;
  bool json = false;
  uint64_t threads = 0;
};
int run_bench(const BenchCommand& command, const Console& console);

struct TokenizeCommand {
  std::string model;
  std::string text;
  bool json = false;
  bool ids = false;  // only the ids, separated by commas: what --tokens of `logits` takes
};
int run_tokenize(const TokenizeCommand& command, const Console& console);

struct SynthCommand {
  std::string path;
  uint64_t parameters = 0;
  DType type = DType::kF16;
  uint64_t seed = 0;
  std::string change_tensor;
  uint64_t threads = 0;
};
int run_synth(const SynthCommand& command, const Console& console);

struct VersionCommand {};
int run_version(const VersionCommand& command, const Console& console);

}  // namespace assay
