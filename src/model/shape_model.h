// A model of a shape alone: headers without weights, for planning what cannot be had yet. It can be
// planned and described, not read or executed. Tested in shape_model_test.cc.
#pragma once

#include "base/result.h"
#include "model/model.h"
#include "model/synth_plan.h"

namespace assay {

// What open_model would give for the file that synthesize() writes for this shape and type, but
// that it has no file. Errors: those of bind_family and open_tokenizer.
Result<Model> model_of_shape(const SynthShape& shape, DType type);

}  // namespace assay
