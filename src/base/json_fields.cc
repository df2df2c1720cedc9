#include "base/json_fields.h"

#include <algorithm>

#include "base/decimal.h"

namespace assay {
namespace {

constexpr size_t kValueBytesShown = 80;  // in an error

const Json& empty_array() {
  static const Json* const value = new Json(Json::array());  // never destroyed
  return *value;
}
const Json& null_value() {
  static const Json* const value = new Json(nullptr);  // never destroyed
  return *value;
}

}  // namespace

JsonFields::JsonFields(const Json& value, std::string path)
    : value_(&value), path_(std::move(path)) {
  if (!value.is_object()) error_ = data_loss(path_ + ": expected an object");
}

const Json* JsonFields::find(const char* name) {
  if (!error_.ok()) return nullptr;
  const auto it = value_->find(name);
  if (it == value_->end()) {
    fail(name, "the field is missing");
    return nullptr;
  }
  taken_.insert(name);
  return &*it;
}

bool JsonFields::has(const char* name) const {
  return value_->is_object() && value_->contains(name);
}

bool JsonFields::flag(const char* name) {
  const Json* value = find(name);
  if (value == nullptr) return false;
  if (!value->is_boolean()) {
    fail(name, "expected true or false");
    return false;
  }
  return value->get<bool>();
}

uint64_t JsonFields::number(const char* name, uint64_t max) {
  const Json* value = find(name);
  if (value == nullptr) return 0;
  if (!value->is_number_unsigned()) {
    fail(name, "expected an unsigned integer");
    return 0;
  }
  const uint64_t number = value->get<uint64_t>();
  if (number > max) {
    fail(name, std::to_string(number) + " is above the limit of " + std::to_string(max));
    return 0;
  }
  return number;
}

std::string JsonFields::text(const char* name, size_t bytes_max) {
  const Json* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    fail(name, "expected a string");
    return {};
  }
  const auto& string = value->get_ref<const std::string&>();
  if (string.size() > bytes_max) {
    fail(name, "longer than " + std::to_string(bytes_max) + " bytes");
    return {};
  }
  return string;
}

std::array<uint8_t, 32> JsonFields::digest(const char* name) { return bytes<32>(name); }

bool JsonFields::is_null(const char* name) {
  const Json* value = find(name);
  return value == nullptr || value->is_null();
}

std::optional<std::string> JsonFields::text_or_null(const char* name, size_t bytes_max) {
  if (is_null(name)) return std::nullopt;
  return text(name, bytes_max);
}

std::optional<std::array<uint8_t, 32>> JsonFields::digest_or_null(const char* name) {
  if (is_null(name)) return std::nullopt;
  return digest(name);
}

double JsonFields::decimal(const char* name) {
  constexpr size_t kDecimalBytesMax = 32;
  const std::string spelled = text(name, kDecimalBytesMax);
  if (!ok()) return 0;
  const Result<double> value = from_decimal(spelled);
  if (value.ok()) return *value;
  fail(name, value.status().message());
  return 0;
}

std::optional<double> JsonFields::decimal_or_null(const char* name) {
  if (is_null(name)) return std::nullopt;
  return decimal(name);
}

void JsonFields::constant(const char* name, std::string_view expected) {
  const std::string value = text(name, std::max(expected.size(), kValueBytesShown));
  if (ok() && value != expected) refuse(name, value, "\"" + std::string(expected) + "\"");
}

const Json& JsonFields::array(const char* name, size_t count_max, bool nullable) {
  const Json* value = find(name);
  if (value == nullptr) return empty_array();
  if (nullable && value->is_null()) return null_value();
  if (!value->is_array()) {
    fail(name, "expected an array");
    return empty_array();
  }
  if (value->size() > count_max) {
    fail(name, "more than " + std::to_string(count_max) + " elements");
    return empty_array();
  }
  return *value;
}

const Json& JsonFields::object(const char* name, bool nullable) {
  const Json* value = find(name);
  if (value == nullptr) return null_value();
  if (!value->is_object() && !(nullable && value->is_null())) {
    fail(name, "expected an object");
    return null_value();
  }
  return *value;
}

void JsonFields::fail(std::string_view name, std::string_view why) {
  if (error_.ok()) error_ = data_loss(path_of(name) + ": " + std::string(why));
}

void JsonFields::refuse(std::string_view name, std::string_view value, std::string_view expected) {
  const Json shown(std::string(value.substr(0, kValueBytesShown)));
  fail(name, shown.dump(-1, ' ', false, Json::error_handler_t::replace) + "; expected " +
                 std::string(expected));
}

void JsonFields::adopt(const Status& status) {
  if (error_.ok()) error_ = status;
}

Status JsonFields::finish() {
  if (!error_.ok()) return error_;
  for (const auto& [key, ignored] : value_->items()) {
    if (!taken_.contains(key)) return data_loss(path_of(to_utf8(key)) + ": unknown field");
  }
  return ok_status();
}

std::string to_utf8(std::string_view text) {
  const Json replaced = Json::parse(
      Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace), nullptr, false);
  return replaced.is_string() ? replaced.get<std::string>() : std::string();
}

}  // namespace assay
