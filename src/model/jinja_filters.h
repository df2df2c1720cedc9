// The filters and tests of Jinja2 that chat templates use. Where jinja2 gives a generator, so does
// this: it has no length and can be walked once. safe and escape give plain strings, as nothing is
// escaped by itself in a chat template.
// Tested in jinja_filters_test.cc against jinja2. Source: jinja2 3.1, filters.py, tests.py;
// tojson as transformers defines it.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/jinja_value.h"

namespace assay::jinja {

struct Filter {
  std::string_view name;
  Result<Value> (*apply)(Runtime& runtime, const Value& value, const Arguments& arguments);
};

struct Test {
  std::string_view name;
  Result<bool> (*holds)(Runtime& runtime, const Value& value, const Arguments& arguments);
};

// Null when there is none of that name.
const Filter* find_filter(std::string_view name);
const Test* find_test(std::string_view name);

// The part of them that works on lists and dicts, in jinja_sequence_filters.cc.
const Filter* find_sequence_filter(std::string_view name);

}  // namespace assay::jinja
