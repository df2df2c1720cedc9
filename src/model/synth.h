// synthesize: a valid llama-family GGUF of any size with seeded random weights, for tests of scale
// and speed where no published model can be had. The same options give the same bytes on every
// machine, for any number of threads. Tested in synth_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "model/synth_plan.h"

namespace assay {

struct SynthOptions {
  std::string path{};
  uint64_t params = 0;
  DType type = DType::kF16;
  uint64_t seed = 0;
  // When not empty: this tensor alone gets other values (noise of 1/16 of its deviation is added);
  // every other byte of the file stays the same.
  std::string change_tensor{};
  size_t threads = 1;
  bool sync = true;  // fsync before the file takes its name
};

struct SynthReport {
  SynthShape shape;
  uint64_t params = 0;
  uint64_t file_bytes = 0;
};

// Weight i of a tensor is a function of (seed, tensor name, i) only: a sum of four uniforms,
// nearly normal, bounded by 3.5 deviations, so that activations stay finite.
// Errors: INVALID_ARGUMENT (parameter count out of range; change_tensor is not in the model: lists
// close names), and those of GgufWriter.
// Cost: about 4 ns a weight and thread; memory 2 MiB a thread. progress is called from the calling
// thread after each tensor.
Result<SynthReport> synthesize(
    const SynthOptions& options,
    const std::function<void(uint64_t bytes_done, uint64_t bytes_total)>& progress = {});

// The values of elements [first, first + out.size()) of a tensor, before they are encoded.
void synth_values(const SynthTensor& tensor, const SynthOptions& options, uint64_t first,
                  std::span<float> out);

}  // namespace assay
