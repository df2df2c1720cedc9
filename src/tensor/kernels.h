// The kernels of the arithmetic profile f32-fma16-v1 (docs/formats/profile-f32-fma16-v1.md): one
// table of functions per instruction set, all with the same bits. kernels_test.cc proves the
// agreement; kernels_bench.cc times them.
//
// Common to all: pointers need no alignment; inputs and outputs do not overlap unless said; no
// allocation; floating-point environment round-to-nearest without FTZ / DAZ (tensor/fpenv.h); no
// errors; const-safe for threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/kernel_table.h"

namespace assay {

inline constexpr std::string_view kProfileId = "f32-fma16-v1";

std::string_view isa_name(Isa isa);  // "scalar", "sse4", "avx2", "avx512", "neon"

// Floats of scratch for Kernels::matmul at this k.
size_t matmul_scratch_floats(size_t k);

// The instruction sets compiled in and supported by this processor, slowest first; never empty.
const std::vector<Isa>& isas_present();
// Pre: isa is in isas_present() (CHECK).
const Kernels& kernels_for(Isa isa);
// The fastest present, or the one that ASSAY_ISA names. Errors: FAILED_PRECONDITION when the
// processor has no FMA (x86-64 without FMA3) and ASSAY_ISA does not ask for scalar;
// INVALID_ARGUMENT for an unknown or absent ASSAY_ISA.
Result<const Kernels*> kernels_default();

// Angles of a rotary embedding.
struct RotaryAngles {
  double base = 10000;
  const double* divisors = nullptr;  // [rotary_dims / 2], or null: all 1
  size_t rotary_dims = 0;
  float magnitude = 1;
};
// magnitude times cos and sin of position * theta_i in half-split order, from base/detmath.h, each
// rounded once to f32. theta_i = base^(-2i / rotary_dims) / divisors[i]. Shapes:
// cos[rotary_dims / 2], sin[rotary_dims / 2].
void rope_table(const RotaryAngles& angles, size_t position, float* cos, float* sin);

}  // namespace assay
