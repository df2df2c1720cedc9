// JSON from outside: nlohmann::json behind a bounded parser. Include from .cc files only (heavy
// header). Tested in json_test.cc, fuzzed in json_fuzz.cc.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace assay {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t depth_max = 64;
  // Of one object: they are looked up one after the other, so an object costs their square.
  size_t members_max = 4096;
  size_t bytes_max = size_t{64} << 20;
};

// Strict JSON: UTF-8, no comments, nothing after the value, no duplicate key in any object, bounded
// depth and members. source names the file or message in the error ("model.safetensors header").
// Errors: DATA_LOSS with position and reason.
Result<Json> parse_json(std::string_view text, std::string_view source,
                        const JsonLimits& limits = {});

// Canonical form for hashing and signing (the subset of RFC 8785 that integers and strings need):
// keys sorted by UTF-8 bytes at every level, no white space, minimal escapes. Pre: no
// floating-point number in it (CHECK): what is signed holds integers and strings only.
std::string canonical_json(const Json& value);

}  // namespace assay
