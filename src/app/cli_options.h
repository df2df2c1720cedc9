// The options of each command, as CLI11 knows them. Include from cli.cc and cli_options.cc only
// (CLI11 is heavy).
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "app/console.h"

namespace assay {

struct CommandLine {
  std::string program;                       // argv[0]
  std::function<int(const Console&)> run{};  // set by the command that was named
};

// Adds every command to app; parsing then sets line.run. Pre: line outlives the parsing.
void add_commands(CLI::App& app, CommandLine& line);

}  // namespace assay
