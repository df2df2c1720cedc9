// The command line: reads the arguments and runs the command they name. Tested in cli_test.cc,
// which runs the program itself.
#pragma once

#include "app/console.h"

namespace assay {

// Returns the exit code (exit_code.h).
int run_cli(int argc, const char* const* argv, const Console& console);

}  // namespace assay
