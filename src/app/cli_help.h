// Help and usage errors of the programs, in one form for all. Include from .cc files that parse
// arguments only (CLI11 is heavy). Tested in cli_test.cc and probft_plan_test.cc.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <optional>

#include "app/console.h"

namespace assay {

std::shared_ptr<CLI::FormatterBase> make_help_formatter();

// Parses the arguments. Where that is the end of it, the program's exit code: help was asked for
// and shown; or they were refused, and stderr says why, in the user's words rather than the
// parser's, with the usage line.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv,
                                      const Console& console);

}  // namespace assay
