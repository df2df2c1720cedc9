// probft-plan: the quorum, sample and messages of a set of validators, or why there are none.
// Tested in probft_plan_test.cc, which runs the program itself.
#pragma once

#include "app/console.h"

namespace assay {

// Returns the exit code: kExitOk, kExitUsage, or kExitData when no safe plan exists.
int run_probft_plan(int argc, const char* const* argv, const Console& console);

}  // namespace assay
