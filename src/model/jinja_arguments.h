// The arguments of a call put in their places. Tested through the filters and methods that use it
// (jinja_filters_test.cc).
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/jinja_value.h"

namespace assay::jinja {

class Parameters {
 public:
  // Errors: INVALID_ARGUMENT, as Python's TypeError: too many, unknown, given twice, or one of the
  // first `required` missing.
  static Result<Parameters> bind(std::string_view callee, const Arguments& arguments,
                                 std::initializer_list<std::string_view> names,
                                 size_t required = 0);

  // The argument at the place of a name, null when it was not given.
  const Value* at(size_t place) const { return values_[place]; }
  bool has(size_t place) const { return values_[place] != nullptr; }
  bool truth(size_t place, bool otherwise) const;
  // None counts as not given. Errors: INVALID_ARGUMENT when the argument has another type.
  Result<int64_t> integer(size_t place, int64_t otherwise) const;
  Result<std::string_view> text(size_t place, std::string_view otherwise) const;

 private:
  std::string_view callee_;
  std::vector<const Value*> values_;
};

}  // namespace assay::jinja
