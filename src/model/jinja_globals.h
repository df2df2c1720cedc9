// The global functions of Jinja2 (jinja_eval.h) and those that transformers adds.
// Tested in jinja_eval_test.cc.
#pragma once

#include <string>

#include "base/result.h"
#include "model/jinja_eval.h"

namespace assay::jinja {

// range, dict, namespace, joiner.
Result<Variables> globals(Runtime& runtime);

struct Date {
  int32_t year = 0;
  int32_t month = 0;  // 1 to 12
  int32_t day = 0;
};
// raise_exception(message): fails with the message alone (Runtime::raise).
Result<Value> raise_exception(Runtime& runtime);
// strftime_now(format): the date, at midnight.
Result<Value> strftime_now(Runtime& runtime, const Date& date);

}  // namespace assay::jinja
