// The tokens of a Jinja2 template, under the settings of transformers' chat templates: trim_blocks
// and lstrip_blocks are on, one newline at the end of the source is dropped, newlines of any kind
// become \n. Tested in jinja_lexer_test.cc, fuzzed in chat_template_fuzz.cc.
// Source: jinja2 3.1, lexer.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay::jinja {

enum class TokenType : uint8_t {
  kText,           // what stands between the tags, trimmed
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kName,
  kString,  // text is what the literal means
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  std::string text;
  int64_t integer = 0;
  double number = 0;
  uint32_t line = 1;
  uint32_t column = 1;  // in characters
};

// A place in a template as errors name it: "NAME, line 3, column 7: ".
std::string place(std::string_view name, uint32_t line, uint32_t column);

// All tokens of source, kEnd last. Errors: DATA_LOSS with name, line and column.
// Cost: linear in the source.
Result<std::vector<Token>> tokenize(std::string_view source, std::string_view name);

// White space as Python's str.strip and \s know it.
bool is_space(uint32_t code_point);

}  // namespace assay::jinja
