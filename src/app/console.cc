#include "app/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"

namespace assay {
namespace {

std::string_view value_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool says_utf8(std::string_view locale) {
  std::string lower(locale);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
}

size_t columns_of(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

TextStyle text_style(bool terminal, size_t columns, const Environment& environment) {
  TextStyle style;
  style.color = terminal && value_of(environment, "NO_COLOR").empty() &&
                value_of(environment, "TERM") != "dumb";
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view locale = value_of(environment, name);
    if (locale.empty()) continue;
    style.utf8 = says_utf8(locale);
    break;
  }
  if (terminal && columns > 0) style.width = std::clamp(columns, kTextWidthMin, kTextWidthMax);
  return style;
}

Console detect_console() {
  const Environment environment = [](const char* name) { return std::getenv(name); };
  Console console;
  console.out_terminal = isatty(STDOUT_FILENO) == 1;
  console.err_terminal = isatty(STDERR_FILENO) == 1;
  console.out = text_style(console.out_terminal, columns_of(STDOUT_FILENO), environment);
  console.err = text_style(console.err_terminal, columns_of(STDERR_FILENO), environment);
  if (const size_t columns = columns_of(STDERR_FILENO); columns > 0) console.err_columns = columns;
  return console;
}

void write_out(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void write_err(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

Status flush_out() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return ok_status();
  return errno_status(errno == 0 ? EIO : errno, "write to", "standard output")
      .with_context("the output is not complete");
}

void print_program_error(const Console& console, const std::string& name,
                         std::string_view message) {
  const std::string safe = printable(console.err, message, /*keep_layout=*/true);
  std::string text = name + ": " + safe;
  if (console.err_terminal && safe.find('\n') == std::string::npos) {
    text.clear();
    for (const std::string& part : wrap(name + ": " + safe, console.err.width - 2)) {
      text += (text.empty() ? "" : "\n  ") + part;
    }
  }
  // The name is the start of the first line; wrapping leaves it whole.
  write_err(paint(console.err, Paint::kBad, name + ":") + text.substr(name.size() + 1) + "\n");
}

void print_error(const Console& console, std::string_view command, std::string_view message) {
  print_program_error(console, command.empty() ? "assay" : "assay " + std::string(command),
                      message);
}

}  // namespace assay
