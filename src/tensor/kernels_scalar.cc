// The kernels for every processor, built with the flags of this instruction set (CMakeLists.txt):
// include nothing here that defines an inline function with external linkage.
#define ASSAY_VEC_HEADER "tensor/vec_scalar.h"
#include "tensor/kernel_tables.h"
#include "tensor/kernels_attend.inc"
#include "tensor/kernels_rows.inc"

namespace assay {

const Kernels kKernelsScalar = {Isa::kScalar, decode,  dot,      matmul,   rms_norm,
                                layer_norm,   softmax, activate, soft_cap, scale,
                                add,          exp_row, rope,     attend,   argmax};

}  // namespace assay
