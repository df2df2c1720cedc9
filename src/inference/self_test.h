// SelfTest: whether a model that is served still computes what was pinned, in every configuration,
// and whether its weights in memory are those of the file. Tested in self_test_test.cc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "inference/batcher.h"
#include "inference/goldens.h"

namespace assay {

// Every combination of these. What says "empty" stands for the way requests are computed now.
struct SelfTestMatrix {
  std::vector<Isa> isas;        // each present; or empty
  std::vector<size_t> threads;  // each in [1, kSelfTestThreadsMax]; or empty
  std::vector<size_t> batches;  // sequences computed at once: the golden among others
  std::vector<size_t> chunks;   // most tokens of the prompt a step; a step may have less room
};
inline constexpr size_t kSelfTestThreadsMax = 16;
inline constexpr size_t kSelfTestBatchesMax = 64;
inline constexpr size_t kSelfTestRunsMax = 4096;

struct SelfTestResult {
  std::string golden;
  Isa isa{};
  size_t threads = 0;
  size_t batch = 0;
  size_t chunk = 0;
  Digest expected{};
  Digest actual{};
  bool matches() const { return expected == actual; }
};

// What a self-test runs on. All of it has to outlive the call.
struct SelfTestSubject {
  Batcher* batcher = nullptr;
  const Model* model = nullptr;
  ComputeContext* compute = nullptr;
  ModelIdentity identity;
};

// Every golden in every configuration, one between two steps of the batcher each. stop, asked
// between them: true ends it with CANCELLED. More threads than the server's need
// ComputeContext::threads_max. Errors: FAILED_PRECONDITION when there is no golden, or they were
// made with another model; INVALID_ARGUMENT for a golden or a configuration that cannot be run
// (names it); RESOURCE_EXHAUSTED (pages); UNAVAILABLE. Threads: any but the batcher's.
Result<std::vector<SelfTestResult>> run_self_test(const SelfTestSubject& subject,
                                                  const Goldens& goldens,
                                                  const SelfTestMatrix& matrix,
                                                  const std::function<bool()>& stop = {});
// Makes the transcripts of goldens from what the model answers now, alone. Errors: as above.
Status fill_goldens(const SelfTestSubject& subject, Goldens& goldens);

struct GoldenDraw {
  size_t context_tokens = 0;  // of the model as it is served; prompts fill at most half of it
  size_t count = 0;           // at most kGoldensMax
  uint64_t seed = 0;
};
// Prompts for a model, drawn from its vocabulary: the same ones everywhere. Short and long ones,
// to be scored and to be continued; without transcripts. Pre: a context of 2 tokens or more
// (CHECK).
std::vector<Golden> draw_goldens(const Model& model, const GoldenDraw& draw);

}  // namespace assay
