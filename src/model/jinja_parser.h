// The parser of Jinja2 templates, for the tags that chat templates use: output, if, for with else
// and a condition, set in all forms, macro, call, filter, with, break, continue, raw, comments,
// and generation of transformers. Filters and tests are looked up here, so that a template that
// needs one that is missing is refused before it is used.
// Tested in jinja_parser_test.cc, fuzzed in chat_template_fuzz.cc. Source: jinja2 3.1, parser.py.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/jinja_ast.h"

namespace assay::jinja {

// How deep expressions and statements may stand inside one another.
inline constexpr uint32_t kExpressionDepthMax = 200;
inline constexpr uint32_t kNestingMax = 100;

// Errors: DATA_LOSS with name, line and column; UNIMPLEMENTED for tags, filters and tests that are
// not supported.
Result<Body> parse(std::string_view source, std::string_view name);

}  // namespace assay::jinja
