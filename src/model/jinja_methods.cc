// The methods of strings, dicts, lists and loops. Those that would change their object are not
// there, as in jinja2's immutable sandbox.
#include <algorithm>
#include <array>

#include "model/jinja_arguments.h"
#include "model/jinja_lexer.h"
#include "model/jinja_operators.h"
#include "model/jinja_text.h"
#include "model/unicode.h"

namespace assay::jinja {
namespace {

using Text = std::string_view;
using Body = Result<Value> (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

struct Method {
  Text name;
  Body body;
};

class BoundMethod : public Function {
 public:
  BoundMethod(const Method& method, const Value& self) : method_(method), self_(self) {}
  Text name() const override { return method_.name; }
  Result<Value> call(Runtime& runtime, const Arguments& arguments) override {
    if (const auto* text = as_string(self_)) {
      ASSAY_RETURN_IF_ERROR(runtime.charge_text(text->size()));
    }
    return method_.body(runtime, self_, arguments);
  }

 private:
  const Method& method_;
  Value self_;
};

Text text_of(const Value& self) { return *as_string(self); }

Status takes_nothing(Text name, const Arguments& arguments) {
  return Parameters::bind(name, arguments, {}).status();
}

Result<Value> list_of_texts(Runtime& runtime, const std::vector<Text>& parts) {
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(parts.size() * sizeof(Value)));
  return runtime.list(std::vector<Value>(parts.begin(), parts.end()));
}

template <Side kSide>
Result<Value> strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("strip", arguments, {"chars"}));
  if (!given.has(0) || is_none(*given.at(0))) return Value(stripped(text_of(self), kSide));
  ASSAY_ASSIGN_OR_RETURN(const Text of, given.text(0, {}));
  ASSAY_RETURN_IF_ERROR(runtime.charge(1 + text_of(self).size() * (of.size() / 64 + 1) / 64));
  return Value(stripped(text_of(self), kSide, of));
}

template <bool kFromRight>
Result<Value> split_method(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("split", arguments, {"sep", "maxsplit"}));
  SplitOptions options{.from_right = kFromRight};
  ASSAY_ASSIGN_OR_RETURN(options.splits_max, given.integer(1, -1));
  if (given.has(0) && !is_none(*given.at(0))) {
    ASSAY_ASSIGN_OR_RETURN(options.separator, given.text(0, {}));
    if (options.separator->empty()) return template_error("empty separator");
  }
  return list_of_texts(runtime, split(text_of(self), options));
}

Result<Value> splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("splitlines", arguments, {"keepends"}));
  return list_of_texts(runtime, split_lines(text_of(self), given.truth(0, false)));
}

// The part of self that start and end of find, count, startswith name.
Result<Value> range_of(Runtime& runtime, const Value& self, const Parameters& given) {
  const auto bound = [&](size_t place) { return given.has(place) ? *given.at(place) : None{}; };
  if (!given.has(1) && !given.has(2)) return self;
  return slice_of(runtime, self, {.begin = bound(1), .end = bound(2), .step = None{}});
}

template <bool kAtEnd>
Result<Value> starts_with(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr Text kName = kAtEnd ? "endswith" : "startswith";
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind(kName, arguments, {"prefix", "start", "end"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const Value range, range_of(runtime, self, given));
  const auto matches = [&](Text affix) {
    return kAtEnd ? text_of(range).ends_with(affix) : text_of(range).starts_with(affix);
  };
  const List* several = as_list(*given.at(0));
  if (several == nullptr || several->kind != ListKind::kTuple) {
    if (is_none(*given.at(0))) return template_error(std::string(kName) + "() wants a string");
    ASSAY_ASSIGN_OR_RETURN(const Text affix, given.text(0, {}));
    return Value(matches(affix));
  }
  bool any = false;
  for (const Value& affix : several->items) {
    if (as_string(affix) == nullptr) return template_error(std::string(kName) + "() wants strings");
    any = any || matches(*as_string(affix));
  }
  return Value(any);
}

enum class Find : uint8_t { kFind, kRfind, kIndex, kRindex, kCount };

template <Find kWhat>
Result<Value> find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("find", arguments, {"sub", "start", "end"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const Value range, range_of(runtime, self, given));
  if (is_none(*given.at(0))) return template_error("must be str, not NoneType");
  ASSAY_ASSIGN_OR_RETURN(const Text part, given.text(0, {}));
  const Text text = text_of(range);
  if (kWhat == Find::kCount) return Value(static_cast<int64_t>(count_of(text, part)));
  const bool last = kWhat == Find::kRfind || kWhat == Find::kRindex;
  const size_t at = last ? text.rfind(part) : text.find(part);
  if (at == text.npos) {
    if (kWhat == Find::kIndex || kWhat == Find::kRindex) {
      return template_error("substring not found");
    }
    return Value(int64_t{-1});
  }
  const auto before = static_cast<size_t>(text.data() - text_of(self).data()) + at;
  return Value(static_cast<int64_t>(character_count(text_of(self).substr(0, before))));
}

Result<Value> replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("replace", arguments, {"old", "new", "count"}, 2));
  ASSAY_ASSIGN_OR_RETURN(const Text from, given.text(0, {}));
  ASSAY_ASSIGN_OR_RETURN(const Text to, given.text(1, {}));
  ASSAY_ASSIGN_OR_RETURN(const int64_t count, given.integer(2, -1));
  if (is_none(*given.at(0)) || is_none(*given.at(1))) {
    return template_error("replace() wants strings");
  }
  const Text text = text_of(self);
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text.size() + count_of(text, from) * to.size()));
  return runtime.string(replaced(text, from, to, count));
}

Result<Value> join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("join", arguments, {"iterable"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const auto* items, elements(runtime, *given.at(0)));
  std::string out;
  for (size_t i = 0; i < items->size(); ++i) {
    const auto* text = as_string((*items)[i]);
    if (text == nullptr) {
      return template_error("join() wants strings, not " + std::string(type_name((*items)[i])));
    }
    ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text_of(self).size() + text->size()));
    if (i > 0) out += text_of(self);
    out += *text;
  }
  return runtime.string(std::move(out));
}

template <std::string (*kMap)(Text)>
Result<Value> mapped(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(takes_nothing("the method", arguments));
  ASSAY_RETURN_IF_ERROR(runtime.charge(text_of(self).size() / 8));
  return runtime.string(kMap(text_of(self)));
}

template <bool kSuffix>
Result<Value> remove_affix(Runtime&, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("removeprefix", arguments, {"p"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const Text affix, given.text(0, {}));
  Text text = text_of(self);
  if (kSuffix ? text.ends_with(affix) : text.starts_with(affix)) {
    text = kSuffix ? text.substr(0, text.size() - affix.size()) : text.substr(affix.size());
  }
  return Value(text);
}

template <bool kFromRight>
Result<Value> partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("partition", arguments, {"sep"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const Text separator, given.text(0, {}));
  if (separator.empty()) return template_error("empty separator");
  const Text text = text_of(self);
  const size_t at = kFromRight ? text.rfind(separator) : text.find(separator);
  std::vector<Value> out;
  if (at != text.npos) {
    out = {text.substr(0, at), separator, text.substr(at + separator.size())};
  } else if (kFromRight) {
    out = {Text(), Text(), text};
  } else {
    out = {text, Text(), Text()};
  }
  return runtime.list(std::move(out), ListKind::kTuple);
}

// True when text is not empty and holds says so of all characters.
template <typename Holds>
bool all_of(Text text, Holds&& holds) {
  const bool some = !text.empty();
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (c.bytes == 0 || !holds(c.value)) return false;
    text.remove_prefix(c.bytes);
  }
  return some;
}

bool is_decimal(uint32_t c) { return c >= '0' && c <= '9'; }

Result<Value> isspace(Runtime&, const Value& self, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(takes_nothing("isspace", arguments));
  return Value(all_of(text_of(self), [](uint32_t c) { return is_space(c); }));
}

// The tests of letters and digits know those of ASCII.
template <bool kLetters, bool kDigits>
Result<Value> isalnum(Runtime&, const Value& self, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(takes_nothing("isalnum", arguments));
  bool outside = false;
  const bool all = all_of(text_of(self), [&](uint32_t c) {
    outside = outside || c >= 0x80;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return (kLetters && letter) || (kDigits && is_decimal(c));
  });
  if (outside) {
    return unimplemented("isalpha(), isdigit() and their like are supported for ASCII only");
  }
  return Value(all);
}

template <bool kUpper>
Result<Value> iscase(Runtime&, const Value& self, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(takes_nothing("islower", arguments));
  const Text text = text_of(self);
  bool some = false;
  const bool all = all_of(text, [&](uint32_t c) {
    some = some || is_cased(c);
    return !is_cased(c) || (upper_case_of(c) == c) == kUpper;
  });
  return Value(all && some);
}

constexpr std::array kTextMethods = {
    Method{"strip", strip<Side::kBoth>},
    Method{"lstrip", strip<Side::kLeft>},
    Method{"rstrip", strip<Side::kRight>},
    Method{"split", split_method<false>},
    Method{"rsplit", split_method<true>},
    Method{"splitlines", splitlines},
    Method{"startswith", starts_with<false>},
    Method{"endswith", starts_with<true>},
    Method{"find", find<Find::kFind>},
    Method{"rfind", find<Find::kRfind>},
    Method{"index", find<Find::kIndex>},
    Method{"rindex", find<Find::kRindex>},
    Method{"count", find<Find::kCount>},
    Method{"replace", replace},
    Method{"join", join},
    Method{"upper", mapped<upper_case>},
    Method{"lower", mapped<lower_case>},
    Method{"title", mapped<title_case>},
    Method{"capitalize", mapped<capitalized>},
    Method{"removeprefix", remove_affix<false>},
    Method{"removesuffix", remove_affix<true>},
    Method{"partition", partition<false>},
    Method{"rpartition", partition<true>},
    Method{"isspace", isspace},
    Method{"isalpha", isalnum<true, false>},
    Method{"isdigit", isalnum<false, true>},
    Method{"isnumeric", isalnum<false, true>},
    Method{"isdecimal", isalnum<false, true>},
    Method{"isalnum", isalnum<true, true>},
    Method{"isupper", iscase<true>},
    Method{"islower", iscase<false>},
};

// Methods that Python's strings have and this interpreter has not.
constexpr std::array<Text, 14> kMissingTextMethods = {
    "format", "format_map", "center",     "ljust",     "rjust",        "zfill",   "swapcase",
    "encode", "casefold",   "expandtabs", "translate", "isidentifier", "istitle", "isprintable"};

enum class View : uint8_t { kItems, kKeys, kValues };

template <View kWhat>
Result<Value> view(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(takes_nothing("the method", arguments));
  std::vector<Value> out;
  for (const auto& [key, value] : as_dict(self)->entries) {
    if (kWhat == View::kItems) {
      ASSAY_ASSIGN_OR_RETURN(const Value pair, runtime.list({key, value}, ListKind::kTuple));
      out.push_back(pair);
    } else {
      out.push_back(kWhat == View::kKeys ? key : value);
    }
  }
  return runtime.list(std::move(out), ListKind::kView);
}

Result<Value> get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("get", arguments, {"key", "default"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const Value* value, find_key(runtime, *as_dict(self), *given.at(0)));
  if (value != nullptr) return *value;
  return given.has(1) ? *given.at(1) : Value(None{});
}

Result<Value> copy(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(takes_nothing("copy", arguments));
  if (const Dict* dict = as_dict(self)) return runtime.dict(dict->entries);
  return runtime.list(as_list(self)->items);
}

constexpr std::array kDictMethods = {
    Method{"items", view<View::kItems>},
    Method{"keys", view<View::kKeys>},
    Method{"values", view<View::kValues>},
    Method{"get", get},
    Method{"copy", copy},
};

Result<Value> list_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("index", arguments, {"value"}, 1));
  const auto& items = as_list(self)->items;
  for (size_t i = 0; i < items.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, items[i], *given.at(0)));
    if (same) return Value(static_cast<int64_t>(i));
  }
  return template_error("the value is not in the list");
}

Result<Value> list_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("count", arguments, {"value"}, 1));
  int64_t count = 0;
  for (const Value& item : as_list(self)->items) {
    ASSAY_ASSIGN_OR_RETURN(const bool same, equal(runtime, item, *given.at(0)));
    count += same ? 1 : 0;
  }
  return Value(count);
}

constexpr std::array kListMethods = {
    Method{"index", list_index},
    Method{"count", list_count},
    Method{"copy", copy},
};

Result<Value> cycle(Runtime&, const Value& self, const Arguments& arguments) {
  const Loop& loop = *std::get<const Loop*>(self);
  if (arguments.positional.empty()) return template_error("no items for cycling given");
  return arguments.positional[loop.index0 % arguments.positional.size()];
}

Result<Value> changed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Loop& loop = *std::get<const Loop*>(self);
  ASSAY_ASSIGN_OR_RETURN(const Value now, runtime.list(arguments.positional, ListKind::kTuple));
  bool same = false;
  if (loop.changed) {
    ASSAY_ASSIGN_OR_RETURN(same, equal(runtime, *loop.changed, now));
  }
  if (!same) loop.changed = now;
  return Value(!same);
}

constexpr std::array kLoopMethods = {Method{"cycle", cycle}, Method{"changed", changed}};

template <size_t N>
const Method* find_method(const std::array<Method, N>& methods, Text name) {
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [&](const Method& method) { return method.name == name; });
  return found == methods.end() ? nullptr : &*found;
}

}  // namespace

Result<Value> method_of(Runtime& runtime, const Value& object, Text name) {
  const Method* method = nullptr;
  if (as_string(object) != nullptr) {
    method = find_method(kTextMethods, name);
    if (std::find(kMissingTextMethods.begin(), kMissingTextMethods.end(), name) !=
        kMissingTextMethods.end()) {
      return unimplemented("the method '" + std::string(name) + "' of strings is not supported");
    }
  } else if (as_dict(object) != nullptr) {
    method = find_method(kDictMethods, name);
  } else if (const List* list = as_list(object)) {
    const bool has_methods = list->kind != ListKind::kView && list->kind != ListKind::kGenerator;
    method = has_methods ? find_method(kListMethods, name) : nullptr;
    if (list->kind != ListKind::kList && name == "copy") method = nullptr;
  } else if (std::holds_alternative<const Loop*>(object)) {
    method = find_method(kLoopMethods, name);
  }
  if (method == nullptr) return Value(Undefined{});
  return runtime.function(std::make_unique<BoundMethod>(*method, object));
}

}  // namespace assay::jinja
