// Speed of the kernels beside what bounds them: the matrix product beside OpenBLAS sgemm, matrix x
// vector beside a plain read of the same bytes. One thread; the candidates of a group take turns,
// so that a noisy machine is equally noisy for all, and medians are printed.
//   kernels_bench [isa ...] [type ...] [matmul|few|rows ...]
// OPENBLAS_CORETYPE=Haswell gives the AVX2 kernels of OpenBLAS.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/fpenv.h"
#include "tensor/kernels.h"
#include "tensor/profile_reference.h"

#ifdef ASSAY_OPENBLAS
extern "C" {
void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                 const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
void openblas_set_num_threads(int threads);
char* openblas_get_corename();
}
#endif

namespace assay {
namespace {

// Time of this thread on a processor: other programs that take their turn do not count.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
double seconds(const std::function<void()>& body) {
  const double start = thread_seconds();
  body();
  return thread_seconds() - start;
}

struct Candidate {
  std::string name;
  std::function<void()> body;
  std::vector<double> times = {};
};

// Prints the median rate of each candidate, and its ratio to the first: the median over rounds of
// the ratios within a round.
void race(const char* title, double work, const char* unit, int rounds,
          std::vector<Candidate> candidates) {
  for (int round = -1; round < rounds; ++round) {
    for (Candidate& c : candidates) {
      const double time = seconds(c.body);
      if (round >= 0) c.times.push_back(time);
    }
  }
  const auto median = [](std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
  };
  std::printf("%s\n", title);
  for (const Candidate& c : candidates) {
    std::vector<double> ratios;
    for (size_t i = 0; i < c.times.size(); ++i) {
      ratios.push_back(candidates[0].times[i] / c.times[i]);
    }
    std::printf("  %-16s %8.2f %s  x%.3f\n", c.name.c_str(), work / median(c.times) * 1e-9, unit,
                median(ratios));
  }
  std::fflush(stdout);
}

void bench_matmul(const std::vector<Isa>& isas, DType type, size_t tokens, size_t rows, size_t k) {
  Prng prng(1);
  const auto x = reference::random_floats(prng, tokens * k);
  const Bytes w = reference::random_weights(prng, type, rows, k);
  std::vector<float> y(tokens * rows);
  std::vector<float> scratch(matmul_scratch_floats(k));
  std::vector<Candidate> candidates;
#ifdef ASSAY_OPENBLAS
  std::vector<float> w_f32(rows * k);
  kernels_for(isas.back()).decode(type, w.data(), rows * k, w_f32.data());
  openblas_set_num_threads(1);
  candidates.push_back({std::string("OpenBLAS ") + openblas_get_corename(), [&] {
                          const auto n = [](size_t v) { return static_cast<int>(v); };
                          cblas_sgemm(101, 111, 112, n(tokens), n(rows), n(k), 1.0F, x.data(), n(k),
                                      w_f32.data(), n(k), 0.0F, y.data(), n(rows));
                        }});
#endif
  for (const Isa isa : isas) {
    candidates.push_back({std::string(isa_name(isa)), [&, isa] {
                            kernels_for(isa).matmul({.x = x.data(),
                                                     .tokens = tokens,
                                                     .x_stride = k,
                                                     .w = w.data(),
                                                     .type = type,
                                                     .rows = rows,
                                                     .k = k,
                                                     .y = y.data(),
                                                     .y_stride = rows},
                                                    scratch.data());
                          }});
  }
  const std::string title = "matmul " + std::string(dtype_info(type).name) + " " +
                            std::to_string(tokens) + " x " + std::to_string(rows) + " x " +
                            std::to_string(k);
  const double flop = 2.0 * static_cast<double>(tokens * rows * k);
  race(title.c_str(), flop, "GFLOP/s", std::clamp(static_cast<int>(60e9 / flop), 5, 101),
       std::move(candidates));
}

// Reads every byte once and keeps a sum that the compiler cannot drop: eight streams of vectors.
uint64_t read_all(const Bytes& bytes) {
  using Vector = uint64_t __attribute__((vector_size(32)));
  Vector sums[8] = {};
  size_t i = 0;
  for (; i + sizeof(sums) <= bytes.size(); i += sizeof(sums)) {
    for (size_t j = 0; j < 8; ++j) {
      Vector v;
      __builtin_memcpy(&v, bytes.data() + i + j * sizeof(Vector), sizeof(v));
      sums[j] += v;
    }
  }
  uint64_t total = 0;
  for (const Vector& s : sums) total += s[0] + s[1] + s[2] + s[3];
  return total;
}

void bench_matvec(const std::vector<Isa>& isas, DType type, size_t tokens, size_t rows, size_t k) {
  Prng prng(2);
  const auto x = reference::random_floats(prng, tokens * k);
  const Bytes w = reference::random_weights(prng, type, rows, k);
  std::vector<float> y(tokens * rows);
  std::vector<float> scratch(matmul_scratch_floats(k));
  volatile uint64_t sink = 0;
  std::vector<Candidate> candidates;
  candidates.push_back({"plain read", [&] { sink = sink + read_all(w); }});
  for (const Isa isa : isas) {
    candidates.push_back({std::string(isa_name(isa)), [&, isa] {
                            kernels_for(isa).matmul({.x = x.data(),
                                                     .tokens = tokens,
                                                     .x_stride = k,
                                                     .w = w.data(),
                                                     .type = type,
                                                     .rows = rows,
                                                     .k = k,
                                                     .y = y.data(),
                                                     .y_stride = rows},
                                                    scratch.data());
                          }});
  }
  const std::string title = "matrix x " + std::to_string(tokens) + " vector " +
                            std::string(dtype_info(type).name) + " " + std::to_string(rows) +
                            " x " + std::to_string(k);
  race(title.c_str(), static_cast<double>(w.size()), "GB/s   ", 21, std::move(candidates));
}

// What a token costs as tokens are added: rates are of all of them, so that the ratios show what
// sharing the weights gains.
void bench_few_tokens(const std::vector<Isa>& isas, DType type, size_t rows, size_t k) {
  constexpr size_t kTokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 64};
  Prng prng(5);
  const auto x = reference::random_floats(prng, 64 * k);
  const Bytes w = reference::random_weights(prng, type, rows, k);
  std::vector<float> y(64 * rows);
  std::vector<float> scratch(matmul_scratch_floats(k));
  for (const Isa isa : isas) {
    std::printf("%s, %s, %zu x %zu: GFLOP/s of n tokens\n ", isa_name(isa).data(),
                dtype_info(type).name.data(), rows, k);
    for (const size_t tokens : kTokens) {
      const auto body = [&] {
        kernels_for(isa).matmul({.x = x.data(),
                                 .tokens = tokens,
                                 .x_stride = k,
                                 .w = w.data(),
                                 .type = type,
                                 .rows = rows,
                                 .k = k,
                                 .y = y.data(),
                                 .y_stride = rows},
                                scratch.data());
      };
      std::vector<double> times;
      const size_t repeat = 1 + (size_t{1} << 25) / (tokens * rows * k);
      for (int round = 0; round < 21; ++round) {
        times.push_back(seconds([&] {
          for (size_t i = 0; i < repeat; ++i) body();
        }));
      }
      std::nth_element(times.begin(), times.begin() + 10, times.end());
      std::printf(" %zu: %.1f", tokens,
                  static_cast<double>(repeat * 2 * tokens * rows * k) / times[10] * 1e-9);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}

// One query of a model with several heads of keys: in one piece, where the rows of a head lie
// between those of the others, and in pages in any order, which hold one head after the other.
void bench_attend(const std::vector<Isa>& isas, size_t positions, size_t dim, size_t heads) {
  Prng prng(4);
  const size_t stride = heads * dim;
  const size_t pages = positions / kAttendPagePositions;
  const auto q = reference::random_floats(prng, dim);
  const auto keys = reference::random_floats(prng, positions * stride);
  const auto values = reference::random_floats(prng, positions * stride);
  std::vector<uint32_t> order(pages);
  for (size_t i = 0; i < pages; ++i) order[i] = static_cast<uint32_t>(i);
  for (size_t i = pages; i > 1; --i) std::swap(order[i - 1], order[prng.below(i)]);
  std::vector<float> scores(positions);
  std::vector<float> lanes(16 * dim);
  std::vector<float> out(dim);
  const size_t repeat = (size_t{1} << 21) / (positions * dim);
  std::vector<Candidate> candidates;
  for (const Isa isa : isas) {
    for (const bool paged : {false, true}) {
      const auto run = [&, isa, paged] {
        Kernels::AttendArgs args = {.q = q.data(),
                                    .k_stride = stride,
                                    .v_stride = stride,
                                    .positions = positions,
                                    .head_dim = dim,
                                    .scale = 0.1F,
                                    .scores = scores.data(),
                                    .lanes = lanes.data(),
                                    .out = out.data()};
        if (paged) {
          args.pages = order.data();
          args.page_stride = kAttendPagePositions * stride;
          args.k_stride = dim;
          args.v_stride = dim;
        }
        for (size_t i = 0; i < repeat; ++i) {
          const size_t head = i % heads * dim * (paged ? kAttendPagePositions : 1);
          args.k = keys.data() + head;
          args.v = values.data() + head;
          kernels_for(isa).attend(args);
        }
      };
      candidates.push_back({std::string(isa_name(isa)) + (paged ? " paged" : ""), run});
    }
  }
  const std::string title = "attend, " + std::to_string(positions) + " positions, " +
                            std::to_string(heads) + " heads of " + std::to_string(dim);
  race(title.c_str(), static_cast<double>(repeat * 4 * positions * dim), "GFLOP/s", 51,
       std::move(candidates));
}

void bench_rows(const std::vector<Isa>& isas) {
  Prng prng(3);
  constexpr size_t kN = 4096;
  std::vector<float> x = reference::random_floats(prng, kN);
  std::vector<float> y(kN);
  std::vector<Candidate> exps;
  std::vector<Candidate> attends;
  constexpr size_t kPositions = 2048;
  constexpr size_t kDim = 128;
  const auto q = reference::random_floats(prng, kDim);
  const auto keys = reference::random_floats(prng, kPositions * kDim);
  const auto values = reference::random_floats(prng, kPositions * kDim);
  std::vector<float> scores(kPositions);
  std::vector<float> lanes(16 * kDim);
  std::vector<float> out(kDim);
  for (const Isa isa : isas) {
    const Kernels& kernels = kernels_for(isa);
    exps.push_back({std::string(isa_name(isa)), [&] {
                      for (int i = 0; i < 100; ++i) kernels.exp(x.data(), y.data(), kN);
                    }});
    attends.push_back({std::string(isa_name(isa)), [&] {
                         for (int i = 0; i < 10; ++i) {
                           kernels.attend({.q = q.data(),
                                           .k = keys.data(),
                                           .k_stride = kDim,
                                           .v = values.data(),
                                           .v_stride = kDim,
                                           .positions = kPositions,
                                           .head_dim = kDim,
                                           .scale = 0.1F,
                                           .scores = scores.data(),
                                           .lanes = lanes.data(),
                                           .out = out.data()});
                         }
                       }});
  }
  race("exp", 100.0 * kN, "Gelem/s", 101, std::move(exps));
  race("attend, 2048 positions of 128", 10.0 * 4 * kPositions * kDim, "GFLOP/s", 51,
       std::move(attends));
}

int run(const std::vector<std::string>& names) {
  fpenv_set();
  const auto named = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<Isa> isas;
  std::vector<DType> types;
  for (const Isa isa : isas_present()) {
    if (named(isa_name(isa))) isas.push_back(isa);
  }
  for (const DType type : kAllDTypes) {
    if (named(dtype_info(type).name)) types.push_back(type);
  }
  const auto parts = static_cast<size_t>(named("matmul") + named("few") + named("rows"));
  if (isas.size() + types.size() + parts != names.size()) {
    std::fprintf(stderr, "usage: kernels_bench [isa ...] [type ...] [matmul|few|rows ...]\n");
    return 2;
  }
  const auto wanted = [&](std::string_view part) { return parts == 0 || named(part); };
  if (isas.empty()) isas.assign(isas_present().begin() + 1, isas_present().end());
  const bool everything = types.empty();
  if (everything) types.assign(std::begin(kAllDTypes), std::end(kAllDTypes));

  if (wanted("few")) {
    for (const DType type : types) bench_few_tokens(isas, type, 1536, 512);
    for (const DType type : types) bench_few_tokens(isas, type, 4096, 4096);
  }
  if (everything && wanted("rows")) {
    bench_rows(isas);
    bench_attend(isas, 2048, 64, 3);
    bench_attend(isas, 256, 64, 3);
    bench_attend(isas, 2048, 128, 8);
  }
  if (!wanted("matmul")) return 0;
  for (const DType type : types) bench_matmul(isas, type, 128, 2048, 2048);
  // Sizes beyond the last-level cache; and a batch of three.
  for (const DType type : types) bench_matvec(isas, type, 1, 16384, 4096);
  for (const DType type : types) bench_matvec(isas, type, 3, 16384, 4096);
  if (!everything) return 0;
  bench_matmul(isas, DType::kF32, 480, 4096, 4096);
  bench_matmul(isas, DType::kF32, 480, 2048, 5632);
  bench_matmul(isas, DType::kF32, 16, 2048, 2048);
  bench_matmul(isas, DType::kF32, 128, 512, 192);
  return 0;
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  return assay::run(std::vector<std::string>(argv + 1, argv + argc));
}
