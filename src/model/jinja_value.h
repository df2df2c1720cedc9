// The values of a Jinja2 program, with the meaning that Python gives them: what is true, equal,
// less, how a value is written. Strings are UTF-8 and are counted in characters, as in Python.
// Everything a program makes lives in a Runtime until the end of the render and is paid for there;
// values are small and only point, so that no shape of data costs a deep or cyclic destruction.
// Integers have 64 bits: what Python would make longer is an error.
// Tested in jinja_value_test.cc, fuzzed in chat_template_fuzz.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace assay::jinja {

struct List;
struct Dict;
struct Namespace;
class Function;
struct Loop;

// What a missing name or key gives. It is false, empty and "", and an error where it is used as
// anything else; why is the error's text.
struct Undefined {
  std::string_view why;
};
struct None {};

using Value = std::variant<Undefined, None, bool, int64_t, double, std::string_view, const List*,
                           const Dict*, Namespace*, Function*, const Loop*>;

enum class ListKind : uint8_t { kList, kTuple, kRange, kView, kGenerator };

struct List {
  std::vector<Value> items;
  ListKind kind = ListKind::kList;
  mutable bool consumed = false;  // of a generator, which can be walked once
};

struct Dict {
  std::vector<std::pair<Value, Value>> entries;  // in order of insertion; keys are distinct
};

struct Namespace {
  std::vector<std::pair<std::string_view, Value>> attributes;
};

// The state of a for loop, which a template sees as `loop`.
struct Loop {
  const std::vector<Value>* items = nullptr;
  size_t index0 = 0;
  mutable std::optional<Value> changed = std::nullopt;  // what loop.changed was called with last
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
};

struct Limits {
  uint64_t steps_max = 0;
  uint64_t memory_bytes_max = 0;
  uint64_t output_bytes_max = 0;
  uint32_t depth_max = 0;
};

// Owns the values of one render and counts what it costs. Threads: one.
class Runtime {
 public:
  explicit Runtime(const Limits& limits) : limits_(limits) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  const Limits& limits() const { return limits_; }
  // Errors of each: RESOURCE_EXHAUSTED.
  Status charge(uint64_t steps);
  Status charge_text(size_t bytes) { return charge(1 + bytes / 64); }
  Status charge_memory(uint64_t bytes);
  // One level deeper into a tree of expressions or values; leave() undoes an enter() that was ok.
  Status enter();
  void leave() { --depth_; }

  Result<Value> string(std::string text);
  Result<Value> list(std::vector<Value> items, ListKind kind = ListKind::kList);
  Result<Value> dict(std::vector<std::pair<Value, Value>> entries);
  Result<Value> make_namespace();
  Result<Value> function(std::unique_ptr<Function> function);
  Result<Loop*> loop();
  // The failure of raise_exception, whose message is told as it is.
  Status raise(std::string message) {
    raised_ = true;
    return invalid_argument(std::move(message));
  }
  bool raised() const { return raised_; }
  // An undefined value that says why; text is copied. Errors: as above.
  Result<Value> undefined(std::string why);

 private:
  Limits limits_;
  uint64_t steps_ = 0;
  uint64_t memory_bytes_ = 0;
  uint32_t depth_ = 0;
  bool raised_ = false;
  std::deque<std::string> strings_;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> namespaces_;
  std::deque<std::unique_ptr<Function>> functions_;
  std::deque<Loop> loops_;
};

// Something that can be called.
class Function {
 public:
  virtual ~Function() = default;
  virtual Result<Value> call(Runtime& runtime, const Arguments& arguments) = 0;
  virtual std::string_view name() const = 0;
};

template <typename T>
const T* get_if(const Value& value) {
  return std::get_if<T>(&value);
}
inline bool is_undefined(const Value& value) { return std::holds_alternative<Undefined>(value); }
inline bool is_none(const Value& value) { return std::holds_alternative<None>(value); }
inline const std::string_view* as_string(const Value& value) {
  return std::get_if<std::string_view>(&value);
}
// Lists of any kind, null for what is none.
const List* as_list(const Value& value);
const Dict* as_dict(const Value& value);
// bool and int, which Python counts as integers.
std::optional<int64_t> as_integer(const Value& value);
// The name that Python's errors give to a type: "str", "NoneType".
std::string_view type_name(const Value& value);

// A failure of the template: INVALID_ARGUMENT.
Status template_error(std::string message);
// The failure of using an undefined value, or ok.
Status check_defined(const Value& value);

bool is_true(const Value& value);
Result<bool> equal(Runtime& runtime, const Value& a, const Value& b);
// a < b. Errors: INVALID_ARGUMENT for types that have no order.
Result<bool> less(Runtime& runtime, const Value& a, const Value& b);
// element in container.
Result<bool> contains(Runtime& runtime, const Value& container, const Value& element);
// str(value) and repr(value). A string is given as it is, without a copy.
Result<std::string_view> to_text(Runtime& runtime, const Value& value);
Result<std::string> to_repr(Runtime& runtime, const Value& value);
std::string float_repr(double value);
// The elements that a for loop would walk: of a list, the keys of a dict, the characters of a
// string, nothing of an undefined value. The pointer is good until the end of the render.
Result<const std::vector<Value>*> elements(Runtime& runtime, const Value& value);
// The value of a key, null when there is none. Errors: INVALID_ARGUMENT for a key that cannot be
// one, RESOURCE_EXHAUSTED.
Result<const Value*> find_key(Runtime& runtime, const Dict& dict, const Value& key);
// Puts a key or replaces its value.
Status put(Runtime& runtime, std::vector<std::pair<Value, Value>>& entries, const Value& key,
           const Value& value);

// Characters of UTF-8, which all strings of a program are.
size_t character_count(std::string_view text);
size_t character_bytes(std::string_view text);  // of the first; 0 for ""

}  // namespace assay::jinja
