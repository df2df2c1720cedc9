// Speed of the two streamed passes over a model beside what the disk gives: raw sequential reads,
// the pass that hashes, the pass that executes. They take turns, so that a noisy machine is equally
// noisy for all, and medians are printed. Run in a cgroup to see what a bound costs.
//   panel_stream_bench MODEL [memory_mib=512] [rounds=3] [threads=2] [tokens=2] [cached|direct]
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/memory.h"
#include "model/artifact.h"
#include "model/executor.h"
#include "model/plan.h"

namespace assay {
namespace {

struct Settings {
  uint64_t memory_bytes = 0;
  size_t rounds = 3;
  size_t threads = 2;
  size_t tokens = 2;
  ReadPath path = ReadPath::kBySize;
};

// Raw reads as `dd iflag=direct bs=4M` does them.
uint64_t read_raw(const Model& model) {
  constexpr size_t kBlock = size_t{4} << 20;
  const std::unique_ptr<void, void (*)(void*)> block(std::aligned_alloc(4096, kBlock), std::free);
  uint64_t bytes = 0;
  for (const auto& file : model.checkpoint.files) {
    int fd = ::open(file->path().c_str(), O_RDONLY | O_DIRECT);
    if (fd < 0) fd = ::open(file->path().c_str(), O_RDONLY);
    for (ssize_t got = 1; got > 0; bytes += static_cast<uint64_t>(std::max<ssize_t>(got, 0))) {
      got = ::read(fd, block.get(), kBlock);
    }
    ::close(fd);
  }
  return bytes;
}

// The panels of an execution pass, without the computation.
uint64_t read_panels(const Model& model, const ExecutionPlan& plan, ReadPath path) {
  PanelStream stream(plan.buffer_bytes, path);
  size_t panels = 0;
  const auto enqueue = [&](const std::vector<const BoundTensor*>& matrices) {
    for (const PanelLayout& layout : cut_panels(matrices, plan.buffer_bytes)) {
      std::vector<Extent> extents;
      for (const PanelPiece& piece : layout) {
        append_extents(model, *piece.tensor, piece.row0, piece.rows, extents);
      }
      stream.enqueue(std::move(extents));
      ++panels;
    }
  };
  for (size_t s = 0; s < segment_count(model); ++s) enqueue(segment_matrices(model, s));
  enqueue({&head_tensor(model)});
  while (panels-- > 0) ASSAY_CHECK(stream.next().ok());
  return stream.bytes_read();
}

uint64_t execute(const Model& model, ComputeContext& compute, const ExecutionPlan& plan,
                 const Settings& settings) {
  PanelStream stream(plan.buffer_bytes, settings.path);
  auto created = StreamingExecutor::create(
      model, compute, stream,
      {.plan = &plan, .sequence_tokens_max = settings.tokens, .scratch_folder = "."});
  ASSAY_CHECK(created.ok());
  StreamingExecutor& executor = **created;
  StreamingExecutor::Wave wave;
  wave.sequences.emplace_back(settings.tokens, 5);
  wave.tiles = {{0, 1}};
  wave.head_tiles = {{0, 1}};
  ASSAY_CHECK(executor.begin(std::move(wave)).ok());
  executor.enqueue(0);
  for (size_t s = 0; s < segment_count(model); ++s) {
    if (s + 1 < segment_count(model)) executor.enqueue(s + 1);
    ASSAY_CHECK(executor.run(s).ok());
  }
  executor.begin_head(executor.head_fits());
  executor.enqueue_head(0);
  ASSAY_CHECK(executor.logits(0).ok());
  executor.end_head();
  return stream.bytes_read();
}

// Of all threads of this process so far, in user space and in the kernel.
double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Pass {
  const char* name;
  std::function<uint64_t()> run;
  std::vector<double> rates{};
  std::vector<double> processor{};  // seconds a GB: what a busy machine does not change
};

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int bench(const std::string& path, const Settings& settings) {
  const auto model = open_model(path);
  auto compute = make_compute(settings.threads);
  if (!model.ok() || !compute.ok()) {
    std::fprintf(stderr, "%s\n", model.ok() ? "no compute" : model.status().message().c_str());
    return 1;
  }
  const auto plan = plan_execution({.models = {&*model},
                                    .tokens_max = settings.tokens,
                                    .sequence_tokens_max = settings.tokens,
                                    .threads = settings.threads,
                                    .memory_bytes = settings.memory_bytes});
  if (!plan.ok()) {
    std::fprintf(stderr, "%s\n", plan.status().message().c_str());
    return 1;
  }
  std::vector<Pass> passes = {
      {"raw reads", [&] { return read_raw(*model); }},
      {"panels alone", [&] { return read_panels(*model, *plan, settings.path); }},
      {"hash pass",
       [&] {
         const auto digests = hash_artifact(*model, *compute, size_t{8} << 20);
         ASSAY_CHECK(digests.ok());
         return digests->bytes_read;
       }},
      {"execution", [&] { return execute(*model, *compute, *plan, settings); }},
  };
  for (size_t round = 0; round < settings.rounds; ++round) {
    for (Pass& pass : passes) {
      const double start = monotonic_clock().seconds();
      const double processor = processor_seconds();
      const auto bytes = static_cast<double>(pass.run());
      pass.rates.push_back(bytes / 1e6 / (monotonic_clock().seconds() - start));
      pass.processor.push_back((processor_seconds() - processor) * 1e9 / bytes);
      std::printf("round %zu  %-13s %8.0f MB/s  %5.2f CPU s/GB  peak RSS %4zu MiB\n", round,
                  pass.name, pass.rates.back(), pass.processor.back(),
                  static_cast<size_t>(peak_rss_bytes() >> 20));
      std::fflush(stdout);
    }
  }
  double load[3] = {};
  getloadavg(load, 3);
  std::printf("%s, --memory %zu MiB, %zu threads, %zu tokens, load %.1f; buffers of %zu MiB\n",
              path.c_str(), static_cast<size_t>(settings.memory_bytes >> 20), settings.threads,
              settings.tokens, load[0], plan->buffer_bytes >> 20);
  for (const Pass& pass : passes) {
    std::vector<double> shares;
    for (size_t r = 0; r < settings.rounds; ++r) {
      shares.push_back(pass.rates[r] / passes[0].rates[r]);
    }
    std::printf("%-13s %8.0f MB/s  %5.1f %% of raw  %5.2f CPU s/GB\n", pass.name,
                median_of(pass.rates), 100 * median_of(shares), median_of(pass.processor));
  }
  return 0;
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  const auto number = [&](int i, size_t otherwise) {
    return argc > i ? static_cast<size_t>(std::strtoull(argv[i], nullptr, 10)) : otherwise;
  };
  if (argc < 2) return 64;
  const std::string path = argc > 6 ? argv[6] : "";
  return assay::bench(argv[1], {.memory_bytes = uint64_t{number(2, 512)} << 20,
                                .rounds = std::max<size_t>(1, number(3, 3)),
                                .threads = std::max<size_t>(1, number(4, 2)),
                                .tokens = std::max<size_t>(1, number(5, 2)),
                                .path = path == "cached"   ? assay::ReadPath::kCached
                                        : path == "direct" ? assay::ReadPath::kDirect
                                                           : assay::ReadPath::kBySize});
}
