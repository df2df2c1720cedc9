// Test only: checks a document against one of the JSON schemas in docs/formats. It knows the
// keywords which those schemas use and refuses any other, so that a schema cannot demand more than
// is checked.
#pragma once

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/json.h"

namespace assay {

class SchemaValidator {
 public:
  explicit SchemaValidator(const Json& schema) : root_(schema) {}

  // The violations, each with the place in the document; empty when it conforms.
  std::vector<std::string> check(const Json& document) {
    errors_.clear();
    check(root_, document, "$");
    return errors_;
  }

 private:
  void fail(const std::string& at, const std::string& what) { errors_.push_back(at + ": " + what); }

  static bool is_type(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    ASSAY_CHECK(false);  // a type that this validator does not know
    return false;
  }

  bool conforms(const Json& schema, const Json& value) {
    SchemaValidator inner(root_);
    inner.check(schema, value, "");
    return inner.errors_.empty();
  }

  void check(const Json& schema, const Json& value, const std::string& at) {
    for (const auto& [keyword, rule] : schema.items()) apply(keyword, rule, schema, value, at);
  }

  void apply(const std::string& keyword, const Json& rule, const Json& schema, const Json& value,
             const std::string& at) {
    static const std::set<std::string> kSilent = {"$schema", "$id",   "$defs",
                                                  "title",   "items", "description"};
    if (keyword == "$ref") {
      const auto path = rule.get<std::string>();
      ASSAY_CHECK(path.starts_with("#/$defs/"));
      check(root_.at("$defs").at(path.substr(8)), value, at);
    } else if (keyword == "type") {
      const Json types = rule.is_array() ? rule : Json::array({rule});
      bool any = false;
      for (const auto& type : types) any |= is_type(value, type.get<std::string>());
      if (!any) fail(at, "is of the wrong type, must be " + rule.dump());
    } else if (keyword == "const") {
      if (value != rule) fail(at, "must be " + rule.dump());
    } else if (keyword == "enum") {
      if (std::find(rule.begin(), rule.end(), value) == rule.end()) fail(at, "is not listed");
    } else if (keyword == "anyOf") {
      bool any = false;
      for (const Json& choice : rule) any |= conforms(choice, value);
      if (!any) fail(at, "matches none of anyOf");
    } else if (keyword == "required") {
      for (const auto& key : rule) {
        if (value.is_object() && !value.contains(key)) fail(at, "lacks " + key.dump());
      }
    } else if (keyword == "properties") {
      for (const auto& [key, sub] : rule.items()) {
        if (value.is_object() && value.contains(key)) check(sub, value.at(key), at + "." + key);
      }
    } else if (keyword == "additionalProperties") {
      ASSAY_CHECK(rule == false);
      if (!value.is_object()) return;
      for (const auto& [key, ignored] : value.items()) {
        if (!schema.at("properties").contains(key)) fail(at, "has the unknown key " + key);
      }
    } else if (!apply_scalar(keyword, rule, value, at) && !kSilent.contains(keyword)) {
      fail(at, "the schema uses the keyword " + keyword + ", unknown to this validator");
    }
    if (keyword == "items" && value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i) {
        check(rule, value[i], at + "[" + std::to_string(i) + "]");
      }
    }
  }

  bool apply_scalar(const std::string& keyword, const Json& rule, const Json& value,
                    const std::string& at) {
    if (keyword == "minLength" || keyword == "pattern") {
      if (!value.is_string()) return true;
      const auto text = value.get<std::string>();
      if (keyword == "minLength" && text.size() < rule.get<size_t>()) fail(at, "is too short");
      if (keyword == "pattern" && !std::regex_search(text, std::regex(rule.get<std::string>()))) {
        fail(at, "does not match " + rule.dump());
      }
      return true;
    }
    static const std::set<std::string> kBounds = {"minimum", "maximum", "exclusiveMinimum",
                                                  "exclusiveMaximum"};
    if (!kBounds.contains(keyword)) return false;
    if (!value.is_number()) return true;
    const double x = value.get<double>();
    const double bound = rule.get<double>();
    const bool ok = keyword == "minimum"            ? x >= bound
                    : keyword == "maximum"          ? x <= bound
                    : keyword == "exclusiveMinimum" ? x > bound
                                                    : x < bound;
    if (!ok) fail(at, keyword + " " + rule.dump());
    return true;
  }

  const Json& root_;
  std::vector<std::string> errors_;
};

}  // namespace assay
