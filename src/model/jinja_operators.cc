#include "model/jinja_operators.h"

#include <algorithm>
#include <cmath>

#include "model/jinja_text.h"

namespace assay::jinja {
namespace {

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

Status wrong_operands(std::string_view op, const Value& a, const Value& b) {
  ASSAY_RETURN_IF_ERROR(check_defined(a));
  ASSAY_RETURN_IF_ERROR(check_defined(b));
  return template_error("unsupported operand types for " + std::string(op) + ": " +
                        quoted(type_name(a)) + " and " + quoted(type_name(b)));
}

Status too_large() {
  return template_error("the result is an integer of more than 64 bits, which is not supported");
}

std::string_view symbol(Op op) {
  constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};
  return kSymbols[static_cast<size_t>(op)];
}

std::optional<double> as_double(const Value& value) {
  if (const auto integer = as_integer(value)) return static_cast<double>(*integer);
  if (const double* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

// Division that rounds down, as Python's.
int64_t floor_quotient(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

Result<Value> integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    return unimplemented("a negative power of an integer is not supported");
  }
  int64_t out = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(out, base, &out)) return too_large();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return too_large();
  }
  return Value(out);
}

Result<Value> on_integers(Op op, int64_t a, int64_t b) {
  int64_t out = 0;
  switch (op) {
    case Op::kAdd:
      return __builtin_add_overflow(a, b, &out) ? Result<Value>(too_large()) : Value(out);
    case Op::kSubtract:
      return __builtin_sub_overflow(a, b, &out) ? Result<Value>(too_large()) : Value(out);
    case Op::kMultiply:
      return __builtin_mul_overflow(a, b, &out) ? Result<Value>(too_large()) : Value(out);
    case Op::kPower:
      return integer_power(a, b);
    default:
      break;
  }
  if (b == 0) return template_error("division by zero");
  if (op == Op::kDivide) return Value(static_cast<double>(a) / static_cast<double>(b));
  if (b == -1) {
    if (op == Op::kModulo) return Value(int64_t{0});
    return __builtin_sub_overflow(int64_t{0}, a, &out) ? Result<Value>(too_large()) : Value(out);
  }
  const int64_t quotient = floor_quotient(a, b);
  return Value(op == Op::kFloorDivide ? quotient : a - quotient * b);
}

// The remainder with the sign of the divisor, and the quotient that goes with it, as CPython.
struct FloatDivision {
  double quotient = 0;
  double remainder = 0;
};
FloatDivision divide(double a, double b) {
  FloatDivision out;
  out.remainder = std::fmod(a, b);
  double whole = (a - out.remainder) / b;
  if (out.remainder != 0) {
    if ((b < 0) != (out.remainder < 0)) {
      out.remainder += b;
      whole -= 1.0;
    }
  } else {
    out.remainder = std::copysign(0.0, b);
  }
  if (whole != 0) {
    out.quotient = std::floor(whole);
    if (whole - out.quotient > 0.5) out.quotient += 1.0;
  } else {
    out.quotient = std::copysign(0.0, a / b);
  }
  return out;
}

Result<Value> on_floats(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return Value(a + b);
    case Op::kSubtract:
      return Value(a - b);
    case Op::kMultiply:
      return Value(a * b);
    case Op::kPower:
      return unimplemented("powers of floats are not supported");
    default:
      break;
  }
  if (b == 0) return template_error("division by zero");
  if (op == Op::kDivide) return Value(a / b);
  const FloatDivision out = divide(a, b);
  return Value(op == Op::kFloorDivide ? out.quotient : out.remainder);
}

Result<Value> joined(Runtime& runtime, const Value& a, const Value& b) {
  const auto* text_a = as_string(a);
  const auto* text_b = as_string(b);
  if (text_a != nullptr && text_b != nullptr) {
    if (text_a->empty()) return b;
    if (text_b->empty()) return a;
    ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text_a->size() + text_b->size()));
    std::string out(*text_a);
    out += *text_b;
    return runtime.string(std::move(out));
  }
  const List* list_a = as_list(a);
  const List* list_b = as_list(b);
  if (list_a != nullptr && list_b != nullptr && list_a->kind == list_b->kind &&
      (list_a->kind == ListKind::kList || list_a->kind == ListKind::kTuple)) {
    ASSAY_RETURN_IF_ERROR(
        runtime.charge_memory((list_a->items.size() + list_b->items.size()) * sizeof(Value)));
    std::vector<Value> out = list_a->items;
    out.insert(out.end(), list_b->items.begin(), list_b->items.end());
    return runtime.list(std::move(out), list_a->kind);
  }
  return wrong_operands("+", a, b);
}

Result<Value> repeated(Runtime& runtime, const Value& value, int64_t count) {
  const auto times = static_cast<uint64_t>(std::max<int64_t>(0, count));
  const auto* text = as_string(value);
  const List* list = as_list(value);
  const uint64_t bytes = text != nullptr ? text->size() : list->items.size() * sizeof(Value);
  uint64_t total = 0;
  if (__builtin_mul_overflow(bytes, times, &total)) total = UINT64_MAX / 2;
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(total));
  if (text != nullptr) {
    std::string out;
    for (uint64_t i = 0; i < times && !text->empty(); ++i) out += *text;
    return runtime.string(std::move(out));
  }
  std::vector<Value> out;
  for (uint64_t i = 0; i < times && !list->items.empty(); ++i) {
    out.insert(out.end(), list->items.begin(), list->items.end());
  }
  return runtime.list(std::move(out), list->kind);
}

bool can_repeat(const Value& value) {
  const List* list = as_list(value);
  return as_string(value) != nullptr ||
         (list != nullptr && (list->kind == ListKind::kList || list->kind == ListKind::kTuple));
}

Result<Value> loop_attribute(Runtime& runtime, const Loop& loop, std::string_view name) {
  const auto index = static_cast<int64_t>(loop.index0);
  const auto size = static_cast<int64_t>(loop.items->size());
  if (name == "index0") return Value(index);
  if (name == "index") return Value(index + 1);
  if (name == "revindex0") return Value(size - index - 1);
  if (name == "revindex") return Value(size - index);
  if (name == "length") return Value(size);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == size);
  // The depth counts recursive loops, which are not supported.
  if (name == "depth0") return Value(int64_t{0});
  if (name == "depth") return Value(int64_t{1});
  if (name == "previtem") {
    if (index > 0) return (*loop.items)[loop.index0 - 1];
    return runtime.undefined("there is no previous item");
  }
  if (name == "nextitem") {
    if (index + 1 < size) return (*loop.items)[loop.index0 + 1];
    return runtime.undefined("there is no next item");
  }
  return method_of(runtime, Value(&loop), name);
}

// What object.name is without looking at items; undefined when it is nothing.
Result<Value> plain_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (const auto* space = std::get_if<Namespace*>(&object)) {
    for (const auto& [attribute, value] : (*space)->attributes) {
      ASSAY_RETURN_IF_ERROR(runtime.charge(1));
      if (attribute == name) return value;
    }
    return Value(Undefined{});
  }
  if (const auto* loop = std::get_if<const Loop*>(&object)) {
    return loop_attribute(runtime, **loop, name);
  }
  return method_of(runtime, object, name);
}

Result<Value> missing_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  return runtime.undefined("'" + std::string(type_name(object)) + " object' has no attribute " +
                           quoted(name.substr(0, 128)));
}

// The index that Python would take, none when it is outside.
std::optional<size_t> index_within(int64_t index, size_t size) {
  if (index < 0) index += static_cast<int64_t>(size);
  if (index < 0 || index >= static_cast<int64_t>(size)) return std::nullopt;
  return static_cast<size_t>(index);
}

// The item itself, nothing when there is none.
Result<std::optional<Value>> plain_item(Runtime& runtime, const Value& object, const Value& key) {
  using Out = std::optional<Value>;
  if (const Dict* dict = as_dict(object)) {
    if (as_list(key) != nullptr || as_dict(key) != nullptr) return Out();
    ASSAY_ASSIGN_OR_RETURN(const Value* value, find_key(runtime, *dict, key));
    return value == nullptr ? Out() : Out(*value);
  }
  const auto index = as_integer(key);
  if (!index) return Out();
  if (const List* list = as_list(object)) {
    if (list->kind == ListKind::kView || list->kind == ListKind::kGenerator) return Out();
    const auto at = index_within(*index, list->items.size());
    return at ? Out(list->items[*at]) : Out();
  }
  if (const auto* text = as_string(object)) {
    ASSAY_RETURN_IF_ERROR(runtime.charge_text(text->size()));
    const auto at = index_within(*index, character_count(*text));
    return at ? Out(Value(characters(*text, *at, *at + 1))) : Out();
  }
  return Out();
}

struct SliceRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;
};

// The indices of a slice, as Python's slice.indices.
Result<SliceRange> indices_of(const Slice& slice, int64_t size) {
  const auto read = [](const Value& value) -> Result<std::optional<int64_t>> {
    if (is_none(value)) return std::optional<int64_t>();
    ASSAY_RETURN_IF_ERROR(check_defined(value));
    const auto integer = as_integer(value);
    if (!integer) return template_error("slice indices must be integers or None");
    return integer;
  };
  ASSAY_ASSIGN_OR_RETURN(const auto step, read(slice.step));
  ASSAY_ASSIGN_OR_RETURN(const auto begin, read(slice.begin));
  ASSAY_ASSIGN_OR_RETURN(const auto end, read(slice.end));
  SliceRange out;
  out.step = step.value_or(1);
  if (out.step == 0) return template_error("slice step cannot be zero");
  const int64_t lowest = out.step < 0 ? -1 : 0;
  const int64_t highest = out.step < 0 ? size - 1 : size;
  const auto place = [&](int64_t index) {
    if (index < 0) return std::max(index < -size ? lowest : index + size, lowest);
    return std::min(index, highest);
  };
  out.begin = begin ? place(*begin) : out.step < 0 ? highest : lowest;
  out.end = end ? place(*end) : out.step < 0 ? lowest : highest;
  return out;
}

}  // namespace

Result<Value> attribute_of(Runtime& runtime, const Value& object, std::string_view name) {
  ASSAY_RETURN_IF_ERROR(runtime.charge(1));
  ASSAY_RETURN_IF_ERROR(check_defined(object));
  ASSAY_ASSIGN_OR_RETURN(const Value attribute, plain_attribute(runtime, object, name));
  if (!is_undefined(attribute)) return attribute;
  if (as_dict(object) != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(const auto item, plain_item(runtime, object, Value(name)));
    if (item) return *item;
  }
  return missing_attribute(runtime, object, name);
}

Result<Value> item_of(Runtime& runtime, const Value& object, const Value& key) {
  ASSAY_RETURN_IF_ERROR(runtime.charge(1));
  ASSAY_RETURN_IF_ERROR(check_defined(object));
  ASSAY_ASSIGN_OR_RETURN(const auto item, plain_item(runtime, object, key));
  if (item) return *item;
  if (const auto* name = as_string(key)) {
    ASSAY_ASSIGN_OR_RETURN(const Value attribute, plain_attribute(runtime, object, *name));
    if (!is_undefined(attribute)) return attribute;
    return missing_attribute(runtime, object, *name);
  }
  if (const auto index = as_integer(key)) {
    return runtime.undefined(std::string(type_name(object)) + " object has no element " +
                             std::to_string(*index));
  }
  return runtime.undefined(std::string(type_name(object)) + " object has no element of type " +
                           quoted(type_name(key)));
}

Result<Value> slice_of(Runtime& runtime, const Value& object, const Slice& slice) {
  ASSAY_RETURN_IF_ERROR(check_defined(object));
  const auto* text = as_string(object);
  const List* list = as_list(object);
  const bool sliceable = text != nullptr || (list != nullptr && list->kind != ListKind::kView &&
                                             list->kind != ListKind::kGenerator);
  if (!sliceable) {
    return template_error(quoted(type_name(object)) + " object cannot be sliced");
  }
  if (text != nullptr) ASSAY_RETURN_IF_ERROR(runtime.charge_text(text->size()));
  const auto size =
      static_cast<int64_t>(text != nullptr ? character_count(*text) : list->items.size());
  ASSAY_ASSIGN_OR_RETURN(const SliceRange range, indices_of(slice, size));
  if (text != nullptr && range.step == 1) {
    return Value(characters(*text, static_cast<size_t>(range.begin),
                            static_cast<size_t>(std::max(range.begin, range.end))));
  }
  const std::vector<Value>* from = nullptr;
  if (text != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(from, elements(runtime, object));
  } else {
    from = &list->items;
  }
  std::vector<Value> items;
  int64_t at = range.begin;
  while (range.step > 0 ? at < range.end : at > range.end) {
    items.push_back((*from)[static_cast<size_t>(at)]);
    if (__builtin_add_overflow(at, range.step, &at)) break;
  }
  if (list != nullptr) return runtime.list(std::move(items), list->kind);
  std::string out;
  for (const Value& item : items) out += std::get<std::string_view>(item);
  return runtime.string(std::move(out));
}

Result<Value> arithmetic(Runtime& runtime, Op op, const Value& a, const Value& b) {
  const auto integer_a = as_integer(a);
  const auto integer_b = as_integer(b);
  if (integer_a && integer_b) return on_integers(op, *integer_a, *integer_b);
  const auto number_a = as_double(a);
  const auto number_b = as_double(b);
  if (number_a && number_b) return on_floats(op, *number_a, *number_b);
  if (op == Op::kAdd) return joined(runtime, a, b);
  if (op == Op::kMultiply && integer_b && can_repeat(a)) return repeated(runtime, a, *integer_b);
  if (op == Op::kMultiply && integer_a && can_repeat(b)) return repeated(runtime, b, *integer_a);
  if (op == Op::kModulo && as_string(a) != nullptr) {
    return formatted(runtime, *as_string(a), b);
  }
  return wrong_operands(symbol(op), a, b);
}

Result<Value> negated(Runtime& /*runtime*/, const Value& value) {
  if (const auto integer = as_integer(value)) {
    return on_integers(Op::kSubtract, 0, *integer);
  }
  if (const double* number = std::get_if<double>(&value)) return Value(-*number);
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  return template_error("bad operand type for unary -: " + quoted(type_name(value)));
}

Result<bool> compare(Runtime& runtime, Op op, const Value& a, const Value& b) {
  switch (op) {
    case Op::kEqual:
      return equal(runtime, a, b);
    case Op::kNotEqual: {
      ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, a, b));
      return !same;
    }
    case Op::kLess:
      return less(runtime, a, b);
    case Op::kGreater:
      return less(runtime, b, a);
    case Op::kLessEqual:
    case Op::kGreaterEqual: {
      const bool swapped = op == Op::kGreaterEqual;
      ASSAY_ASSIGN_OR_RETURN(const bool is_less, less(runtime, swapped ? b : a, swapped ? a : b));
      if (is_less) return true;
      return equal(runtime, a, b);
    }
    default: {
      ASSAY_ASSIGN_OR_RETURN(const bool inside, contains(runtime, b, a));
      return inside == (op == Op::kIn);
    }
  }
}

Result<Value> formatted(Runtime& runtime, std::string_view format, const Value& values) {
  const List* tuple = as_list(values);
  const bool is_tuple = tuple != nullptr && tuple->kind == ListKind::kTuple;
  const size_t count = is_tuple ? tuple->items.size() : 1;
  size_t used = 0;
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out.push_back(format[i]);
      continue;
    }
    const char kind = ++i < format.size() ? format[i] : '\0';
    if (kind == '%') {
      out.push_back('%');
      continue;
    }
    if (kind != 's' && kind != 'd' && kind != 'r') {
      return unimplemented("of the formats of %, only %s, %d, %r and %% are supported");
    }
    if (used == count) return template_error("not enough arguments for format string");
    const Value& value = is_tuple ? tuple->items[used] : values;
    ++used;
    if (kind == 'd' && !as_integer(value)) {
      return template_error("%d wants an integer, not " + std::string(type_name(value)));
    }
    if (kind == 'r') {
      ASSAY_ASSIGN_OR_RETURN(const std::string text, to_repr(runtime, value));
      out += text;
    } else {
      ASSAY_ASSIGN_OR_RETURN(const std::string_view text,
                             to_text(runtime, kind == 'd' ? Value(*as_integer(value)) : value));
      ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text.size()));
      out += text;
    }
  }
  if (used < count && as_dict(values) == nullptr) {
    return template_error("not all arguments converted during string formatting");
  }
  return runtime.string(std::move(out));
}

Result<int64_t> length_of(Runtime& runtime, const Value& value) {
  if (const auto* text = as_string(value)) {
    ASSAY_RETURN_IF_ERROR(runtime.charge_text(text->size()));
    return static_cast<int64_t>(character_count(*text));
  }
  const List* list = as_list(value);
  if (list != nullptr && list->kind != ListKind::kGenerator) {
    return static_cast<int64_t>(list->items.size());
  }
  if (const Dict* dict = as_dict(value)) return static_cast<int64_t>(dict->entries.size());
  if (const auto* loop = std::get_if<const Loop*>(&value)) {
    return static_cast<int64_t>((*loop)->items->size());
  }
  if (is_undefined(value)) return 0;
  return template_error("object of type " + quoted(type_name(value)) + " has no len()");
}

}  // namespace assay::jinja
