// Help and usage errors of the programs, in one form for all. Include from .cc files that parse
// arguments only (CLI11 is heavy). Tested in cli_test.cc and probft_plan_test.cc.
#pragma once

#include <CLI/App.hpp>
#include <memory>

#include "app/console.h"

namespace assay {

std::shared_ptr<CLI::FormatterBase> make_help_formatter();

// Why the arguments were refused, in the user's words rather than the parser's, and the usage line,
// on stderr. Returns kExitUsage.
int report_usage_error(const Console& console, const CLI::App& app, const CLI::ParseError& error);

}  // namespace assay
