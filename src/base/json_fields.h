// Strict reading of JSON objects whose set of fields is fixed: each field is present, has its type
// and is within its bound, and there is no other. Tested through certificate_test.cc,
// transcript_file_test.cc and goldens_test.cc. Include from .cc files only (base/json.h is heavy).
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace assay {

// Reads one object. Errors stick: the first one is kept, later reads give empty values, and
// finish() tells. Every message names the field by its path ("certificate: body.models[0].digest").
class JsonFields {
 public:
  // value must outlive the reader.
  JsonFields(const Json& value, std::string path);

  // True when the object has the field: for the few that may be left out.
  bool has(const char* name) const;
  bool flag(const char* name);
  uint64_t number(const char* name, uint64_t max);
  // Length in bytes.
  std::string text(const char* name, size_t bytes_max);
  std::optional<std::string> text_or_null(const char* name, size_t bytes_max);
  // 32 bytes as 64 hexadecimal digits.
  std::array<uint8_t, 32> digest(const char* name);
  std::optional<std::array<uint8_t, 32>> digest_or_null(const char* name);
  // A string that to_decimal (decimal.h) wrote.
  double decimal(const char* name);
  std::optional<double> decimal_or_null(const char* name);
  template <size_t N>
  std::array<uint8_t, N> bytes(const char* name) {
    Result<std::array<uint8_t, N>> value = array_from_hex<N>(text(name, 2 * N));
    if (value.ok()) return *value;
    fail(name, value.status().message());
    return {};
  }
  // A string that has to be this one, such as the name of a format.
  void constant(const char* name, std::string_view expected);
  // An array of at most count_max elements, or null when nullable. An error gives an empty array.
  const Json& array(const char* name, size_t count_max, bool nullable = false);
  // An object (or, when nullable, null); the caller reads it with another JsonFields.
  const Json& object(const char* name, bool nullable = false);

  // Records an error of a nested reader or of the caller's own.
  void fail(std::string_view name, std::string_view why);
  // As fail, with the value (at most its first 80 bytes) and what was expected of it.
  void refuse(std::string_view name, std::string_view value, std::string_view expected);
  void adopt(const Status& status);
  bool ok() const { return error_.ok(); }
  std::string path_of(std::string_view name) const { return path_ + "." + std::string(name); }
  // The first error, or an unknown field.
  Status finish();

 private:
  const Json* find(const char* name);
  bool is_null(const char* name);

  const Json* value_;
  std::string path_;
  std::set<std::string, std::less<>> taken_;
  Status error_;
};

// text with each ill-formed byte sequence replaced by U+FFFD.
std::string to_utf8(std::string_view text);

}  // namespace assay
