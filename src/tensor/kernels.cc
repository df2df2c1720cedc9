#include "tensor/kernels.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/detmath.h"
#include "tensor/kernel_tables.h"
#include "tensor/matmul_shape.h"

namespace assay {
namespace {

// Slowest first.
std::vector<Isa> detect() {
  std::vector<Isa> isas = {Isa::kScalar};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("fma")) return isas;
  if (__builtin_cpu_supports("sse4.2")) isas.push_back(Isa::kSse4);
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c")) return isas;
  isas.push_back(Isa::kAvx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    isas.push_back(Isa::kAvx512);
  }
#elif defined(__aarch64__)
  isas.push_back(Isa::kNeon);
#endif
  return isas;
}

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kSse4:
      return "sse4";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kNeon:
      return "neon";
  }
  return "unknown";
}

const std::vector<Isa>& isas_present() {
  static const std::vector<Isa> isas = detect();
  return isas;
}

const Kernels& kernels_for(Isa isa) {
  bool present = false;
  for (const Isa other : isas_present()) present = present || other == isa;
  ASSAY_CHECK(present);
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kSse4:
      return kKernelsSse4;
    case Isa::kAvx2:
      return kKernelsAvx2;
    case Isa::kAvx512:
      return kKernelsAvx512;
#elif defined(__aarch64__)
    case Isa::kNeon:
      return kKernelsNeon;
#endif
    default:
      return kKernelsScalar;
  }
}

Result<const Kernels*> kernels_default() {
  const char* const wanted = std::getenv("ASSAY_ISA");
  if (wanted != nullptr && *wanted != '\0') {
    std::string names;
    for (const Isa isa : isas_present()) {
      if (isa_name(isa) == wanted) return &kernels_for(isa);
      names += names.empty() ? "" : ", ";
      names += isa_name(isa);
    }
    return invalid_argument("ASSAY_ISA=" + std::string(wanted) +
                            ": no such instruction set on this processor; it has " + names);
  }
  const Isa best = isas_present().back();
  if (best == Isa::kScalar) {
    return failed_precondition(
        "this processor has no FMA, which the arithmetic profile needs to be fast; "
        "set ASSAY_ISA=scalar to compute the same bits in software, very slowly");
  }
  return &kernels_for(best);
}

size_t matmul_scratch_floats(size_t k) { return matmul_panel_scratch_floats(k); }

void rope_table(const RotaryAngles& angles, size_t position, float* cos, float* sin) {
  const auto magnitude = static_cast<double>(angles.magnitude);
  for (size_t i = 0; i < angles.rotary_dims / 2; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(angles.rotary_dims);
    double theta = det_pow(angles.base, exponent);
    if (angles.divisors != nullptr) theta /= angles.divisors[i];
    const double angle = static_cast<double>(position) * theta;
    cos[i] = static_cast<float>(magnitude * det_cos(angle));
    sin[i] = static_cast<float>(magnitude * det_sin(angle));
  }
}

}  // namespace assay
