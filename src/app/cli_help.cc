#include "app/cli_help.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/closest_name.h"
#include "app/exit_code.h"

namespace assay {
namespace {

constexpr size_t kHelpWidth = 90;
constexpr size_t kHelpColumn = 24;
constexpr const char* kGeneral = "Options";  // the group of CLI11 for options without one

// "  --name VALUE          what it is", wrapped.
std::string help_entry(const std::string& name, const std::string& text) {
  const std::vector<std::string> lines = wrap(text, kHelpWidth - kHelpColumn);
  std::string out = "  " + name;
  if (display_width(out) + 2 > kHelpColumn) {
    out += '\n' + std::string(kHelpColumn, ' ');
  } else {
    out = pad_right(out, kHelpColumn);
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n' + std::string(kHelpColumn, ' ');
    out += lines[i];
  }
  return out + '\n';
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

// "assay verify", "probft-plan".
std::string full_name(const CLI::App& app) {
  const std::string& name = app.get_name();
  return app.get_parent() == nullptr ? name : app.get_parent()->get_name() + ' ' + name;
}

std::string usage_line(const CLI::App& app) {
  std::string out = "Usage: " + full_name(app);
  if (!command_names(app).empty()) return out + " COMMAND [options]\n";
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true, false);
    out += option->get_required() ? ' ' + name : " [" + name + ']';
  }
  return out + " [options]\n";
}

class Help : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    std::string out = full_name(*app) + ": " + app->get_description() + "\n\n" + usage_line(*app);
    const auto subcommands = app->get_subcommands([](const CLI::App*) { return true; });
    if (!subcommands.empty()) out += "\nCommands:\n";
    for (const CLI::App* sub : subcommands) {
      out += help_entry(sub->get_name(), sub->get_description());
    }
    std::string positionals;
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_positional()) continue;
      positionals += help_entry(option->get_name(true, false), option->get_description());
    }
    if (!positionals.empty()) out += '\n' + positionals;
    for (const std::string& group : app->get_groups()) {
      if (group != kGeneral) out += help_group(*app, group);
    }
    return out + help_group(*app, kGeneral) + '\n' + app->get_footer();
  }

 private:
  static std::string help_group(const CLI::App& app, const std::string& group) {
    std::string entries;
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_group() != group || !option->nonpositional()) continue;
      std::string name = option->get_name(false, true);
      // "-h,--help" reads better with a space.
      if (const size_t comma = name.find(','); comma != std::string::npos)
        name.insert(comma + 1, " ");
      if (!option->get_option_text().empty()) name += ' ' + option->get_option_text();
      entries += help_entry(name, option->get_description());
    }
    return entries.empty() ? "" : '\n' + group + ":\n" + entries;
  }
};

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Why the arguments were refused, in the user's words rather than the parser's.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> extra = app.remaining(/*recurse=*/true);
  if (extra.empty()) return error.what();
  const std::string& word = extra.front();
  const bool is_command = !command_names(app).empty() && !word.starts_with('-');
  const std::string kind = is_command              ? "unknown command "
                           : word.starts_with('-') ? "unknown option "
                                                   : "unexpected argument ";
  const std::string close = is_command || word.starts_with('-')
                                ? closest_name(word.substr(0, word.find('=')),
                                               is_command ? command_names(app) : option_names(app))
                                : "";
  return kind + word + (close.empty() ? "" : "; did you mean " + close + "?");
}

int report_usage_error(const Console& console, const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  if (const auto chosen = app.get_subcommands(); !chosen.empty()) at = chosen.front();
  std::string message = explain(*at, error);
  if (at == &app && message.find("subcommand") != std::string::npos) message = "which command?";
  print_program_error(console, full_name(*at), message);
  write_err(usage_line(*at) + "See " + full_name(*at) + " --help\n");
  return kExitUsage;
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> make_help_formatter() { return std::make_shared<Help>(); }

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv,
                                      const Console& console) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    write_out(chosen.empty() ? app.help() : chosen.front()->help());
    return flush_out().ok() ? kExitOk : kExitUnavailable;
  } catch (const CLI::ParseError& error) {
    return report_usage_error(console, app, error);
  }
  return std::nullopt;
}

}  // namespace assay
