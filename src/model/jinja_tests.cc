// The tests of Jinja2: what may stand behind `is`.
#include <algorithm>
#include <array>

#include "model/jinja_arguments.h"
#include "model/jinja_filters.h"
#include "model/jinja_operators.h"

namespace assay::jinja {
namespace {

Status no_arguments(const Arguments& arguments) {
  return Parameters::bind("the test", arguments, {}).status();
}

template <bool (*kHolds)(const Value&)>
Result<bool> simple(Runtime&, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments(arguments));
  return kHolds(value);
}

bool is_defined(const Value& value) { return !is_undefined(value); }
template <typename T>
bool is_a(const Value& value) {
  return std::holds_alternative<T>(value);
}
template <bool kTruth>
bool is_the(const Value& value) {
  const bool* truth = std::get_if<bool>(&value);
  return truth != nullptr && *truth == kTruth;
}
bool is_number(const Value& value) {
  return as_integer(value).has_value() || std::holds_alternative<double>(value);
}
bool is_sequence(const Value& value) {
  const List* list = as_list(value);
  const bool indexed =
      list != nullptr && list->kind != ListKind::kView && list->kind != ListKind::kGenerator;
  return indexed || as_string(value) != nullptr || as_dict(value) != nullptr || is_undefined(value);
}
bool is_iterable(const Value& value) {
  return as_list(value) != nullptr || as_string(value) != nullptr || as_dict(value) != nullptr ||
         is_undefined(value) || is_a<const Loop*>(value);
}
// Undefined can be called, to fail.
bool is_callable(const Value& value) { return is_a<Function*>(value) || is_undefined(value); }

template <Op kOp>
Result<bool> compared(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("the test", arguments, {"other"}, 1));
  return compare(runtime, kOp, value, *given.at(0));
}

Result<bool> remainder_is(Runtime& runtime, const Value& value, int64_t divisor, int64_t wanted) {
  ASSAY_ASSIGN_OR_RETURN(const Value rest, arithmetic(runtime, Op::kModulo, value, Value(divisor)));
  return equal(runtime, rest, Value(wanted));
}

template <int64_t kRest>
Result<bool> is_parity(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments(arguments));
  return remainder_is(runtime, value, 2, kRest);
}

Result<bool> is_divisible(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("divisibleby", arguments, {"num"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const Value rest, arithmetic(runtime, Op::kModulo, value, *given.at(0)));
  return equal(runtime, rest, Value(int64_t{0}));
}

// Identity: of true, false and none it is that of the value; of objects that they are one.
Result<bool> is_same(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("sameas", arguments, {"other"}, 1));
  const Value& other = *given.at(0);
  if (value.index() != other.index()) return false;
  if (const List* list = as_list(value)) return list == as_list(other);
  if (const Dict* dict = as_dict(value)) return dict == as_dict(other);
  if (as_string(value) != nullptr || is_a<int64_t>(value) || is_a<double>(value)) {
    return unimplemented("the test sameas is supported for true, false, none and objects");
  }
  return equal(runtime, value, other);
}

template <bool kUpper>
Result<bool> is_case(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments(arguments));
  ASSAY_ASSIGN_OR_RETURN(const std::string_view text, to_text(runtime, value));
  ASSAY_ASSIGN_OR_RETURN(const Value method,
                         method_of(runtime, Value(text), kUpper ? "isupper" : "islower"));
  ASSAY_ASSIGN_OR_RETURN(const Value out, std::get<Function*>(method)->call(runtime, {}));
  return is_true(out);
}

template <bool kFilter>
Result<bool> is_known(Runtime&, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments(arguments));
  const auto* name = as_string(value);
  if (name == nullptr) return false;
  return kFilter ? find_filter(*name) != nullptr : find_test(*name) != nullptr;
}

constexpr std::array kTests = {
    Test{"defined", simple<is_defined>},
    Test{"undefined", simple<is_undefined>},
    Test{"none", simple<is_none>},
    Test{"true", simple<is_the<true>>},
    Test{"false", simple<is_the<false>>},
    Test{"boolean", simple<is_a<bool>>},
    Test{"integer", simple<is_a<int64_t>>},
    Test{"float", simple<is_a<double>>},
    Test{"number", simple<is_number>},
    Test{"string", simple<is_a<std::string_view>>},
    Test{"mapping", simple<is_a<const Dict*>>},
    Test{"sequence", simple<is_sequence>},
    Test{"iterable", simple<is_iterable>},
    Test{"callable", simple<is_callable>},
    Test{"odd", is_parity<1>},
    Test{"even", is_parity<0>},
    Test{"divisibleby", is_divisible},
    Test{"sameas", is_same},
    Test{"lower", is_case<false>},
    Test{"upper", is_case<true>},
    Test{"filter", is_known<true>},
    Test{"test", is_known<false>},
    Test{"in", compared<Op::kIn>},
    Test{"eq", compared<Op::kEqual>},
    Test{"equalto", compared<Op::kEqual>},
    Test{"==", compared<Op::kEqual>},
    Test{"ne", compared<Op::kNotEqual>},
    Test{"!=", compared<Op::kNotEqual>},
    Test{"gt", compared<Op::kGreater>},
    Test{"greaterthan", compared<Op::kGreater>},
    Test{">", compared<Op::kGreater>},
    Test{"ge", compared<Op::kGreaterEqual>},
    Test{">=", compared<Op::kGreaterEqual>},
    Test{"lt", compared<Op::kLess>},
    Test{"lessthan", compared<Op::kLess>},
    Test{"<", compared<Op::kLess>},
    Test{"le", compared<Op::kLessEqual>},
    Test{"<=", compared<Op::kLessEqual>},
};

}  // namespace

const Test* find_test(std::string_view name) {
  const auto found = std::find_if(kTests.begin(), kTests.end(),
                                  [&](const Test& test) { return test.name == name; });
  return found == kTests.end() ? nullptr : &*found;
}

}  // namespace assay::jinja
