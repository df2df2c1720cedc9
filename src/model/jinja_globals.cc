#include "model/jinja_globals.h"

#include <algorithm>
#include <array>

#include "model/jinja_arguments.h"

namespace assay::jinja {
namespace {

// jinja2's sandbox refuses longer ranges.
constexpr int64_t kRangeMax = 100'000;

class Global : public Function {
 public:
  using Call = Result<Value> (*)(Runtime& runtime, const Arguments& arguments);
  Global(std::string_view name, Call body) : name_(name), call_(body) {}
  std::string_view name() const override { return name_; }
  Result<Value> call(Runtime& runtime, const Arguments& arguments) override {
    return call_(runtime, arguments);
  }

 private:
  std::string_view name_;
  Call call_;
};

Result<Value> range(Runtime& runtime, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("range", arguments, {"start", "stop", "step"}, 1));
  ASSAY_ASSIGN_OR_RETURN(int64_t begin, given.integer(0, 0));
  ASSAY_ASSIGN_OR_RETURN(int64_t end, given.integer(1, 0));
  ASSAY_ASSIGN_OR_RETURN(const int64_t step, given.integer(2, 1));
  if (!given.has(1)) end = std::exchange(begin, 0);
  if (step == 0) return template_error("range() step must not be zero");
  std::vector<Value> items;
  for (int64_t at = begin; step > 0 ? at < end : at > end;) {
    if (static_cast<int64_t>(items.size()) == kRangeMax) {
      return resource_exhausted("a range of more than " + std::to_string(kRangeMax) + " numbers");
    }
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return runtime.list(std::move(items), ListKind::kRange);
}

// The entries of dict(mapping or pairs, name=value, …).
Result<std::vector<std::pair<Value, Value>>> entries_of(Runtime& runtime,
                                                        const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> out;
  if (arguments.positional.size() > 1) return template_error("dict takes at most 1 argument");
  for (const Value& from : arguments.positional) {
    if (const Dict* dict = as_dict(from)) {
      ASSAY_RETURN_IF_ERROR(runtime.charge_memory(dict->entries.size() * 2 * sizeof(Value)));
      out = dict->entries;
      continue;
    }
    ASSAY_ASSIGN_OR_RETURN(const auto* pairs, elements(runtime, from));
    for (const Value& pair : *pairs) {
      ASSAY_ASSIGN_OR_RETURN(const auto* two, elements(runtime, pair));
      if (two->size() != 2) return template_error("dict wants pairs");
      ASSAY_RETURN_IF_ERROR(put(runtime, out, (*two)[0], (*two)[1]));
    }
  }
  for (const auto& [name, value] : arguments.named) {
    ASSAY_RETURN_IF_ERROR(put(runtime, out, Value(name), value));
  }
  return out;
}

Result<Value> dict(Runtime& runtime, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(auto entries, entries_of(runtime, arguments));
  return runtime.dict(std::move(entries));
}

Result<Value> make_namespace(Runtime& runtime, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto entries, entries_of(runtime, arguments));
  ASSAY_ASSIGN_OR_RETURN(const Value out, runtime.make_namespace());
  for (const auto& [name, value] : entries) {
    const auto* text = as_string(name);
    if (text == nullptr) return template_error("attributes of a namespace have names");
    std::get<Namespace*>(out)->attributes.emplace_back(*text, value);
  }
  return out;
}

// "" at the first call, its separator afterwards.
class Joiner : public Function {
 public:
  explicit Joiner(std::string_view separator) : separator_(separator) {}
  std::string_view name() const override { return "joiner"; }
  Result<Value> call(Runtime&, const Arguments& arguments) override {
    ASSAY_RETURN_IF_ERROR(Parameters::bind("joiner", arguments, {}).status());
    return Value(std::exchange(used_, true) ? separator_ : std::string_view());
  }

 private:
  std::string_view separator_;
  bool used_ = false;
};

Result<Value> joiner(Runtime& runtime, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("joiner", arguments, {"sep"}));
  ASSAY_ASSIGN_OR_RETURN(const std::string_view separator, given.text(0, ", "));
  return runtime.function(std::make_unique<Joiner>(separator));
}

Result<Value> raise(Runtime& runtime, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("raise_exception", arguments, {"message"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const std::string_view message, to_text(runtime, *given.at(0)));
  constexpr size_t kMessageBytesMax = 4096;
  return runtime.raise(std::string(message.substr(0, kMessageBytesMax)));
}

class Strftime : public Function {
 public:
  explicit Strftime(const Date& date) : date_(date) {}
  std::string_view name() const override { return "strftime_now"; }
  Result<Value> call(Runtime& runtime, const Arguments& arguments) override;

 private:
  Result<std::string> field(char kind) const;

  Date date_;
};

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

// 0 for Sunday, of a day of the Gregorian calendar (Sakamoto).
size_t weekday(const Date& date) {
  constexpr std::array<int32_t, 12> kShift = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  const int32_t year = date.year - (date.month < 3 ? 1 : 0);
  return static_cast<size_t>((year + year / 4 - year / 100 + year / 400 +
                              kShift[static_cast<size_t>(date.month - 1)] + date.day) %
                             7);
}

int32_t day_of_year(const Date& date) {
  constexpr std::array<int32_t, 12> kBefore = {0,   31,  59,  90,  120, 151,
                                               181, 212, 243, 273, 304, 334};
  const bool leap = (date.year % 4 == 0 && date.year % 100 != 0) || date.year % 400 == 0;
  return kBefore[static_cast<size_t>(date.month - 1)] + date.day + (leap && date.month > 2 ? 1 : 0);
}

std::string padded(int32_t number, size_t digits) {
  std::string out = std::to_string(number);
  if (out.size() < digits) out.insert(0, digits - out.size(), '0');
  return out;
}

Result<std::string> Strftime::field(char kind) const {
  switch (kind) {
    case 'Y':
      return std::to_string(date_.year);
    case 'y':
      return padded(date_.year % 100, 2);
    case 'm':
      return padded(date_.month, 2);
    case 'd':
      return padded(date_.day, 2);
    case 'e':
      return std::string(date_.day < 10 ? " " : "") + std::to_string(date_.day);
    case 'j':
      return padded(day_of_year(date_), 3);
    case 'B':
      return std::string(kMonths[static_cast<size_t>(date_.month - 1)]);
    case 'b':
    case 'h':
      return std::string(kMonths[static_cast<size_t>(date_.month - 1)].substr(0, 3));
    case 'A':
      return std::string(kDays[weekday(date_)]);
    case 'a':
      return std::string(kDays[weekday(date_)].substr(0, 3));
    case 'F':
      return std::to_string(date_.year) + "-" + padded(date_.month, 2) + "-" + padded(date_.day, 2);
    case 'H':
    case 'M':
    case 'S':
      return std::string("00");
    case 'I':
      return std::string("12");
    case 'p':
      return std::string("AM");
    case 'T':
      return std::string("00:00:00");
    case '%':
      return std::string("%");
    default:
      return unimplemented("strftime_now does not support this format");
  }
}

Result<Value> Strftime::call(Runtime& runtime, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("strftime_now", arguments, {"format"}, 1));
  ASSAY_ASSIGN_OR_RETURN(const std::string_view format, given.text(0, {}));
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(16 * format.size()));
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out.push_back(format[i]);
      continue;
    }
    ++i;
    // %-d: without the zero in front.
    const bool bare = i < format.size() && format[i] == '-';
    if (bare) ++i;
    ASSAY_ASSIGN_OR_RETURN(std::string text, field(i < format.size() ? format[i] : '\0'));
    if (bare && text.size() > 1)
      text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
    out += text;
  }
  return runtime.string(std::move(out));
}

}  // namespace

Result<Variables> globals(Runtime& runtime) {
  constexpr std::pair<std::string_view, Global::Call> kGlobals[] = {
      {"range", range}, {"dict", dict}, {"namespace", make_namespace}, {"joiner", joiner}};
  Variables out;
  for (const auto& [name, call] : kGlobals) {
    ASSAY_ASSIGN_OR_RETURN(const Value value,
                           runtime.function(std::make_unique<Global>(name, call)));
    out.emplace_back(name, value);
  }
  return out;
}

Result<Value> raise_exception(Runtime& runtime) {
  return runtime.function(std::make_unique<Global>("raise_exception", raise));
}

Result<Value> strftime_now(Runtime& runtime, const Date& date) {
  return runtime.function(std::make_unique<Strftime>(date));
}

}  // namespace assay::jinja
