// The floating-point environment of the profile (02-determinism, rule 4): round to nearest, FTZ and
// DAZ off.
#pragma once

namespace assay {

// Sets this thread's environment (MXCSR / FPCR). Call at the start of every thread that computes.
void fpenv_set();
// True when this thread's environment is the profile's.
bool fpenv_ok();

}  // namespace assay
