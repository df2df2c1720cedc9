// Sizes of the blocks of the matrix product. None of them changes a bit of the result.
#pragma once

#include <cstddef>

namespace assay {

// A register tile is up to kTileTokensMax tokens x kTileRows rows.
static constexpr size_t kTileRows = 4;
static constexpr size_t kTileTokensMax = 6;
// Groups of 16 elements of k that a tile runs through before the next tile: 6 rows of x and 4 of w
// of 512 floats stay in a first-level cache of 32 KiB. The accumulators persist between blocks, so
// that the chain over k is not split. Even, because quantised blocks are two groups.
static constexpr size_t kBlockGroups = 32;

// k rounded up to whole groups of 16.
static inline size_t matmul_padded_k(size_t k) { return (k + 15) / 16 * 16; }

// Weight rows decoded at once: a multiple of kTileRows of about 384 KiB, to stay in the
// second-level cache beside the tokens of a tile.
static inline size_t matmul_panel_rows(size_t k) {
  const size_t fit = 98304 / (matmul_padded_k(k) + 1);
  if (fit < 8) return 8;
  return fit > 48 ? 48 : fit / kTileRows * kTileRows;
}

}  // namespace assay
