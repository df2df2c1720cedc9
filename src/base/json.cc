#include "base/json.h"

#include <algorithm>
#include <set>
#include <vector>

namespace assay {
namespace {

// Parser messages quote the input. They go to logs, reports and other JSON, so they are made short
// and printable here.
std::string printable(std::string_view text) {
  constexpr size_t kCharsMax = 300;
  std::string out;
  for (const char c : text.substr(0, kCharsMax)) out.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  if (text.size() > kCharsMax) out += "...";
  return out;
}

// Counts depth and rejects duplicate keys while the library parses, before it can build anything
// deep.
class Guard {
 public:
  explicit Guard(const JsonLimits& limits) : limits_(limits) {}
  std::string error;

  bool operator()(int, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
        keys_.emplace_back();
        return enter();
      case Json::parse_event_t::array_start:
        keys_.emplace_back();
        return enter();
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end:
        if (!keys_.empty()) keys_.pop_back();
        return true;
      case Json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (error.empty() && !keys_.empty() && !keys_.back().insert(key).second) {
          error = "the key \"" + key + "\" appears twice in one object";
        } else if (error.empty() && !keys_.empty() && keys_.back().size() > limits_.members_max) {
          error = "an object with more than " + std::to_string(limits_.members_max) + " members";
        }
        return error.empty();
      }
      default:
        return error.empty();
    }
  }

 private:
  bool enter() {
    if (error.empty() && keys_.size() > limits_.depth_max) {
      error = "nested deeper than " + std::to_string(limits_.depth_max) + " levels";
    }
    return error.empty();
  }
  JsonLimits limits_;
  std::vector<std::set<std::string>> keys_;
};

void write_canonical(const Json& value, std::string& out) {
  switch (value.type()) {
    case Json::value_t::object: {
      std::vector<std::string> keys;
      for (const auto& [key, ignored] : value.items()) keys.push_back(key);
      std::sort(keys.begin(), keys.end());
      out.push_back('{');
      for (size_t i = 0; i < keys.size(); ++i) {
        if (i != 0) out.push_back(',');
        out += Json(keys[i]).dump();
        out.push_back(':');
        write_canonical(value.at(keys[i]), out);
      }
      out.push_back('}');
      return;
    }
    case Json::value_t::array:
      out.push_back('[');
      for (size_t i = 0; i < value.size(); ++i) {
        if (i != 0) out.push_back(',');
        write_canonical(value[i], out);
      }
      out.push_back(']');
      return;
    default:
      ASSAY_CHECK(!value.is_number_float());
      out += value.dump();
  }
}

// Depth by brackets outside strings: refuses before the library's recursion starts.
bool too_deep(std::string_view text, size_t depth_max) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view source, const JsonLimits& limits) {
  const std::string where(source);
  if (text.size() > limits.bytes_max) {
    return data_loss(where + ": " + format_size(text.size()) + " of JSON; at most " +
                     format_size(limits.bytes_max) + " are read");
  }
  if (too_deep(text, limits.depth_max)) {
    return data_loss(where + ": nested deeper than " + std::to_string(limits.depth_max) +
                     " levels");
  }
  Guard guard(limits);
  try {
    Json value = Json::parse(text.begin(), text.end(),
                             [&guard](int depth, Json::parse_event_t event, Json& parsed) {
                               return guard(depth, event, parsed);
                             });
    if (!guard.error.empty()) return data_loss(where + ": " + printable(guard.error));
    return value;
  } catch (const Json::exception& e) {
    if (!guard.error.empty()) return data_loss(where + ": " + printable(guard.error));
    return data_loss(where + ": not valid JSON: " + printable(e.what()));
  }
}

std::string canonical_json(const Json& value) {
  std::string out;
  write_canonical(value, out);
  return out;
}

}  // namespace assay
