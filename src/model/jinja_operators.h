// Attributes, items, slices and arithmetic of Jinja2 values.
// Tested in jinja_eval_test.cc against jinja2 itself. Source: jinja2 3.1, environment.py,
// sandbox.py (the immutable sandbox).
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/jinja_ast.h"

namespace assay::jinja {

// object.name: a method or attribute, else the item of that name, else undefined.
// Errors of all: INVALID_ARGUMENT (template error), UNIMPLEMENTED, RESOURCE_EXHAUSTED.
Result<Value> attribute_of(Runtime& runtime, const Value& object, std::string_view name);
// object[key]: the item, else for a string the attribute of that name, else undefined.
Result<Value> item_of(Runtime& runtime, const Value& object, const Value& key);
// object[begin:end:step]; None for what is left out.
struct Slice {
  Value begin;
  Value end;
  Value step;
};
Result<Value> slice_of(Runtime& runtime, const Value& object, const Slice& slice);
// The method of a string, dict or list, bound to it; undefined (without a reason) when there is
// none.
Result<Value> method_of(Runtime& runtime, const Value& object, std::string_view name);

// Arithmetic (kAdd to kPower).
Result<Value> arithmetic(Runtime& runtime, Op op, const Value& a, const Value& b);
Result<Value> negated(Runtime& runtime, const Value& value);
// Comparisons (kEqual to kNotIn).
Result<bool> compare(Runtime& runtime, Op op, const Value& a, const Value& b);
// value as a number of Python's %, str % values.
Result<Value> formatted(Runtime& runtime, std::string_view format, const Value& values);

// The length of what has one. Errors: INVALID_ARGUMENT for other types.
Result<int64_t> length_of(Runtime& runtime, const Value& value);

}  // namespace assay::jinja
