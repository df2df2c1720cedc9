// Speed of an engine's steps: tokens a second of B sequences that each get one token a step, and of
// prompts in steps of different sizes. Batches take turns, so that a noisy machine is equally noisy
// for all, and medians are printed. With one thread, seconds are those of the thread on a
// processor: other programs that take their turn do not count.
//   engine_bench MODEL [threads=1] [context=64] [rounds=5]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"
#include "model/engine.h"

namespace assay {
namespace {

constexpr size_t kBatches[] = {1, 2, 4, 8, 16, 32};
constexpr size_t kPrefills[] = {64, 128, 256, 512};
constexpr size_t kPromptTokens = 512;

struct Settings {
  size_t threads = 1;
  size_t context = 64;  // tokens of each sequence before the first step, in whole pages
  size_t rounds = 5;
};

double seconds_now(const ComputeContext& compute) {
  if (compute.pool->threads() > 1) return monotonic_clock().seconds();
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<TokenId> random_tokens(const Model& model, size_t count) {
  Prng prng(1);
  std::vector<TokenId> tokens(count);
  for (TokenId& id : tokens) id = static_cast<TokenId>(prng.below(model.arch.vocab));
  return tokens;
}

Result<double> decode_seconds(Engine& engine, const ComputeContext& compute,
                              std::span<const TokenId> tokens, std::span<const Sequence> begun) {
  const size_t steps = std::max<size_t>(2, 32 / begun.size());
  std::vector<Sequence> sequences;
  for (const Sequence& sequence : begun) sequences.push_back(engine.begin(sequence.pages()));
  const double start = seconds_now(compute);
  for (size_t step = 0; step < steps; ++step) {
    std::vector<Engine::Work> works;
    for (Sequence& sequence : sequences) works.push_back({&sequence, tokens.subspan(step, 1), 0});
    ASSAY_RETURN_IF_ERROR(engine.step(works, [](const Engine::LogitsTile&) {}));
  }
  return (seconds_now(compute) - start) / static_cast<double>(steps);
}

Status bench_decode(const Model& model, ComputeContext& compute, const Settings& settings) {
  constexpr size_t kSteps = KvPool::kPagePositions;  // in a page of their own
  const size_t context = KvPool::pages_for(settings.context) * KvPool::kPagePositions;
  const size_t positions = context + kSteps;
  ASSAY_ASSIGN_OR_RETURN(
      const auto engine,
      Engine::load(model, compute,
                   {.positions_max = positions,
                    .pages = KvPool::pages_for(positions) * std::ranges::max(kBatches),
                    .batch_tokens = std::max<size_t>(64, std::ranges::max(kBatches))}));
  const std::vector<TokenId> tokens = random_tokens(model, positions);
  std::vector<Sequence> begun;
  for (size_t i = 0; i < std::ranges::max(kBatches); ++i) {
    begun.push_back(engine->begin());
    ASSAY_RETURN_IF_ERROR(engine->forward(begun.back(), std::span(tokens).first(context)).status());
  }
  std::vector<std::vector<double>> seconds(std::size(kBatches));
  for (size_t round = 0; round < settings.rounds; ++round) {
    for (size_t i = 0; i < std::size(kBatches); ++i) {
      ASSAY_ASSIGN_OR_RETURN(
          const double time,
          decode_seconds(*engine, compute, tokens, std::span(begun).first(kBatches[i])));
      seconds[i].push_back(time);
    }
  }
  std::printf("decode, context %zu\n", context);
  const double alone = median(seconds[0]);
  for (size_t i = 0; i < std::size(kBatches); ++i) {
    const double time = median(seconds[i]);
    const auto batch = static_cast<double>(kBatches[i]);
    std::printf("  batch %3zu  %8.1f tokens/s  %8.3f ms a step  x%.2f\n", kBatches[i], batch / time,
                1e3 * time, batch * alone / time);
  }
  return ok_status();
}

Status bench_prefill(const Model& model, ComputeContext& compute, const Settings& settings) {
  const std::vector<TokenId> tokens = random_tokens(model, kPromptTokens);
  std::printf("prefill of %zu tokens\n", kPromptTokens);
  std::fflush(stdout);
  for (const size_t batch : kPrefills) {
    ASSAY_ASSIGN_OR_RETURN(
        const auto engine,
        Engine::load(model, compute, {.positions_max = kPromptTokens, .batch_tokens = batch}));
    std::vector<double> seconds;
    for (size_t round = 0; round < settings.rounds; ++round) {
      Sequence sequence = engine->begin();
      const double start = seconds_now(compute);
      ASSAY_RETURN_IF_ERROR(engine->forward(sequence, tokens).status());
      seconds.push_back(seconds_now(compute) - start);
    }
    std::printf("  %3zu a step  %8.1f tokens/s\n", batch,
                static_cast<double>(kPromptTokens) / median(seconds));
    std::fflush(stdout);
  }
  return ok_status();
}

Status run(const std::string& path, const Settings& settings) {
  ASSAY_ASSIGN_OR_RETURN(const Model model, open_model(path));
  ASSAY_ASSIGN_OR_RETURN(ComputeContext compute, make_compute(settings.threads));
  std::printf("%s, %s, %zu threads\n", path.c_str(), type_names(model).c_str(),
              compute.pool->threads());
  std::fflush(stdout);
  ASSAY_RETURN_IF_ERROR(bench_decode(model, compute, settings));
  return bench_prefill(model, compute, settings);
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  if (argc < 2 || argc > 5) {
    std::fprintf(stderr, "usage: engine_bench MODEL [threads] [context] [rounds]\n");
    return 2;
  }
  const auto number = [&](int i, size_t otherwise) {
    return i < argc ? static_cast<size_t>(std::strtoul(argv[i], nullptr, 10)) : otherwise;
  };
  const assay::Status status = assay::run(
      argv[1], {.threads = number(2, 1), .context = number(3, 64), .rounds = number(4, 5)});
  if (!status.ok()) std::fprintf(stderr, "engine_bench: %s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
