// Sizes of the blocks of the matrix product. None of them changes a bit of the result.
#pragma once

#include <cstddef>

namespace assay {

// Weight rows of a register tile.
static constexpr size_t kTileRows = 4;
// A block is kBlockTokens tokens x 16 * kBlockGroups elements of k: 24 KiB of x stay in the
// first-level cache while all row tiles of a panel pass, and 8 KiB of w while all token tiles do.
// Splitting k into blocks does not split the chain: the accumulators go on where they were.
static constexpr size_t kBlockTokens = 12;
static constexpr size_t kBlockGroups = 32;

// Weight rows decoded at once: a multiple of kTileRows, about 512 KiB, to stay in the second-level
// cache while the tokens stream past.
static inline size_t matmul_panel_rows(size_t k) {
  const size_t fit = 131072 / (k + 1);
  if (fit < 16) return 16;
  return fit > 96 ? 96 : fit / kTileRows * kTileRows;
}

// Tokens packed at once, about 4 MiB: many, because all weights are read once for each such set.
static inline size_t matmul_panel_tokens(size_t k) {
  const size_t fit = 524288 / (k + 1);
  if (fit < 48) return 48;
  return fit > 384 ? 384 : fit / kBlockTokens * kBlockTokens;
}

static inline size_t matmul_panel_scratch_floats(size_t k) {
  const size_t rows = matmul_panel_rows(k);
  const size_t padded_k = (k + 15) / 16 * 16;
  const size_t alignment = 16;
  return rows * kBlockTokens * 16 + (matmul_panel_tokens(k) + rows) * padded_k + alignment;
}

}  // namespace assay
