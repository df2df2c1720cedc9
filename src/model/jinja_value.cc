#include "model/jinja_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "model/unicode.h"
#include "model/utf8.h"

namespace assay::jinja {
namespace {

constexpr uint64_t kObjectBytes = 64;  // what an object costs beside what it holds

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};

bool is_printable(uint32_t c) {
  if (c == ' ') return true;
  return is_assigned(c) && !is_control(c) && !is_white_space(c);
}

void append_hex(std::string& out, uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    out.push_back("0123456789abcdef"[value >> (4 * i) & 15U]);
  }
}

std::string string_repr(std::string_view text) {
  const bool has_single = text.find('\'') != text.npos;
  const char quote = has_single && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(1, c.bytes));
    text.remove_prefix(bytes.size());
    if (bytes[0] == quote || bytes[0] == '\\') {
      out.push_back('\\');
      out += bytes;
    } else if (bytes[0] == '\n' || bytes[0] == '\r' || bytes[0] == '\t') {
      out.push_back('\\');
      out.push_back(bytes[0] == '\n' ? 'n' : bytes[0] == '\r' ? 'r' : 't');
    } else if (is_printable(c.value)) {
      out += bytes;
    } else {
      const int digits = c.value < 0x100 ? 2 : c.value < 0x10000 ? 4 : 8;
      out.push_back('\\');
      out.push_back(digits == 2 ? 'x' : digits == 4 ? 'u' : 'U');
      append_hex(out, c.value, digits);
    }
  }
  out.push_back(quote);
  return out;
}

Status append_repr(Runtime& runtime, const Value& value, std::string& out);

Status append_list(Runtime& runtime, const List& list, std::string& out) {
  if (list.kind == ListKind::kRange || list.kind == ListKind::kGenerator) {
    return unimplemented("a range or a generator has no text: use the filter 'list'");
  }
  out += list.kind == ListKind::kView ? "dict_items([" : list.kind == ListKind::kTuple ? "(" : "[";
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out += ", ";
    ASSAY_RETURN_IF_ERROR(append_repr(runtime, list.items[i], out));
  }
  if (list.kind == ListKind::kTuple && list.items.size() == 1) out.push_back(',');
  out += list.kind == ListKind::kView ? "])" : list.kind == ListKind::kTuple ? ")" : "]";
  return ok_status();
}

Status append_pairs(Runtime& runtime, const Dict& dict, std::string& out) {
  out.push_back('{');
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0) out += ", ";
    ASSAY_RETURN_IF_ERROR(append_repr(runtime, dict.entries[i].first, out));
    out += ": ";
    ASSAY_RETURN_IF_ERROR(append_repr(runtime, dict.entries[i].second, out));
  }
  out.push_back('}');
  return ok_status();
}

Status append_scalar(const Value& value, std::string& out) {
  if (is_undefined(value)) {
    out += "Undefined";
  } else if (is_none(value)) {
    out += "None";
  } else if (const bool* truth = std::get_if<bool>(&value)) {
    out += *truth ? "True" : "False";
  } else if (const int64_t* integer = std::get_if<int64_t>(&value)) {
    out += std::to_string(*integer);
  } else if (const double* number = std::get_if<double>(&value)) {
    out += float_repr(*number);
  } else if (const auto* text = as_string(value)) {
    out += string_repr(*text);
  } else {
    return unimplemented(std::string("the text of a ") + std::string(type_name(value)) +
                         " is not supported");
  }
  return ok_status();
}

Status append_repr(Runtime& runtime, const Value& value, std::string& out) {
  ASSAY_RETURN_IF_ERROR(runtime.enter());
  const size_t before = out.size();
  Status status;
  if (const List* list = as_list(value)) {
    status = append_list(runtime, *list, out);
  } else if (const Dict* dict = as_dict(value)) {
    status = append_pairs(runtime, *dict, out);
  } else {
    status = append_scalar(value, out);
  }
  runtime.leave();
  ASSAY_RETURN_IF_ERROR(std::move(status));
  if (out.size() > runtime.limits().memory_bytes_max) {
    return resource_exhausted("the text of a value is longer than the memory allowed");
  }
  return runtime.charge_text(out.size() - before);
}

// A number as Python compares it: integers exactly, also with floats.
std::optional<std::variant<int64_t, double>> number_of(const Value& value) {
  if (const auto integer = as_integer(value)) return *integer;
  if (const double* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

// The sign of a - b; nothing for NaN.
std::optional<int> compare_mixed(int64_t a, double b) {
  if (std::isnan(b)) return std::nullopt;
  if (b >= 9223372036854775808.0) return -1;
  if (b < -9223372036854775808.0) return 1;
  const double whole = std::trunc(b);
  const auto integer = static_cast<int64_t>(whole);
  if (a != integer) return a < integer ? -1 : 1;
  return b == whole ? 0 : b > whole ? -1 : 1;
}

template <typename T>
int sign_of(T a, T b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

std::optional<int> compare_numbers(const std::variant<int64_t, double>& a,
                                   const std::variant<int64_t, double>& b) {
  return std::visit(Overloaded{[](int64_t x, int64_t y) { return std::optional(sign_of(x, y)); },
                               [](double x, double y) -> std::optional<int> {
                                 if (std::isnan(x) || std::isnan(y)) return std::nullopt;
                                 return sign_of(x, y);
                               },
                               [](int64_t x, double y) { return compare_mixed(x, y); },
                               [](double x, int64_t y) -> std::optional<int> {
                                 const auto order = compare_mixed(y, x);
                                 if (!order) return order;
                                 return -*order;
                               }},
                    a, b);
}

Result<bool> equal_lists(Runtime& runtime, const List& a, const List& b) {
  if (&a == &b) return true;
  if (a.kind == ListKind::kGenerator || a.kind == ListKind::kView || a.kind != b.kind ||
      a.items.size() != b.items.size()) {
    return false;
  }
  for (size_t i = 0; i < a.items.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, a.items[i], b.items[i]));
    if (!same) return false;
  }
  return true;
}

Result<bool> equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (&a == &b) return true;
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    ASSAY_ASSIGN_OR_RETURN(const Value* other, find_key(runtime, b, key));
    if (other == nullptr) return false;
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, value, *other));
    if (!same) return false;
  }
  return true;
}

Result<bool> equal_inside(Runtime& runtime, const Value& a, const Value& b) {
  const auto number_a = number_of(a);
  const auto number_b = number_of(b);
  if (number_a || number_b) {
    return number_a && number_b && compare_numbers(*number_a, *number_b) == std::optional(0);
  }
  if (a.index() != b.index()) return false;
  if (is_undefined(a) || is_none(a)) return true;
  if (const auto* text = as_string(a)) {
    ASSAY_RETURN_IF_ERROR(runtime.charge_text(text->size()));
    return *text == std::get<std::string_view>(b);
  }
  if (const List* list = as_list(a)) return equal_lists(runtime, *list, *as_list(b));
  if (const Dict* dict = as_dict(a)) return equal_dicts(runtime, *dict, *as_dict(b));
  if (std::holds_alternative<Namespace*>(a)) {
    return std::get<Namespace*>(a) == std::get<Namespace*>(b);
  }
  if (std::holds_alternative<Function*>(a)) {
    return std::get<Function*>(a) == std::get<Function*>(b);
  }
  return std::get<const Loop*>(a) == std::get<const Loop*>(b);
}

Result<bool> less_inside(Runtime& runtime, const Value& a, const Value& b) {
  const auto number_a = number_of(a);
  const auto number_b = number_of(b);
  if (number_a && number_b) return compare_numbers(*number_a, *number_b) == std::optional(-1);
  const auto* text_a = as_string(a);
  const auto* text_b = as_string(b);
  if (text_a != nullptr && text_b != nullptr) {
    ASSAY_RETURN_IF_ERROR(runtime.charge_text(std::min(text_a->size(), text_b->size())));
    return *text_a < *text_b;  // the order of UTF-8 is that of code points
  }
  const List* list_a = as_list(a);
  const List* list_b = as_list(b);
  if (list_a != nullptr && list_b != nullptr && list_a->kind == list_b->kind &&
      (list_a->kind == ListKind::kList || list_a->kind == ListKind::kTuple)) {
    const size_t common = std::min(list_a->items.size(), list_b->items.size());
    for (size_t i = 0; i < common; ++i) {
      ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, list_a->items[i], list_b->items[i]));
      if (!same) return less(runtime, list_a->items[i], list_b->items[i]);
    }
    return list_a->items.size() < list_b->items.size();
  }
  ASSAY_RETURN_IF_ERROR(check_defined(a));
  ASSAY_RETURN_IF_ERROR(check_defined(b));
  return template_error("'" + std::string(type_name(a)) + "' and '" + std::string(type_name(b)) +
                        "' have no order");
}

// What Python can hash; tuples in tuples to a few levels.
bool is_key(const Value& value, int levels = 8) {
  const List* list = as_list(value);
  if (list == nullptr) return as_dict(value) == nullptr;
  return levels > 0 && list->kind != ListKind::kList &&
         std::all_of(list->items.begin(), list->items.end(),
                     [&](const Value& item) { return is_key(item, levels - 1); });
}

}  // namespace

Status Runtime::charge(uint64_t steps) {
  steps_ += steps;
  if (steps_ <= limits_.steps_max) return ok_status();
  return resource_exhausted("the template takes more than " + std::to_string(limits_.steps_max) +
                            " steps");
}

Status Runtime::charge_memory(uint64_t bytes) {
  memory_bytes_ += bytes;
  if (memory_bytes_ <= limits_.memory_bytes_max) return charge(1 + bytes / 64);
  return resource_exhausted("the template makes values of more than " +
                            std::to_string(limits_.memory_bytes_max) + " bytes");
}

Status Runtime::enter() {
  if (depth_ == limits_.depth_max) {
    return resource_exhausted("the template goes deeper than " + std::to_string(limits_.depth_max) +
                              " levels");
  }
  ++depth_;
  return ok_status();
}

Result<Value> Runtime::string(std::string text) {
  if (text.empty()) return Value(std::string_view());
  ASSAY_RETURN_IF_ERROR(charge_memory(kObjectBytes + text.size()));
  strings_.push_back(std::move(text));
  return Value(std::string_view(strings_.back()));
}

Result<Value> Runtime::list(std::vector<Value> items, ListKind kind) {
  ASSAY_RETURN_IF_ERROR(charge_memory(kObjectBytes + items.size() * sizeof(Value)));
  lists_.push_back({.items = std::move(items), .kind = kind});
  return Value(static_cast<const List*>(&lists_.back()));
}

Result<Value> Runtime::dict(std::vector<std::pair<Value, Value>> entries) {
  ASSAY_RETURN_IF_ERROR(charge_memory(kObjectBytes + entries.size() * 2 * sizeof(Value)));
  dicts_.push_back({.entries = std::move(entries)});
  return Value(static_cast<const Dict*>(&dicts_.back()));
}

Result<Value> Runtime::make_namespace() {
  ASSAY_RETURN_IF_ERROR(charge_memory(kObjectBytes));
  namespaces_.emplace_back();
  return Value(&namespaces_.back());
}

Result<Value> Runtime::function(std::unique_ptr<Function> function) {
  ASSAY_RETURN_IF_ERROR(charge_memory(2 * kObjectBytes));
  functions_.push_back(std::move(function));
  return Value(functions_.back().get());
}

Result<Loop*> Runtime::loop() {
  ASSAY_RETURN_IF_ERROR(charge_memory(2 * kObjectBytes));
  loops_.emplace_back();
  return &loops_.back();
}

Result<Value> Runtime::undefined(std::string why) {
  ASSAY_ASSIGN_OR_RETURN(const Value text, string(std::move(why)));
  return Value(Undefined{std::get<std::string_view>(text)});
}

const List* as_list(const Value& value) {
  const auto* list = std::get_if<const List*>(&value);
  return list == nullptr ? nullptr : *list;
}

const Dict* as_dict(const Value& value) {
  const auto* dict = std::get_if<const Dict*>(&value);
  return dict == nullptr ? nullptr : *dict;
}

std::optional<int64_t> as_integer(const Value& value) {
  if (const bool* truth = std::get_if<bool>(&value)) return *truth ? 1 : 0;
  if (const int64_t* integer = std::get_if<int64_t>(&value)) return *integer;
  return std::nullopt;
}

std::string_view type_name(const Value& value) {
  if (const List* list = as_list(value)) {
    constexpr std::string_view kNames[] = {"list", "tuple", "range", "dict_items", "generator"};
    return kNames[static_cast<size_t>(list->kind)];
  }
  constexpr std::string_view kNames[] = {"Undefined", "NoneType", "bool",       "int",
                                         "float",     "str",      "list",       "dict",
                                         "Namespace", "function", "LoopContext"};
  return kNames[value.index()];
}

Status template_error(std::string message) { return invalid_argument(std::move(message)); }

Status check_defined(const Value& value) {
  const auto* undefined = std::get_if<Undefined>(&value);
  return undefined == nullptr ? ok_status() : template_error(std::string(undefined->why));
}

bool is_true(const Value& value) {
  return std::visit(
      Overloaded{[](Undefined) { return false; }, [](None) { return false; },
                 [](bool b) { return b; }, [](int64_t i) { return i != 0; },
                 [](double d) { return d != 0; }, [](std::string_view s) { return !s.empty(); },
                 [](const List* l) { return l->kind == ListKind::kGenerator || !l->items.empty(); },
                 [](const Dict* d) { return !d->entries.empty(); },
                 [](const auto*) { return true; }},
      value);
}

Result<bool> equal(Runtime& runtime, const Value& a, const Value& b) {
  ASSAY_RETURN_IF_ERROR(runtime.charge(1));
  ASSAY_RETURN_IF_ERROR(runtime.enter());
  auto out = equal_inside(runtime, a, b);
  runtime.leave();
  return out;
}

Result<bool> less(Runtime& runtime, const Value& a, const Value& b) {
  ASSAY_RETURN_IF_ERROR(runtime.charge(1));
  ASSAY_RETURN_IF_ERROR(runtime.enter());
  auto out = less_inside(runtime, a, b);
  runtime.leave();
  return out;
}

Result<bool> contains(Runtime& runtime, const Value& container, const Value& element) {
  if (const auto* text = as_string(container)) {
    const auto* part = as_string(element);
    if (part == nullptr) {
      return template_error("'in <string>' wants a string on its left, not " +
                            std::string(type_name(element)));
    }
    ASSAY_RETURN_IF_ERROR(runtime.charge_text(text->size()));
    return text->find(*part) != text->npos;
  }
  if (const Dict* dict = as_dict(container)) {
    ASSAY_ASSIGN_OR_RETURN(const Value* value, find_key(runtime, *dict, element));
    return value != nullptr;
  }
  ASSAY_ASSIGN_OR_RETURN(const std::vector<Value>* items, elements(runtime, container));
  for (const Value& item : *items) {
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, item, element));
    if (same) return true;
  }
  return false;
}

Result<std::string_view> to_text(Runtime& runtime, const Value& value) {
  if (const auto* text = as_string(value)) return *text;
  if (is_undefined(value)) return std::string_view();
  ASSAY_ASSIGN_OR_RETURN(std::string text, to_repr(runtime, value));
  ASSAY_ASSIGN_OR_RETURN(const Value kept, runtime.string(std::move(text)));
  return std::get<std::string_view>(kept);
}

Result<std::string> to_repr(Runtime& runtime, const Value& value) {
  std::string out;
  ASSAY_RETURN_IF_ERROR(append_repr(runtime, value, out));
  return out;
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer;
  // The shortest digits that read back to the value, d.ddde+xx; Python writes them plainly for
  // exponents from -4 to 15.
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<size_t>(end.ptr - buffer.data()));
  const size_t e = text.find('e');
  int exponent = 0;
  const size_t digits_at = e + 1 + (text[e + 1] == '+' ? 1U : 0U);
  std::from_chars(text.data() + digits_at, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16) return std::string(text);
  const auto plain =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  std::string out(buffer.data(), static_cast<size_t>(plain.ptr - buffer.data()));
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

Result<const std::vector<Value>*> elements(Runtime& runtime, const Value& value) {
  if (const List* list = as_list(value)) {
    static const std::vector<Value> kNothing;
    if (list->kind == ListKind::kGenerator && std::exchange(list->consumed, true)) {
      return &kNothing;
    }
    return &list->items;
  }
  std::vector<Value> items;
  if (const Dict* dict = as_dict(value)) {
    for (const auto& [key, held] : dict->entries) items.push_back(key);
  } else if (const auto* text = as_string(value)) {
    ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text->size() * sizeof(Value)));
    for (std::string_view rest = *text; !rest.empty();) {
      const size_t bytes = character_bytes(rest);
      items.emplace_back(rest.substr(0, bytes));
      rest.remove_prefix(bytes);
    }
  } else if (!is_undefined(value)) {
    return template_error("'" + std::string(type_name(value)) + "' object is not iterable");
  }
  ASSAY_ASSIGN_OR_RETURN(const Value list, runtime.list(std::move(items)));
  return &as_list(list)->items;
}

Result<const Value*> find_key(Runtime& runtime, const Dict& dict, const Value& key) {
  if (!is_key(key)) {
    return template_error("unhashable type: '" + std::string(type_name(key)) + "'");
  }
  for (const auto& [name, value] : dict.entries) {
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, name, key));
    if (same) return &value;
  }
  return nullptr;
}

Status put(Runtime& runtime, std::vector<std::pair<Value, Value>>& entries, const Value& key,
           const Value& value) {
  if (!is_key(key)) {
    return template_error("unhashable type: '" + std::string(type_name(key)) + "'");
  }
  for (auto& [name, held] : entries) {
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, name, key));
    if (same) {
      held = value;
      return ok_status();
    }
  }
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(2 * sizeof(Value)));
  entries.emplace_back(key, value);
  return ok_status();
}

size_t character_bytes(std::string_view text) {
  return text.empty() ? 0 : std::max<size_t>(1, utf8_prefix(text));
}

size_t character_count(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0U) != 0x80; }));
}

}  // namespace assay::jinja
