#include "app/cli.h"

#include <CLI/CLI.hpp>

#include "app/cli_help.h"
#include "app/cli_options.h"
#include "app/commands.h"

namespace assay {

int run_cli(int argc, const char* const* argv, const Console& console) {
  CLI::App app(
      "are two language models the same model? A verdict with a stated error rate, and a "
      "certificate that anyone can check offline",
      "assay");
  app.formatter(make_help_formatter());
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "Show this help");
  app.footer(
      "Examples:\n"
      "  assay verify reference.gguf target.gguf\n"
      "  assay verify a/ b.gguf --certificate cert.json && assay check cert.json\n"
      "  assay COMMAND --help\n\n"
      "Exit codes: 0 SAME or done, 1 DIFFERENT, 2 UNDECIDED, 64 usage, 65 invalid file,\n"
      "66 not found, 69 unavailable, 70 internal error, 77 permission.\n");

  CommandLine line;
  line.program = argc > 0 ? argv[0] : "assay";
  add_commands(app, line);
  bool version = false;
  app.add_flag("--version", version, "The same as `assay version`");
  if (argc == 2 && std::string_view(argv[1]) == "--version") return run_version({}, console);
  if (const auto code = parse_command_line(app, argc, argv, console)) return *code;
  return line.run(console);
}

}  // namespace assay
