#include "app/cli_readers.h"

#include <CLI/CLI.hpp>

namespace assay {

CLI::Option* add_read(CLI::App& app, const std::string& name, const std::string& value_name,
                      const std::string& description, const Reader& read) {
  CLI::Option* option =
      app.add_option_function<std::string>(name, [](const std::string&) {}, description);
  option->option_text(value_name);
  option->check([read](const std::string& text) { return read(text); }, "", "");
  return option;
}

Reader read_fraction(double& value, double below, bool bound_allowed) {
  return [&value, below, bound_allowed](const std::string& text) -> std::string {
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool in = number > 0 && (number < below || (bound_allowed && number == below));
    if (error != std::errc() || stop != end || !in) {
      return "'" + text + "' is not a number above 0 and " +
             (bound_allowed ? "at most " : "below ") + format_real(below);
    }
    value = number;
    return "";
  };
}

}  // namespace assay
