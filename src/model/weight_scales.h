// Scales that safetensors files hold beside matrices of F8 and I8, tied to the matrices they belong
// to. Tested in weight_scales_test.cc. Format: docs/formats/weights.md.
#pragma once

#include "base/result.h"
#include "model/checkpoint.h"

namespace assay {

// Finds the scales of every matrix of F8 or I8, reads them, and takes them out of the table of
// tensors. NAME.weight is multiplied by
//   NAME.weight_scale or NAME.weight_scale_inv   one value, one a row, or one for each 128 x 128
//   NAME.SCB / 127                               one a row (bitsandbytes; I8 only)
// Errors: UNIMPLEMENTED for an I8 tensor without scales and for blocks of another size; DATA_LOSS
// for two kinds of scales, a shape that does not fit and a scale that is not finite. Each names
// file, tensor and value.
// Cost: reads the scales, a thousandth of the weights.
Status bind_scales(Checkpoint& checkpoint);

}  // namespace assay
