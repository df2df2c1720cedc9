// The tables of the instruction sets; each is defined where its processor family is the target.
#pragma once

#include "tensor/kernel_table.h"

namespace assay {

extern const Kernels kKernelsScalar;
#if defined(__x86_64__)
extern const Kernels kKernelsSse4;
extern const Kernels kKernelsAvx2;
extern const Kernels kKernelsAvx512;
#elif defined(__aarch64__)
extern const Kernels kKernelsNeon;
#endif

}  // namespace assay
