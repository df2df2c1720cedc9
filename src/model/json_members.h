// Walks the members of one JSON object without building it. The headers of weight files are objects
// with as many members as a hostile file likes; base/json.h keeps members in order and looks each
// one up by a linear search, so that parsing them at once would cost quadratic time. Here the outer
// level is split by brackets and strings, and each key and value goes through parse_json alone.
// Tested in checkpoint_test.cc, fuzzed in safetensors_fuzz.cc.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace assay {

inline constexpr size_t kJsonDepthMax = 16;

// Calls member(key, value text) for each member of the object that text holds, in order; the first
// error it returns ends the walk and is returned. White space may stand around the object, nothing
// else. Values are delimited, not validated: the callback parses them (parse_json, or json_members
// again).
// Errors: DATA_LOSS, starting with source: not an object, cut off, a key that is not a JSON string
// or appears twice, brackets deeper than kJsonDepthMax or not closed in order.
// Cost: linear in the text, times log(members) for the keys.
Status json_members(
    std::string_view text, const std::string& source,
    const std::function<Status(const std::string& key, std::string_view value)>& member);

}  // namespace assay
