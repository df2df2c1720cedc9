// The console: what the standard streams can show, and plain writes to them. Tested in
// console_test.cc.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "app/text.h"
#include "base/result.h"

namespace assay {

struct Console {
  TextStyle out;  // of stdout
  TextStyle err;  // of stderr
  bool out_terminal = false;
  bool err_terminal = false;
  size_t err_columns = 80;  // the real width, for the progress line
};

// A style from the environment. Colour only on a terminal, and not when NO_COLOR is set or TERM is
// "dumb"; UTF-8 when the first that is set of LC_ALL, LC_CTYPE, LANG says so.
using Environment = std::function<const char*(const char* name)>;
TextStyle text_style(bool terminal, size_t columns, const Environment& environment);
Console detect_console();

void write_out(std::string_view text);
void write_err(std::string_view text);
// Errors: UNAVAILABLE when stdout could not take everything that was written (a full disk).
Status flush_out();

// "<name>: <message>" on stderr.
void print_program_error(const Console& console, const std::string& name, std::string_view message);
// The same of a command of assay: "assay verify: <message>".
void print_error(const Console& console, std::string_view command, std::string_view message);

}  // namespace assay
