#include "app/machine_speed.h"

#include <algorithm>
#include <functional>

#include "crypto/sha256_pair.h"
#include "model/panel_stream.h"
#include "tensor/matmul.h"

namespace assay {
namespace {

constexpr uint64_t kReadBytesMax = uint64_t{256} << 20;
constexpr uint64_t kReadBytesMin = uint64_t{16} << 20;  // less says nothing, and takes no time
constexpr uint64_t kPanelBytes = uint64_t{8} << 20;
constexpr size_t kHashBytes = size_t{4} << 20;
constexpr size_t kRounds = 9;
constexpr size_t kRowsMax = 1024;
constexpr size_t kColumnsMax = 4096;
constexpr size_t kTokensMax = 128;
constexpr double kSecondsMin = 1e-9;  // of a clock that stood still

// Of a few rounds, after one that is not measured: it touches the memory.
double median_seconds(const Clock& clock, const std::function<void()>& round) {
  std::vector<double> seconds;
  round();
  for (size_t i = 0; i < kRounds; ++i) {
    const double start = clock.seconds();
    round();
    seconds.push_back(std::max(kSecondsMin, clock.seconds() - start));
  }
  std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
  return seconds[kRounds / 2];
}

Status measure_reads(const Model& model, const Clock& clock, MachineSpeed& out) {
  const auto& files = model.checkpoint.files;
  if (files.empty()) return ok_status();
  const auto largest =
      *std::max_element(files.begin(), files.end(),
                        [](const auto& a, const auto& b) { return a->size() < b->size(); });
  if (largest->size() < kReadBytesMin) return ok_status();
  const uint64_t bytes = std::min(largest->size(), kReadBytesMax);
  PanelStream stream(kPanelBytes, ReadPath::kDirect);
  size_t panels = 0;
  const double start = clock.seconds();
  // The end of the file: its beginning was just read, for the header.
  for (uint64_t at = largest->size() - bytes; at < largest->size(); at += kPanelBytes) {
    stream.enqueue({{largest, at, std::min(kPanelBytes, largest->size() - at)}});
    ++panels;
  }
  for (; panels > 0; --panels) {
    const auto panel = stream.next();
    if (!panel.ok()) return panel.status();
  }
  out.read_bytes = bytes;
  out.read_bytes_per_s =
      static_cast<double>(bytes) / std::max(kSecondsMin, clock.seconds() - start);
  return ok_status();
}

void measure_sha256(const Clock& clock, MachineSpeed& out) {
  const Bytes bytes(kHashBytes);
  const ByteSpan all(bytes);
  out.sha256_bytes_per_s =
      static_cast<double>(kHashBytes) / median_seconds(clock, [&] { (void)sha256(all); });
  out.sha256_pair_bytes_per_s =
      static_cast<double>(kHashBytes) / median_seconds(clock, [&] {
        (void)sha256_pair(0, all.first(kHashBytes / 2), all.last(kHashBytes / 2));
      });
}

const BoundTensor& largest_matrix(const Model& model) {
  return *std::max_element(
      model.tensors.begin(), model.tensors.end(),
      [](const BoundTensor& a, const BoundTensor& b) { return a.info.bytes < b.info.bytes; });
}

void measure_matmul(const Model& model, ComputeContext& compute, size_t tile_tokens,
                    const Clock& clock, MachineSpeed& out) {
  const DType type = largest_matrix(model).info.type;
  const size_t block = dtype_info(type).block_elements;
  const size_t k =
      std::max<size_t>(block, std::min<size_t>(model.arch.d_model, kColumnsMax) / block * block);
  const size_t tokens = std::clamp<size_t>(tile_tokens, 1, kTokensMax);
  const Bytes weights(kRowsMax * row_bytes(type, k));
  const std::vector<float> x(tokens * k, 0.5F);
  std::vector<float> y(tokens * kRowsMax);
  std::vector<float> scratch(compute.pool->threads() * matmul_scratch_floats(k));
  const double seconds = median_seconds(clock, [&] {
    matmul(*compute.kernels, *compute.pool,
           {.x = x.data(),
            .tokens = tokens,
            .x_stride = k,
            .w = weights.data(),
            .type = type,
            .rows = kRowsMax,
            .k = k,
            .y = y.data(),
            .y_stride = kRowsMax},
           scratch.data());
  });
  out.flop_per_s = 2.0 * static_cast<double>(kRowsMax * k * tokens) / seconds;
  out.matmul_tokens = tokens;
  out.matmul_columns = k;
}

}  // namespace

Result<MachineSpeed> measure_machine(const Model& model, ComputeContext& compute,
                                     size_t tile_tokens, const Clock& clock) {
  MachineSpeed out;
  ASSAY_RETURN_IF_ERROR(measure_reads(model, clock, out));
  measure_sha256(clock, out);
  measure_matmul(model, compute, tile_tokens, clock, out);
  return out;
}

PredictedSeconds predict_seconds(const RunPlan& plan, const MachineSpeed& speed, size_t threads) {
  const auto reading = [&](uint64_t bytes) {
    return speed.read_bytes_per_s > 0 ? static_cast<double>(bytes) / speed.read_bytes_per_s : 0;
  };
  PredictedSeconds out;
  // The files are hashed one after the other, each on one thread beside its rows on all.
  const double file_seconds = static_cast<double>(plan.artifact_bytes) / speed.sha256_bytes_per_s;
  const double row_seconds = static_cast<double>(plan.artifact_hashed_bytes - plan.artifact_bytes) /
                             speed.sha256_pair_bytes_per_s;
  out.artifact = std::max({reading(plan.artifact_bytes), file_seconds,
                           (file_seconds + row_seconds) / static_cast<double>(threads)});
  for (const WavePlan& wave : plan.waves) {
    const double computing =
        static_cast<double>(wave.tokens) * plan.flop_per_token / speed.flop_per_s;
    const double seconds = std::max(reading(wave.bytes), computing);
    if (out.execution == 0) out.first_wave = seconds;
    out.execution += seconds;
  }
  return out;
}

}  // namespace assay
