// Matrix product over threads: rows (or tokens) are split, never k, so that the bits are those of
// one thread.
#pragma once

#include <span>

#include "base/thread_pool.h"
#include "tensor/kernels.h"

namespace assay {

// As Kernels::matmul. scratch: pool.threads() * matmul_scratch_floats(k) floats.
void matmul(const Kernels& kernels, ThreadPool& pool, const MatMulArgs& args, float* scratch);

// values[i] *= the scale of (row, i), where there are scales: a decoded row becomes the weights
// that Kernels::matmul multiplies by.
void apply_scales(const WeightScales& scales, size_t row, std::span<float> values);

}  // namespace assay
