// The kernels for AVX-512, built with the flags of this instruction set (CMakeLists.txt): include
// nothing here that defines an inline function with external linkage.
#if defined(__x86_64__)

#define ASSAY_VEC_HEADER "tensor/vec_avx512.h"
#include "tensor/kernel_tables.h"
#include "tensor/kernels_attend.inc"
#include "tensor/kernels_rows.inc"

namespace assay {

const Kernels kKernelsAvx512 = {Isa::kAvx512, decode,  dot,      matmul,   rms_norm,
                                layer_norm,   softmax, activate, soft_cap, scale,
                                add,          exp_row, rope,     attend,   argmax};

}  // namespace assay

#endif
