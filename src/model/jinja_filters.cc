#include "model/jinja_filters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "model/jinja_arguments.h"
#include "model/jinja_json.h"
#include "model/jinja_operators.h"
#include "model/jinja_text.h"

namespace assay::jinja {
namespace {

using Text = std::string_view;

template <std::string (*kMap)(Text)>
Result<Value> mapped(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(Parameters::bind("the filter", arguments, {}).status());
  ASSAY_ASSIGN_OR_RETURN(const Text text, to_text(runtime, value));
  ASSAY_RETURN_IF_ERROR(runtime.charge(text.size() / 8));
  return runtime.string(kMap(text));
}

Result<Value> trim(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("trim", arguments, {"chars"}));
  ASSAY_ASSIGN_OR_RETURN(const Text text, to_text(runtime, value));
  ASSAY_RETURN_IF_ERROR(runtime.charge_text(text.size()));
  if (!given.has(0) || is_none(*given.at(0))) return Value(stripped(text, Side::kBoth));
  ASSAY_ASSIGN_OR_RETURN(const Text of, given.text(0, {}));
  ASSAY_RETURN_IF_ERROR(runtime.charge(text.size() * (of.size() / 64 + 1) / 64));
  return Value(stripped(text, Side::kBoth, of));
}

Result<Value> string(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(Parameters::bind("string", arguments, {}).status());
  ASSAY_ASSIGN_OR_RETURN(const Text text, to_text(runtime, value));
  return Value(text);
}

Result<Value> replace(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("replace", arguments, {"old", "new", "count"}, 2));
  ASSAY_ASSIGN_OR_RETURN(const Text text, to_text(runtime, value));
  ASSAY_ASSIGN_OR_RETURN(const Text from, to_text(runtime, *given.at(0)));
  ASSAY_ASSIGN_OR_RETURN(const Text to, to_text(runtime, *given.at(1)));
  ASSAY_ASSIGN_OR_RETURN(const int64_t count, given.integer(2, -1));
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text.size() + count_of(text, from) * to.size()));
  return runtime.string(replaced(text, from, to, count));
}

Result<Value> escape(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(Parameters::bind("escape", arguments, {}).status());
  ASSAY_ASSIGN_OR_RETURN(const Text text, to_text(runtime, value));
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text.size() * 5));
  std::string out;
  for (const char c : text) {
    constexpr Text kPlain = "&<>'\"";
    constexpr std::array<Text, 5> kEscaped = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const size_t at = kPlain.find(c);
    if (at == kPlain.npos) {
      out.push_back(c);
    } else {
      out += kEscaped[at];
    }
  }
  return runtime.string(std::move(out));
}

Result<Value> indent(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("indent", arguments, {"width", "first", "blank"}));
  const auto* text = as_string(value);
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  if (text == nullptr) return template_error("indent wants a string");
  std::string by(4, ' ');
  if (given.has(0)) {
    if (const auto* prefix = as_string(*given.at(0))) {
      by = *prefix;
    } else {
      ASSAY_ASSIGN_OR_RETURN(const int64_t width, given.integer(0, 4));
      ASSAY_RETURN_IF_ERROR(
          runtime.charge_memory(static_cast<uint64_t>(std::max<int64_t>(0, width))));
      by.assign(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
    }
  }
  const bool first = given.truth(1, false);
  const bool blank = given.truth(2, false);
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text->size() + 1));
  // jinja2 adds the newline so that one at the end is a line of its own.
  const std::string whole = std::string(*text) + "\n";
  const std::vector<Text> lines = split_lines(whole, false);
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(whole.size() + lines.size() * by.size()));
  std::string out = first ? by : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) {
      out.push_back('\n');
      if (blank || !lines[i].empty()) out += by;
    }
    out += lines[i];
  }
  return runtime.string(std::move(out));
}

Result<Value> format(Runtime& runtime, const Value& value, const Arguments& arguments) {
  if (!arguments.named.empty()) {
    return unimplemented("the filter format is supported with positional arguments only");
  }
  ASSAY_ASSIGN_OR_RETURN(const Text text, to_text(runtime, value));
  ASSAY_ASSIGN_OR_RETURN(const Value values, runtime.list(arguments.positional, ListKind::kTuple));
  return formatted(runtime, text, values);
}

// json.dumps as transformers calls it: characters stay as they are.
Result<Value> tojson(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(
      const auto given,
      Parameters::bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.escape_non_ascii = given.truth(0, false);
  style.sort_keys = given.truth(3, false);
  if (given.has(1) && !is_none(*given.at(1))) {
    if (const auto* by = as_string(*given.at(1))) {
      style.indent = std::string(*by);
    } else {
      ASSAY_ASSIGN_OR_RETURN(const int64_t width, given.integer(1, 0));
      if (width > 64) return template_error("an indent of more than 64 is not supported");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
    }
    style.between_items = ",";
  }
  if (given.has(2) && !is_none(*given.at(2))) {
    const List* pair = as_list(*given.at(2));
    if (pair == nullptr || pair->items.size() != 2 || as_string(pair->items[0]) == nullptr ||
        as_string(pair->items[1]) == nullptr) {
      return template_error("tojson wants two strings as separators");
    }
    style.between_items = *as_string(pair->items[0]);
    style.between_key_and_value = *as_string(pair->items[1]);
  }
  ASSAY_ASSIGN_OR_RETURN(std::string out, to_json(runtime, value, style));
  return runtime.string(std::move(out));
}

Result<Value> abs(Runtime& runtime, const Value& value, const Arguments& arguments) {
  ASSAY_RETURN_IF_ERROR(Parameters::bind("abs", arguments, {}).status());
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  if (const double* number = std::get_if<double>(&value)) return Value(std::fabs(*number));
  const auto integer = as_integer(value);
  if (!integer) return template_error("abs wants a number, not " + std::string(type_name(value)));
  return *integer < 0 ? negated(runtime, Value(*integer)) : Value(*integer);
}

// A number as Python's int() and float() read it from text: white space around, a sign, single
// underscores between digits.
std::optional<std::string> plain_number(Text text) {
  text = stripped(text, Side::kBoth);
  std::string out;
  if (text.starts_with('+') || text.starts_with('-')) {
    if (text[0] == '-') out.push_back('-');
    text.remove_prefix(1);
  }
  if (text.empty() || text[0] == '+' || text[0] == '-') return std::nullopt;
  const auto is_digit = [&](size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
    } else if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) {
      return std::nullopt;
    }
  }
  return out;
}

template <typename T>
std::optional<T> parsed(const std::string& text) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (failure == std::errc::result_out_of_range) {
      // from_chars tells too large and too small alike; the exponent says which.
      const bool small = text.find("e-") != text.npos || text.find("E-") != text.npos ||
                         text.find_first_of("eE") == text.npos;
      const T magnitude = small && text.find('.') != text.npos ? T{0} : HUGE_VAL;
      return text.starts_with('-') ? -magnitude : magnitude;
    }
  }
  return failure == std::errc() ? std::optional<T>(value) : std::nullopt;
}

std::optional<double> float_of(const Value& value) {
  if (const auto integer = as_integer(value)) return static_cast<double>(*integer);
  if (const double* number = std::get_if<double>(&value)) return *number;
  const auto* text = as_string(value);
  const auto plain = text == nullptr ? std::nullopt : plain_number(*text);
  return plain ? parsed<double>(*plain) : std::nullopt;
}

Result<Value> to_float(Runtime&, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("float", arguments, {"default"}));
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  if (const auto number = float_of(value)) return Value(*number);
  return given.has(0) ? *given.at(0) : Value(0.0);
}

Result<Value> to_int(Runtime&, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given, Parameters::bind("int", arguments, {"default", "base"}));
  ASSAY_ASSIGN_OR_RETURN(const int64_t base, given.integer(1, 10));
  if (base != 10) return unimplemented("the filter int is supported for base 10 only");
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  if (const auto integer = as_integer(value)) return Value(*integer);
  if (const auto* text = as_string(value)) {
    const auto plain = plain_number(*text);
    if (const auto integer = plain ? parsed<int64_t>(*plain) : std::nullopt) return Value(*integer);
  }
  const auto number = float_of(value);
  if (!number || !std::isfinite(*number)) return given.has(0) ? *given.at(0) : Value(int64_t{0});
  if (std::fabs(*number) >= 9223372036854775808.0) {
    return template_error("an integer of more than 63 bits is not supported");
  }
  return Value(static_cast<int64_t>(*number));
}

// value to so many decimals, half to even on the exact value, as Python's round.
Result<double> rounded(double value, int64_t precision) {
  if (!std::isfinite(value)) return value;
  if (precision < 0) return unimplemented("round to a negative precision is not supported");
  if (precision > 300) return value;
  std::array<char, 1024> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, static_cast<int>(precision));
  if (end.ec != std::errc()) return value;
  double out = 0;
  std::from_chars(buffer.data(), end.ptr, out);
  return out;
}

Result<Value> round(Runtime&, const Value& value, const Arguments& arguments) {
  ASSAY_ASSIGN_OR_RETURN(const auto given,
                         Parameters::bind("round", arguments, {"precision", "method"}));
  ASSAY_ASSIGN_OR_RETURN(const int64_t precision, given.integer(0, 0));
  ASSAY_ASSIGN_OR_RETURN(const Text method, given.text(1, "common"));
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  const double* number = std::get_if<double>(&value);
  const auto integer = as_integer(value);
  if (number == nullptr && !integer) {
    return template_error("round wants a number, not " + std::string(type_name(value)));
  }
  if (method == "common") {
    if (integer && precision >= 0) return Value(*integer);
    ASSAY_ASSIGN_OR_RETURN(
        const double out,
        rounded(number != nullptr ? *number : static_cast<double>(*integer), precision));
    return Value(out);
  }
  if (method != "ceil" && method != "floor") {
    return template_error("method must be common, ceil or floor");
  }
  if (precision < 0 || precision > 22) {
    return unimplemented("ceil and floor are supported for precisions from 0 to 22");
  }
  double scale = 1;
  for (int64_t i = 0; i < precision; ++i) scale *= 10;  // exact up to 10^22
  const double scaled = (number != nullptr ? *number : static_cast<double>(*integer)) * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

constexpr std::array kFilters = {
    Filter{"abs", abs},
    Filter{"capitalize", mapped<capitalized>},
    Filter{"e", escape},
    Filter{"escape", escape},
    Filter{"float", to_float},
    Filter{"format", format},
    Filter{"indent", indent},
    Filter{"int", to_int},
    Filter{"lower", mapped<lower_case>},
    Filter{"replace", replace},
    Filter{"round", round},
    Filter{"safe", string},
    Filter{"string", string},
    Filter{"title", mapped<title_words>},
    Filter{"tojson", tojson},
    Filter{"trim", trim},
    Filter{"upper", mapped<upper_case>},
};

}  // namespace

const Filter* find_filter(std::string_view name) {
  const auto found = std::find_if(kFilters.begin(), kFilters.end(),
                                  [&](const Filter& filter) { return filter.name == name; });
  return found != kFilters.end() ? &*found : find_sequence_filter(name);
}

}  // namespace assay::jinja
