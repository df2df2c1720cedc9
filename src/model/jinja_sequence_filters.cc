// The filters of Jinja2 that work on lists and dicts.
#include <algorithm>
#include <array>
#include <charconv>

#include "model/jinja_arguments.h"
#include "model/jinja_filters.h"
#include "model/jinja_operators.h"
#include "model/jinja_text.h"

namespace assay::jinja {
namespace {

using Text = std::string_view;
using Items = std::vector<Value>;

Status no_arguments(Text name, const Arguments& arguments) {
  return Parameters::bind(name, arguments, {}).status();
}

Result<Value> default_filter(Runtime&, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("default", arguments, {"default_value", "boolean"}));
  if (!is_undefined(value) && (is_true(value) || !given.truth(1, false))) return value;
  return given.has(0) ? *given.at(0) : Value(Text());
}

Result<Value> length(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments("length", arguments));
  ASSAY_ASSIGN_OR_RETURN(const int64_t out, length_of(runtime, value));
  return Value(out);
}

Result<Value> list(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments("list", arguments));
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(items->size() * sizeof(Value)));
  return runtime.list(*items);
}

Result<Value> first(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments("first", arguments));
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  if (items->empty()) return runtime.undefined("No first item, sequence was empty.");
  return items->front();
}

Result<Value> last(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments("last", arguments));
  const List* from = as_list(value);
  if (from != nullptr && from->kind == ListKind::kGenerator) {
    return template_error("'generator' object is not reversible");
  }
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  if (items->empty()) return runtime.undefined("No last item, sequence was empty.");
  return items->back();
}

Result<Value> reverse(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments("reverse", arguments));
  if (as_string(value) != nullptr) {
    return slice_of(runtime, value, {.begin = None{}, .end = None{}, .step = int64_t{-1}});
  }
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(items->size() * sizeof(Value)));
  return runtime.list(Items(items->rbegin(), items->rend()), ListKind::kGenerator);
}

Result<Value> items_filter(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(no_arguments("items", arguments));
  Items out;
  if (const Dict* dict = as_dict(value)) {
    for (const auto& [key, held] : dict->entries) {
      ASSAY_ASSIGN_OR_RETURN(const Value pair, runtime.list({key, held}, ListKind::kTuple));
      out.push_back(pair);
    }
  } else if (!is_undefined(value)) {
    return template_error("Can only get item pairs from a mapping.");
  }
  return runtime.list(std::move(out), ListKind::kGenerator);
}

// What stands at a path of attributes, "a.b.0", or at an index.
class AttributePath {
 public:
  AttributePath() = default;  // the value itself
  static Result<AttributePath> of(const Value& attribute) {
    AttributePath out;
    if (is_none(attribute)) return out;
    if (const auto* path = as_string(attribute)) {
      for (const Text part : split(*path, {.separator = "."})) {
        const bool is_index =
            !part.empty() && part.find_first_not_of("0123456789") == part.npos && part.size() < 10;
        int64_t index = 0;
        if (is_index) std::from_chars(part.data(), part.data() + part.size(), index);
        out.parts_.push_back(is_index ? Value(index) : Value(part));
      }
    } else {
      out.parts_.push_back(attribute);
    }
    return out;
  }

  Result<Value> value(Runtime& runtime, const Value& item, const Value* otherwise = nullptr) const {
    Value out = item;
    for (const Value& part : parts_) {
      ASSAY_ASSIGN_OR_RETURN(out, item_of(runtime, out, part));
      if (is_undefined(out) && otherwise != nullptr && !is_none(*otherwise)) out = *otherwise;
    }
    return out;
  }

 private:
  Items parts_;
};

Result<AttributePath> path_argument(const Parameters& given, size_t place) {
  return given.has(place) ? AttributePath::of(*given.at(place)) : AttributePath();
}

Result<Value> join(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("join", arguments, {"d", "attribute"}));
  ASSAY_ASSIGN_OR_RETURN(const AttributePath path, path_argument(given, 1));
  Text between;
  if (given.has(0)) {
    ASSAY_ASSIGN_OR_RETURN(between, to_text(runtime, *given.at(0)));
  }
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  std::string out;
  for (size_t i = 0; i < items->size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const Value item, path.value(runtime, (*items)[i]));
    ASSAY_ASSIGN_OR_RETURN(const Text text, to_text(runtime, item));
    ASSAY_RETURN_IF_ERROR(runtime.charge_memory(between.size() + text.size()));
    if (i > 0) out += between;
    out += text;
  }
  return runtime.string(std::move(out));
}

// A value to compare by, strings in lower case unless case counts.
Result<Value> folded(Runtime& runtime, const Value& value, bool case_sensitive) {
  const auto* text = as_string(value);
  if (case_sensitive || text == nullptr) return value;
  ASSAY_RETURN_IF_ERROR(runtime.charge(text->size() / 8));
  return runtime.string(lower_case(*text));
}

struct Keyed {
  std::vector<Value> keys;
  Value value;
};

Result<bool> keyed_less(Runtime& runtime, const Keyed& a, const Keyed& b) {
  for (size_t i = 0; i < a.keys.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, a.keys[i], b.keys[i]));
    if (!same) return less(runtime, a.keys[i], b.keys[i]);
  }
  return false;
}

// A stable merge sort whose comparison may fail; std::stable_sort has no way to stop.
Status merge_sort(Runtime& runtime, std::vector<Keyed>& items, bool reverse) {
  std::vector<Keyed> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size());
      const size_t end = std::min(begin + 2 * width, items.size());
      size_t left = begin;
      size_t right = middle;
      for (size_t at = begin; at < end; ++at) {
        bool take_right = left == middle;
        if (!take_right && right < end) {
          // Of equals the left one comes first, in either direction.
          ASSAY_ASSIGN_OR_RETURN(take_right, reverse
                                                 ? keyed_less(runtime, items[left], items[right])
                                                 : keyed_less(runtime, items[right], items[left]));
        }
        merged[at] = std::move(items[take_right ? right++ : left++]);
      }
    }
    items.swap(merged);
  }
  return ok_status();
}

Result<Value> sorted(Runtime& runtime, std::vector<Keyed> keyed, bool reverse) {
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(keyed.size() * 2 * sizeof(Keyed)));
  ASSAY_RETURN_IF_ERROR(merge_sort(runtime, keyed, reverse));
  Items out;
  out.reserve(keyed.size());
  for (const Keyed& item : keyed) out.push_back(item.value);
  return runtime.list(std::move(out));
}

Result<Value> sort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(
      const auto given,
      Parameters::bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
  std::vector<AttributePath> paths;
  if (given.has(2) && as_string(*given.at(2)) != nullptr) {
    for (const Text part : split(*as_string(*given.at(2)), {.separator = ","})) {
      ASSAY_ASSIGN_OR_RETURN(AttributePath path, AttributePath::of(Value(part)));
      paths.push_back(std::move(path));
    }
  } else {
    ASSAY_ASSIGN_OR_RETURN(AttributePath path, path_argument(given, 2));
    paths.push_back(std::move(path));
  }
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  std::vector<Keyed> keyed;
  for (const Value& item : *items) {
    Keyed& row = keyed.emplace_back();
    row.value = item;
    for (const AttributePath& path : paths) {
      ASSAY_ASSIGN_OR_RETURN(const Value at, path.value(runtime, item));
      ASSAY_ASSIGN_OR_RETURN(const Value key, folded(runtime, at, given.truth(1, false)));
      row.keys.push_back(key);
    }
  }
  return sorted(runtime, std::move(keyed), given.truth(0, false));
}

Result<Value> dictsort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("dictsort", arguments,
                                                            {"case_sensitive", "by", "reverse"}));
  ASSAY_ASSIGN_OR_RETURN(const Text by, given.text(1, "key"));
  if (by != "key" && by != "value") {
    return template_error("You can only sort by either \"key\" or \"value\"");
  }
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  const Dict* dict = as_dict(value);
  if (dict == nullptr) return template_error("dictsort wants a dict");
  std::vector<Keyed> keyed;
  for (const auto& [key, held] : dict->entries) {
    ASSAY_ASSIGN_OR_RETURN(const Value pair, runtime.list({key, held}, ListKind::kTuple));
    ASSAY_ASSIGN_OR_RETURN(const Value at,
                           folded(runtime, by == "key" ? key : held, given.truth(0, false)));
    keyed.push_back({.keys = {at}, .value = pair});
  }
  return sorted(runtime, std::move(keyed), given.truth(2, false));
}

Result<Value> unique(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("unique", arguments, {"case_sensitive", "attribute"}));
  ASSAY_ASSIGN_OR_RETURN(const AttributePath path, path_argument(given, 1));
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  std::vector<std::pair<Value, Value>> seen;  // each key paid for by put
  Items out;
  for (const Value& item : *items) {
    ASSAY_ASSIGN_OR_RETURN(const Value at, path.value(runtime, item));
    ASSAY_ASSIGN_OR_RETURN(const Value key, folded(runtime, at, given.truth(0, false)));
    const size_t before = seen.size();
    ASSAY_RETURN_IF_ERROR(put(runtime, seen, key, Value(None{})));
    if (seen.size() > before) out.push_back(item);
  }
  return runtime.list(std::move(out), ListKind::kGenerator);
}

template <bool kLargest>
Result<Value> extreme(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind(kLargest ? "max" : "min", arguments,
                                                            {"case_sensitive", "attribute"}));
  ASSAY_ASSIGN_OR_RETURN(const AttributePath path, path_argument(given, 1));
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  if (items->empty()) return runtime.undefined("No aggregated item, sequence was empty.");
  std::optional<Value> best;
  Value best_key;
  for (const Value& item : *items) {
    ASSAY_ASSIGN_OR_RETURN(const Value at, path.value(runtime, item));
    ASSAY_ASSIGN_OR_RETURN(const Value key, folded(runtime, at, given.truth(0, false)));
    bool better = !best;
    if (best) {
      ASSAY_ASSIGN_OR_RETURN(
          better, kLargest ? less(runtime, best_key, key) : less(runtime, key, best_key));
    }
    if (!better) continue;
    best = item;
    best_key = key;
  }
  return *best;
}

Result<Value> sum(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("sum", arguments, {"attribute", "start"}));
  ASSAY_ASSIGN_OR_RETURN(const AttributePath path, path_argument(given, 0));
  Value out = given.has(1) ? *given.at(1) : Value(int64_t{0});
  if (as_string(out) != nullptr) return template_error("sum() can't sum strings");
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  for (const Value& item : *items) {
    ASSAY_ASSIGN_OR_RETURN(const Value at, path.value(runtime, item));
    ASSAY_ASSIGN_OR_RETURN(out, arithmetic(runtime, Op::kAdd, out, at));
  }
  return out;
}

// The arguments behind the first count.
Arguments rest_of(const Arguments& arguments, size_t count) {
  Arguments out;
  out.named = arguments.named;
  out.positional.assign(arguments.positional.begin() + static_cast<ptrdiff_t>(count),
                        arguments.positional.end());
  return out;
}

Result<Value> map(Runtime& runtime, const Value& value, const Arguments& arguments) {
  Items out;
  if (arguments.positional.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const auto given,
                           Parameters::bind("map", arguments, {"attribute", "default"}));
    if (!given.has(0)) return template_error("map requires a filter argument");
    ASSAY_ASSIGN_OR_RETURN(const AttributePath path, path_argument(given, 0));
    ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
    for (const Value& item : *items) {
      ASSAY_ASSIGN_OR_RETURN(const Value at, path.value(runtime, item, given.at(1)));
      out.push_back(at);
    }
    return runtime.list(std::move(out), ListKind::kGenerator);
  }
  const auto* name = as_string(arguments.positional[0]);
  const Filter* filter = name == nullptr ? nullptr : find_filter(*name);
  if (filter == nullptr) {
    return unimplemented("map wants the name of a supported filter, not '" +
                         std::string(name == nullptr ? type_name(arguments.positional[0]) : *name) +
                         "'");
  }
  const Arguments rest = rest_of(arguments, 1);
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  for (const Value& item : *items) {
    ASSAY_RETURN_IF_ERROR(runtime.enter());
    auto result = filter->apply(runtime, item, rest);
    runtime.leave();
    if (!result.ok()) return result.status();
    out.push_back(*result);
  }
  return runtime.list(std::move(out), ListKind::kGenerator);
}

template <bool kByAttribute, bool kWanted>
Result<Value> select(Runtime& runtime, const Value& value, const Arguments& arguments) {
  constexpr size_t kAt = kByAttribute ? 1 : 0;
  AttributePath path;
  if (kByAttribute) {
    if (arguments.positional.empty()) {
      return template_error("Missing parameter for attribute name");
    }
    ASSAY_ASSIGN_OR_RETURN(path, AttributePath::of(arguments.positional[0]));
  }
  const Test* test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > kAt) {
    const auto* name = as_string(arguments.positional[kAt]);
    test = name == nullptr ? nullptr : find_test(*name);
    if (test == nullptr) {
      return unimplemented("select wants the name of a supported test, not '" +
                           std::string(name == nullptr ? "another value" : *name) + "'");
    }
    rest = rest_of(arguments, kAt + 1);
  }
  if (!is_true(value)) return runtime.list({}, ListKind::kGenerator);
  ASSAY_ASSIGN_OR_RETURN(const Items* items, elements(runtime, value));
  Items out;
  for (const Value& item : *items) {
    ASSAY_ASSIGN_OR_RETURN(const Value at, path.value(runtime, item));
    bool holds = is_true(at);
    if (test != nullptr) {
      ASSAY_ASSIGN_OR_RETURN(holds, test->holds(runtime, at, rest));
    }
    if (holds == kWanted) out.push_back(item);
  }
  return runtime.list(std::move(out), ListKind::kGenerator);
}

Result<Value> attr(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("attr", arguments, {"name"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const Text name, to_text(runtime, *given.at(0)));
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  if (as_dict(value) == nullptr) return attribute_of(runtime, value, name);
  // Attributes only, no items.
  ASSAY_ASSIGN_OR_RETURN(const Value method, method_of(runtime, value, name));
  if (!is_undefined(method)) return method;
  return runtime.undefined("'dict object' has no attribute '" + std::string(name) + "'");
}

constexpr std::array kFilters = {
    Filter{"attr", attr},
    Filter{"count", length},
    Filter{"d", default_filter},
    Filter{"default", default_filter},
    Filter{"dictsort", dictsort},
    Filter{"first", first},
    Filter{"items", items_filter},
    Filter{"join", join},
    Filter{"last", last},
    Filter{"length", length},
    Filter{"list", list},
    Filter{"map", map},
    Filter{"max", extreme<true>},
    Filter{"min", extreme<false>},
    Filter{"reject", select<false, false>},
    Filter{"rejectattr", select<true, false>},
    Filter{"reverse", reverse},
    Filter{"select", select<false, true>},
    Filter{"selectattr", select<true, true>},
    Filter{"sort", sort},
    Filter{"sum", sum},
    Filter{"unique", unique},
};

}  // namespace

const Filter* find_sequence_filter(std::string_view name) {
  const auto found = std::find_if(kFilters.begin(), kFilters.end(),
                                  [&](const Filter& filter) { return filter.name == name; });
  return found == kFilters.end() ? nullptr : &*found;
}

}  // namespace assay::jinja
