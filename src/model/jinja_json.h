// JSON to values and back, as json.loads and json.dumps of Python write it.
// Tested in jinja_filters_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/jinja_value.h"

namespace assay::jinja {

struct JsonStyle {
  bool escape_non_ascii = false;
  std::optional<std::string> indent = std::nullopt;  // of one level; absent: all on one line
  std::string between_items = ", ";
  std::string between_key_and_value = ": ";
  bool sort_keys = false;
};

// Errors: INVALID_ARGUMENT for what JSON cannot hold, RESOURCE_EXHAUSTED.
Result<std::string> to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

// source names the text in errors. Errors: DATA_LOSS, RESOURCE_EXHAUSTED.
Result<Value> from_json(Runtime& runtime, std::string_view text, std::string_view source);

}  // namespace assay::jinja
