// Runs a parsed template. Every expression, iteration and byte is paid for in the Runtime, and the
// depth is bounded, so that no template runs for ever, fills the memory or the stack.
// Tested in jinja_eval_test.cc against jinja2, fuzzed in chat_template_fuzz.cc. Source: jinja2 3.1,
// compiler.py (scopes: set inside a for loop or macro is not seen outside, inside an if it is).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/jinja_ast.h"

namespace assay::jinja {

using Variables = std::vector<std::pair<std::string_view, Value>>;

// The text of a template with these variables, beside the global functions range, dict, namespace
// and joiner. name stands for the template in errors.
// Errors: with name and line, INVALID_ARGUMENT when the template fails, UNIMPLEMENTED,
// RESOURCE_EXHAUSTED; without them, INVALID_ARGUMENT with the words of Runtime::raise.
// Threads: one Runtime each; body is shared.
Result<std::string> run(Runtime& runtime, const Body& body, const Variables& variables,
                        std::string_view name);

}  // namespace assay::jinja
