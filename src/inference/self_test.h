// SelfTest: whether a model that is served still computes what was pinned, in every configuration,
// and whether its weights in memory are those of the file. Tested in self_test_test.cc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "inference/batcher.h"
#include "inference/goldens.h"

namespace assay {

struct SelfTestMatrix {
  std::vector<Isa> isas;        // each present
  std::vector<size_t> threads;  // each in [1, kSelfTestThreadsMax]
  std::vector<size_t> batches;  // sequences computed at once: the golden among others
  std::vector<size_t> chunks;   // tokens of the prompt a step
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
// between them: true ends it with CANCELLED. Errors: FAILED_PRECONDITION when there is no golden,
// or they were made with another model; INVALID_ARGUMENT for a configuration that cannot be run
// (names it); RESOURCE_EXHAUSTED; UNAVAILABLE.
Result<std::vector<SelfTestResult>> run_self_test(const SelfTestSubject& subject,
                                                  const Goldens& goldens,
                                                  const SelfTestMatrix& matrix,
                                                  const std::function<bool()>& stop = {});
// Makes the transcripts of goldens from what the model answers now, in one configuration.
Status fill_goldens(const SelfTestSubject& subject, Goldens& goldens);

}  // namespace assay
