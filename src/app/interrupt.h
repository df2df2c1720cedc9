// Ctrl-C and SIGTERM: clear the progress line, say how to go on, end with 128 + the signal. Files
// are written atomically and a --resume folder is always consistent, so that ending at once is
// safe. Tested in cli_test.cc.
#pragma once

#include <string_view>

namespace assay {

// Installs the handlers. message is printed on an interrupt; longer than 1000 bytes is cut.
void install_interrupt(std::string_view message);
// Whether a progress line stands on the terminal and has to be cleared first. Threads: any.
void set_interrupt_clears_line(bool clears);

}  // namespace assay
