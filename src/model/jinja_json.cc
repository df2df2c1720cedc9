#include "model/jinja_json.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "model/unicode.h"

namespace assay::jinja {
namespace {

void append_escape(std::string& out, uint32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) {
    out.push_back("0123456789abcdef"[unit >> shift & 15U]);
  }
}

void append_json_string(std::string& out, std::string_view text, bool escape_non_ascii) {
  out.push_back('"');
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(1, c.bytes));
    text.remove_prefix(bytes.size());
    constexpr std::string_view kPlain = "\"\\\b\f\n\r\t";
    constexpr std::string_view kLetters = "\"\\bfnrt";
    const size_t letter = kPlain.find(bytes[0]);
    if (letter != kPlain.npos) {
      out.push_back('\\');
      out.push_back(kLetters[letter]);
    } else if (c.value < 0x20 || (escape_non_ascii && c.value >= 0x7F && c.value < 0x10000)) {
      if (c.value == 0x7F) {
        out += bytes;
      } else {
        append_escape(out, c.value);
      }
    } else if (escape_non_ascii && c.value >= 0x10000) {
      append_escape(out, 0xD800 + ((c.value - 0x10000) >> 10));
      append_escape(out, 0xDC00 + ((c.value - 0x10000) & 0x3FFU));
    } else {
      out += bytes;
    }
  }
  out.push_back('"');
}

class Writer {
 public:
  Writer(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  Status write(const Value& value) {
    ASSAY_RETURN_IF_ERROR(runtime_.enter());
    const size_t before = out_.size();
    Status status = write_inside(value);
    runtime_.leave();
    ASSAY_RETURN_IF_ERROR(std::move(status));
    if (out_.size() > runtime_.limits().memory_bytes_max) {
      return resource_exhausted("the JSON of a value is longer than the memory allowed");
    }
    return runtime_.charge_text(out_.size() - before);
  }
  std::string take() { return std::move(out_); }

 private:
  Status write_inside(const Value& value) {
    if (is_none(value)) {
      out_ += "null";
    } else if (const bool* truth = std::get_if<bool>(&value)) {
      out_ += *truth ? "true" : "false";
    } else if (const int64_t* integer = std::get_if<int64_t>(&value)) {
      out_ += std::to_string(*integer);
    } else if (const double* number = std::get_if<double>(&value)) {
      out_ += float_text(*number);
    } else if (const auto* text = as_string(value)) {
      append_json_string(out_, *text, style_.escape_non_ascii);
    } else if (const Dict* dict = as_dict(value)) {
      return write_dict(*dict);
    } else if (const List* list = as_list(value);
               list != nullptr &&
               (list->kind == ListKind::kList || list->kind == ListKind::kTuple)) {
      return write_list(*list);
    } else {
      return template_error("Object of type " + std::string(type_name(value)) +
                            " is not JSON serializable");
    }
    return ok_status();
  }

  static std::string float_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  void new_line() {
    if (!style_.indent) return;
    out_.push_back('\n');
    for (size_t i = 0; i < levels_; ++i) out_ += *style_.indent;
  }

  void between() {
    // With an indent, Python drops the space behind the comma.
    out_ += style_.between_items;
    new_line();
  }

  Status write_list(const List& list) {
    if (list.items.empty()) {
      out_ += "[]";
      return ok_status();
    }
    out_.push_back('[');
    ++levels_;
    new_line();
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) between();
      ASSAY_RETURN_IF_ERROR(write(list.items[i]));
    }
    --levels_;
    new_line();
    out_.push_back(']');
    return ok_status();
  }

  // Keys as json.dumps spells them; other types than these it refuses.
  Result<std::string> key_text(const Value& key) const {
    if (const auto* text = as_string(key)) return std::string(*text);
    if (is_none(key)) return std::string("null");
    if (const bool* truth = std::get_if<bool>(&key)) return std::string(*truth ? "true" : "false");
    if (const int64_t* integer = std::get_if<int64_t>(&key)) return std::to_string(*integer);
    if (const double* number = std::get_if<double>(&key)) return float_text(*number);
    return template_error("keys must be str, int, float, bool or None");
  }

  Status write_dict(const Dict& dict) {
    if (dict.entries.empty()) {
      out_ += "{}";
      return ok_status();
    }
    std::vector<std::pair<std::string, const Value*>> entries;
    for (const auto& [key, value] : dict.entries) {
      if (style_.sort_keys && as_string(key) == nullptr) {
        return unimplemented("sort_keys is supported for keys that are strings");
      }
      ASSAY_ASSIGN_OR_RETURN(std::string text, key_text(key));
      entries.emplace_back(std::move(text), &value);
    }
    if (style_.sort_keys) {
      std::sort(entries.begin(), entries.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    out_.push_back('{');
    ++levels_;
    new_line();
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) between();
      append_json_string(out_, entries[i].first, style_.escape_non_ascii);
      out_ += style_.between_key_and_value;
      ASSAY_RETURN_IF_ERROR(write(*entries[i].second));
    }
    --levels_;
    new_line();
    out_.push_back('}');
    return ok_status();
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  std::string out_;
  size_t levels_ = 0;
};

// Depth is bounded by parse_json.
Result<Value> to_value(Runtime& runtime, const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return Value(None{});
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
      return Value(json.get<int64_t>());
    case Json::value_t::number_unsigned: {
      const auto number = json.get<uint64_t>();
      if (number > static_cast<uint64_t>(INT64_MAX)) {
        return template_error("an integer of more than 63 bits is not supported");
      }
      return Value(static_cast<int64_t>(number));
    }
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return runtime.string(json.get<std::string>());
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const Json& element : json) {
        ASSAY_ASSIGN_OR_RETURN(const Value item, to_value(runtime, element));
        items.push_back(item);
      }
      return runtime.list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [key, element] : json.items()) {
        ASSAY_ASSIGN_OR_RETURN(const Value name, runtime.string(key));
        ASSAY_ASSIGN_OR_RETURN(const Value value, to_value(runtime, element));
        entries.emplace_back(name, value);
      }
      return runtime.dict(std::move(entries));
    }
    default:
      return internal_error("a JSON value of an unknown type");
  }
}

}  // namespace

Result<std::string> to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  Writer writer(runtime, style);
  ASSAY_RETURN_IF_ERROR(writer.write(value));
  return writer.take();
}

Result<Value> from_json(Runtime& runtime, std::string_view text, std::string_view source) {
  ASSAY_RETURN_IF_ERROR(runtime.charge_memory(text.size()));
  ASSAY_ASSIGN_OR_RETURN(const Json json, parse_json(text, source, {.depth_max = 32}));
  return to_value(runtime, json);
}

}  // namespace assay::jinja
