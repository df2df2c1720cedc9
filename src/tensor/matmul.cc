#include "tensor/matmul.h"

#include "base/check.h"
#include "tensor/fpenv.h"
#include "tensor/matmul_shape.h"

namespace assay {
namespace {

// Rows a thread takes at once: whole register tiles, and enough pieces that threads end together:
// two each, since every piece packs the tokens anew.
size_t rows_grain(size_t rows, size_t threads) {
  constexpr size_t kPiecesPerThread = 2;
  const size_t piece = rows / (threads * kPiecesPerThread);
  const size_t grain = piece / 8 * 8;
  return grain == 0 ? 8 : grain;
}

}  // namespace

void apply_scales(const WeightScales& scales, size_t row, std::span<float> values) {
  if (scales.values == nullptr) return;
  const float* const group =
      scales.values + ((scales.row0 + row) >> scales.rows_log2) * scales.stride;
  for (size_t i = 0; i < values.size(); ++i) values[i] *= group[i >> scales.columns_log2];
}

void matmul(const Kernels& kernels, ThreadPool& pool, const MatMulArgs& args, float* scratch) {
  if (args.tokens == 0 || args.rows == 0) return;
  const size_t bytes = row_bytes(args.type, args.k);
  const size_t scratch_floats = matmul_scratch_floats(args.k);
  if (pool.threads() == 1) {
    fpenv_set();
    kernels.matmul(args, scratch);
    return;
  }
  pool.parallel_for(args.rows, rows_grain(args.rows, pool.threads()),
                    [&](size_t begin, size_t end, size_t worker) {
                      fpenv_set();
                      MatMulArgs piece = args;
                      piece.w = args.w + begin * bytes;
                      piece.scales.row0 += begin;
                      piece.rows = end - begin;
                      piece.y = args.y + begin;
                      kernels.matmul(piece, scratch + worker * scratch_floats);
                    });
}

}  // namespace assay
