#include "model/synth.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>

#include "base/thread_pool.h"
#include "crypto/sha256.h"
#include "model/encode.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

constexpr uint64_t kPieceElements = uint64_t{1} << 18;  // 1 MiB of f32: stays in a core's cache

// SplitMix64 (Steele, Lea, Flood 2014) as a counter-based generator.
uint64_t mixed(uint64_t counter) {
  uint64_t z = counter * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

uint64_t stream_key(const SynthOptions& options, std::string_view tensor, std::string_view stream) {
  Bytes preimage;
  append_sized(preimage, "assay-synth-v1");
  append_le(preimage, options.seed);
  append_sized(preimage, tensor);
  append_sized(preimage, stream);
  return load_le<uint64_t>(sha256(preimage).data());
}

// The sum of the four 16-bit parts of a draw, centred: variance (2^32 - 1) / 3.
int32_t noise(uint64_t key, uint64_t index) {
  const uint64_t draw = mixed(key + index);
  const uint64_t pairs = (draw & 0x0000FFFF0000FFFFULL) + ((draw >> 16) & 0x0000FFFF0000FFFFULL);
  return static_cast<int32_t>((pairs + (pairs >> 32)) & 0xFFFFFFFFULL) - 2 * 65535;
}
constexpr double kNoiseStd = 37837.22;  // sqrt((2^32 - 1) / 3)

// Rows times columns elements in order; a piece is a whole number of blocks.
Status write_tensor(const GgufWriter& writer, size_t i, const SynthTensor& tensor,
                    const SynthOptions& options, ThreadPool& pool) {
  const auto& shape = tensor.tensor.shape;
  const uint64_t elements =
      std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
  const auto pieces = static_cast<size_t>((elements + kPieceElements - 1) / kPieceElements);
  const DTypeInfo& info = dtype_info(tensor.tensor.type);
  std::mutex mutex;
  Status first_error;
  std::atomic<bool> failed = false;
  pool.parallel_for(pieces, 1, [&](size_t begin, size_t end, size_t) {
    for (size_t piece = begin; piece < end && !failed; ++piece) {
      const uint64_t first = piece * kPieceElements;
      std::vector<float> values(std::min(kPieceElements, elements - first));
      synth_values(tensor, options, first, values);
      Bytes encoded(row_bytes(tensor.tensor.type, values.size()));
      encode_row(tensor.tensor.type, values.data(), values.size(), encoded.data());
      const uint64_t offset = first / info.block_elements * info.block_bytes;
      const Status status = writer.write_at(i, offset, encoded);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) first_error = status;
    }
  });
  return first_error;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

Status check_known(const std::string& name, const std::vector<SynthTensor>& tensors) {
  std::vector<std::pair<size_t, std::string>> distances;
  for (const SynthTensor& tensor : tensors) {
    if (tensor.tensor.name == name) return ok_status();
    distances.emplace_back(
        edit_distance(std::string_view(name).substr(0, kTensorNameBytesMax), tensor.tensor.name),
        tensor.tensor.name);
  }
  constexpr size_t kShown = 5;
  const size_t shown = std::min(kShown, distances.size());
  std::partial_sort(distances.begin(), distances.begin() + static_cast<ptrdiff_t>(shown),
                    distances.end());
  std::string message = "the model has no tensor " + in_quotes(name) + "; close names are ";
  for (size_t i = 0; i < shown; ++i) message += (i == 0 ? "" : ", ") + distances[i].second;
  return invalid_argument(message);
}

}  // namespace

void synth_values(const SynthTensor& tensor, const SynthOptions& options, uint64_t first,
                  std::span<float> out) {
  const uint64_t key = stream_key(options, tensor.tensor.name, "weights");
  const auto mean = static_cast<float>(tensor.mean);
  const auto scale = static_cast<float>(tensor.std / kNoiseStd);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = mean + scale * static_cast<float>(noise(key, first + i));
  }
  if (tensor.tensor.name != options.change_tensor) return;
  const uint64_t change_key = stream_key(options, tensor.tensor.name, "change");
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] += scale / 16.0F * static_cast<float>(noise(change_key, first + i));
  }
}

Result<SynthReport> synthesize(
    const SynthOptions& options,
    const std::function<void(uint64_t bytes_done, uint64_t bytes_total)>& progress) {
  if (options.threads < 1 || options.threads > ThreadPool::kThreadsMax) {
    return invalid_argument("threads: " + std::to_string(options.threads) + " is outside [1, " +
                            std::to_string(ThreadPool::kThreadsMax) + "]");
  }
  SynthReport report;
  ASSAY_ASSIGN_OR_RETURN(report.shape, synth_shape(options.params));
  report.params = report.shape.params();
  const std::vector<SynthTensor> tensors = synth_tensors(report.shape, options.type);
  if (!options.change_tensor.empty()) {
    ASSAY_RETURN_IF_ERROR(check_known(options.change_tensor, tensors));
  }
  GgufContent content{synth_meta(report.shape, options.type), {}};
  for (const SynthTensor& tensor : tensors) content.tensors.push_back(tensor.tensor);
  ASSAY_ASSIGN_OR_RETURN(const auto writer, GgufWriter::create(options.path, std::move(content)));
  report.file_bytes = writer->file_bytes();

  ThreadPool pool(options.threads);
  uint64_t done = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    ASSAY_RETURN_IF_ERROR(write_tensor(*writer, i, tensors[i], options, pool));
    done += writer->tensor_bytes(i);
    if (progress) progress(done, report.file_bytes);
  }
  ASSAY_RETURN_IF_ERROR(writer->finish(options.sync));
  return report;
}

}  // namespace assay
